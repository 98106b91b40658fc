"""Counted nonces, weights and the power cap (protocol 5.1, 5.3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.versions import VERSIONS
from sim.protocol.weights import cap_weights, compute_claimed_weight, compute_power_cap, count_nonces


@pytest.mark.parametrize(
    ("weights", "percentage", "cap"),
    [
        ([1000, 2000, 4000, 8000], 0.30, 2250),
        ([1000, 2000, 4000, 8000], 0.25, 1000),
        ([1000, 2000, 4000, 8000, 9000], 0.25, 3000),
        ([10, 20], 0.25, 10),
        ([10, 20, 100], 0.25, 20),
        ([1, 2, 3, 4, 100, 200], 0.25, 5),
        ([100] * 4, 0.25, None),
        ([0, 0, 0, 0, 10], 0.25, 0),
        ([100] * 4, 0.20, 0),
        ([7], 0.25, None),
        ([], 0.25, None),
        ([1, 100], 0.0, None),
    ],
)
def test_golden_caps(weights: list[int], percentage: float, cap: int | None) -> None:
    assert compute_power_cap(weights, percentage) == cap


LISTS = st.lists(st.integers(0, 10**9), min_size=5, max_size=40)


@given(LISTS, st.sampled_from([0.2, 0.25, 0.3, 0.5]))
def test_cap_laws(weights: list[int], percentage: float) -> None:
    named = {str(i): weight for i, weight in enumerate(weights)}
    capped = cap_weights(named, percentage)
    assert all(capped[name] <= weight for name, weight in named.items())
    total = sum(capped.values())
    # Truncating the cap by less than 1 raises the largest share by less than 1 / total.
    assert all(weight <= percentage * total + 1 for weight in capped.values())


def test_duplicates_count_only_at_launch() -> None:
    batches = [(1, 2, 3), (3, 4), (1,)]
    assert count_nonces(batches, VERSIONS["v0.2.0"]) == 6
    assert count_nonces(batches, VERSIONS["v0.2.2"]) == 4


def test_weight_scale_of_v0_2_6_truncates() -> None:
    assert [compute_claimed_weight(n, VERSIONS["v0.2.6"]) for n in (0, 1, 2, 3)] == [0, 2, 5, 7]
    assert compute_claimed_weight(3, VERSIONS["v0.2.5"]) == 3
