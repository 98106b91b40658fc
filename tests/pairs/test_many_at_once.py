"""Several mechanisms at once, at random: the laws that hold whatever is turned on (`laws`)."""

import pytest
from laws import check_all
from mixtures import OPTIONAL, SEEDS, mix, select_mechanisms
from observed import observe_tree


@pytest.mark.parametrize("seed", SEEDS)
def test_laws_hold_with_many_mechanisms_at_once(seed: int) -> None:
    run = observe_tree(mix(seed))
    epochs = check_all(run)
    assert any(row["weight"] > 0 for epoch in epochs for row in epoch.rows.values()), "nothing happened"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 220))
def test_laws_hold_with_many_more(seed: int) -> None:
    check_all(observe_tree(mix(seed)))


def test_every_mechanism_is_on_in_some_mixture_and_off_in_another() -> None:
    on = [select_mechanisms(seed) for seed in SEEDS]
    assert all(any(name in each for each in on) and any(name not in each for each in on) for name in OPTIONAL)
