"""Which nonces a validator re-executes (protocol 4.2), and uniform numbers that everybody derives alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pow.seeds import hash_to_number

LARGEST_HASH = 2**64 - 1


def compute_hash_uniform(text: str) -> float:
    """The number that the text's hash gives, over 2^64 - 1: in [0, 1] [I]. Reference: protocol 2.1, 6.7."""
    return hash_to_number(text) / LARGEST_HASH


def compute_sampling_seed(validator_key: str, block_hash: str, start_height: int) -> int:
    """The number that the hash of "{key}:{hash}:{P}" gives. Nothing in it is unknown after block P.

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
