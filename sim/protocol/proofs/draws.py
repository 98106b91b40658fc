"""Which nonces an ML node tries and which a validator re-executes (protocol 3.2, 4.2); hashes read as numbers."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from pow.seeds import hash_to_number, nonce_range

LARGEST_HASH = 2**64 - 1
UNTRIED_FROM, UNTRIED_BELOW = 2**40, 2**62  # far beyond the nonces of any ML node in a stage


def compute_n_nodes(dispatched: Collection[int], highest_node_id: int, *, counts_nodes_handed_out: bool) -> int:
    """Return the `node_count` that ML nodes are told: the stride of their nonces. Reference: protocol 3.2.

    v0.2.0: the number of nodes `dispatched` in the same pass, so that nodes that start in different passes, or a set
    with gaps such as {1, 3}, share nonces. v0.2.2 on: the highest node number handed out so far; no two nodes meet.
    """
    return highest_node_id if counts_nodes_handed_out else len(dispatched)


def get_node_ranges(node_id: int, n_nodes: int, n_gpu_groups: int) -> tuple[range, ...]:
    """Return the nonces of each GPU group of an ML node; groups of one node never meet."""
    return tuple(nonce_range(node_id, n_nodes, group, n_gpu_groups) for group in range(n_gpu_groups))


def draw_untried_nonces(n: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return nonces that no ML node tries, int64 (n,)."""
    return generator.integers(UNTRIED_FROM, UNTRIED_BELOW, size=n)


def compute_hash_uniform(text: str) -> float:
    """The number that the text's hash gives, over 2^64 - 1: in [0, 1] [I]. Reference: protocol 2.1, 6.7."""
    return hash_to_number(text) / LARGEST_HASH


def compute_sampling_seed(validator_key: str, block_hash: str, start_height: int) -> int:
    """The number that the hash of "{key}:{hash}:{P}" gives. All its parts are known from block P on.

    The live network reads it as a signed number, NumPy's generators take unsigned ones. Reference: protocol 4.2
    """
    return hash_to_number(f"{validator_key}:{block_hash}:{start_height}")


def select_positions(n_total: int, sample_size: int, sampling_seed: int) -> NDArray[np.int64]:
    """Return the sampled positions among a participant's `n_total` claimed nonces, without replacement.

    The first `sample_size` entries of a pseudo-random permutation, or all positions where the sample covers them.
    The permutation is NumPy's PCG64 (the live network's generator differs; its law is the same).
    """
    if sample_size >= n_total:
        return np.arange(n_total, dtype=np.int64)
    permutation = np.random.default_rng(sampling_seed).permutation(n_total)
    return permutation[:sample_size].astype(np.int64)
