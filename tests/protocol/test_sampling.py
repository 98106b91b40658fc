"""Sampled positions (protocol 4.2)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pow.validation import critical_count, fraud_test
from sim.protocol.proofs.draws import compute_sampling_seed, select_positions


def test_everything_where_the_sample_covers_it() -> None:
    assert select_positions(5, 5, 1).tolist() == [0, 1, 2, 3, 4]
    assert select_positions(0, 5, 1).tolist() == []


def test_without_replacement_and_reproducible() -> None:
    chosen = select_positions(1000, 200, 7)
    assert len(set(chosen.tolist())) == 200
    assert chosen.min() >= 0
    assert chosen.max() < 1000
    assert np.array_equal(chosen, select_positions(1000, 200, 7))


def test_seed_depends_on_each_part() -> None:
    seeds = {compute_sampling_seed(*parts) for parts in [("a", "H", 1), ("b", "H", 1), ("a", "I", 1), ("a", "H", 2)]}
    assert len(seeds) == 4


@pytest.mark.parametrize("position", [0, 49, 99])
def test_every_position_is_sampled_equally_often(position: int) -> None:
    """2 000 validators, chance 0.2 each: standard deviation 17.9; bound 4 of them, error level 6e-5 per position."""
    n_sampled = sum(position in select_positions(100, 20, seed) for seed in range(2000))
    assert abs(n_sampled - 400) < 4 * 17.9


CRITICAL_COUNTS = [
    (1, 2, None),
    (3, 17, 3),
    (18, 80, 4),
    (81, 213, 5),
    (214, 422, 6),
    (423, 709, 7),
    (710, 1068, 8),
    (1069, 1493, 9),
    (1494, 1980, 10),
]


@pytest.mark.parametrize(("first", "last", "count"), CRITICAL_COUNTS)
def test_critical_counts_of_every_column(first: int, last: int, count: int | None) -> None:
    """Protocol 4.4: fraud if k reaches the count, for every n of the column; the next column starts right after."""
    assert {critical_count(n) for n in range(first, last + 1)} == {count}
    assert critical_count(last + 1) == (3 if count is None else count + 1)


@given(st.integers(1, 400), st.data())
def test_more_invalid_nonces_never_make_a_fraud_less_likely(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n - 1))
    fewer, more = fraud_test(n, k), fraud_test(n, k + 1)
    assert more.p_values <= fewer.p_values
    assert more.frauds >= fewer.frauds


@pytest.mark.parametrize(
    ("n", "n_validators", "unchecked"), [(10_000, 11, 0.80), (10_000, 60, 0.30), (10_000, 100, 0.13), (2000, 11, 0.31)]
)
def test_chance_that_nobody_checks_a_position(n: int, n_validators: int, unchecked: float) -> None:
    """Protocol 4.2: (1 - 200 / n)^V, measured on real samples; bound 4 standard deviations, error level 6e-5 each."""
    checked = np.zeros(n, dtype=bool)
    for validator in range(n_validators):
        checked[select_positions(n, 200, compute_sampling_seed(f"v{validator}", "H", 1))] = True
    exact = (1 - 200 / n) ** n_validators
    assert exact == pytest.approx(unchecked, abs=0.006)
    assert abs(1 - checked.mean() - exact) < 4 * np.sqrt(exact * (1 - exact) / n)
