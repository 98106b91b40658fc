"""Which places of a claim a sample will hit, for a host that knows the seed of the sample before it claims.

The scheme `hits` draws samples from the validator's key and from block P alone, so that whoever claims last can put
what it computed where validators look, and what it invented elsewhere. Reference: protocol 4.2
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from sim.protocol.proofs.draws import select_positions


def find_sampled(n_total: int, sample_size: int, seeds: Iterable[int]) -> NDArray[np.bool_]:
    """Tell which of `n_total` places of a claim any of the samples with these seeds hits, (n_total,)."""
    is_sampled = np.zeros(n_total, dtype=np.bool_)
    for seed in seeds:
        is_sampled[select_positions(n_total, sample_size, seed)] = True
    return is_sampled


def find_room(n_computed: int, n_most: int, sample_size: int, seeds: Iterable[int]) -> int:
    """Return the length of a claim, from `n_computed` to `n_most`, whose sampled places computed nonces all fill.

    It is the largest that a bisection finds: sampled places nearly always grow in number with the claim.
    """
    known = tuple(seeds)
    low, high = n_computed, max(n_computed, n_most)
    while low < high:
        middle = (low + high + 1) // 2
        fits = int(find_sampled(middle, sample_size, known).sum()) <= n_computed
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


def place_computed(n_computed: int, is_first: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return for each place of a claim which nonce stands there, int64 (n,): computed ones fill the first places first.

    `is_first`: (n,) places that computed nonces should fill. Numbers below `n_computed` mean computed nonces, the
    others, up to n - 1, invented ones; both stand in their own order.
    """
    n = len(is_first)
    filled = np.argsort(~is_first, kind="stable")[:n_computed]
    order = np.empty(n, dtype=np.int64)
    is_computed = np.zeros(n, dtype=np.bool_)
    is_computed[filled] = True
    order[is_computed] = np.arange(len(filled))
    order[~is_computed] = np.arange(n_computed, n_computed + n - len(filled))
    return order
