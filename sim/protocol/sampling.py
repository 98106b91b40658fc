"""Which nonces a validator re-executes (protocol 4.2)."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def compute_sampling_seed(validator_key: str, block_hash: str, start_height: int) -> int:
    """First 8 bytes, big-endian, of SHA-256 of "{key}:{hash}:{P}". Nothing in it is unknown after block P.

    The live network reads them as a signed number, NumPy's generators take unsigned ones. Reference: protocol 4.2
    """
    return int.from_bytes(hashlib.sha256(f"{validator_key}:{block_hash}:{start_height}".encode()).digest()[:8], "big")


def select_positions(n_total: int, sample_size: int, sampling_seed: int) -> NDArray[np.int64]:
    """Return the sampled positions among a participant's `n_total` claimed nonces, without replacement.

    The first `sample_size` entries of a pseudo-random permutation, or all positions where the sample covers them.
    The permutation is NumPy's PCG64 (the live network's generator differs; its law is the same).
    """
    if sample_size >= n_total:
        return np.arange(n_total, dtype=np.int64)
    permutation = np.random.default_rng(sampling_seed).permutation(n_total)
    return permutation[:sample_size].astype(np.int64)
