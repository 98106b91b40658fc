"""Places of a claim that samples hit, for a host that knows their seeds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.proofs.draws import select_positions
from sim.protocol.proofs.placing import find_room, find_sampled, place_computed

SEEDS = (3, 2**63 + 5, 17)


@pytest.mark.parametrize(("n_total", "size"), [(100, 7), (5, 7), (1, 1)])
def test_exactly_the_places_of_all_samples_are_found(n_total: int, size: int) -> None:
    hit = {int(place) for seed in SEEDS for place in select_positions(n_total, size, seed)}
    assert set(np.flatnonzero(find_sampled(n_total, size, SEEDS)).tolist()) == hit
    assert not find_sampled(n_total, size, ()).any()


def test_the_largest_claim_fills_what_is_sampled_with_computed_nonces() -> None:
    """3 samples of 40 hit at most 120 places: 120 computed nonces carry any claim, 100 a small one."""
    assert find_room(120, 100_000, 40, SEEDS) == 100_000
    room = find_room(100, 100_000, 40, SEEDS)
    assert 100 < room < 100_000
    hit = [int(find_sampled(n, 40, SEEDS).sum()) for n in (room, room + 1)]
    assert hit[0] <= 100 < hit[1]
    assert find_room(100, 50, 40, SEEDS) == 100  # a claim is no shorter than what was computed


@given(st.lists(st.booleans(), max_size=30), st.integers(0, 30))
def test_computed_nonces_fill_the_wanted_places_first(wanted: list[bool], n_computed: int) -> None:
    is_first, n_computed = np.array(wanted, dtype=np.bool_), min(n_computed, len(wanted))
    order = place_computed(n_computed, is_first)
    assert sorted(order.tolist()) == list(range(len(wanted)))
    is_computed = order < n_computed
    assert is_computed[is_first].all() or not is_computed[~is_first].any()
    assert (np.diff(order[is_computed]) > 0).all()
    assert (np.diff(order[~is_computed]) > 0).all()
