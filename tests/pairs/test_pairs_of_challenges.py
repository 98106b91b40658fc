"""PoC Challenges with much else at once, at random: laws that hold whatever is turned on."""

import pytest
from laws_of_challenges import check_all_of_challenges
from mixtures import CHALLENGE_SEEDS, mix_challenges
from observed import observe_tree


@pytest.mark.parametrize("seed", CHALLENGE_SEEDS)
def test_laws_hold_with_challenges_and_much_else_at_once(seed: int) -> None:
    assert check_all_of_challenges(observe_tree(mix_challenges(seed))) > 0, "nobody was challenged"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(400, 430))
def test_laws_hold_with_challenges_and_much_more(seed: int) -> None:
    check_all_of_challenges(observe_tree(mix_challenges(seed)))
