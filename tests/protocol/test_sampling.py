"""Sampled positions (protocol 4.2)."""

import numpy as np
import pytest

from sim.protocol.sampling import compute_sampling_seed, select_positions


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
