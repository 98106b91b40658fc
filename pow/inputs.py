"""The input that a nonce stands for: one sequence of random embeddings and one permutation of the logits.

Reference: kernel 1, 4
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pow.params import PowParams
from pow.seeds import check_nonce, input_generator, permutation_generator


def inputs(block_hash: str, public_key: str, nonces: Sequence[int], params: PowParams) -> npt.NDArray[np.float16]:
    """Draw the inputs of several nonces as the network uses them, float16 (n, seq_len, dim).

    Raises ValueError if there is no nonce or one is outside [0, 2^63). Reference: kernel 1
    """
    # The second of two roundings: float64 -> float32 -> float16 is not float64 -> float16.
    return inputs_float32(block_hash, public_key, nonces, params).astype(np.float16)


def inputs_float32(
    block_hash: str, public_key: str, nonces: Sequence[int], params: PowParams
) -> npt.NDArray[np.float32]:
    """Draw the same inputs before they are rounded to a data type, float32 (n, seq_len, dim).

    The modes whose data are float32 or bfloat16 start from here. Errors as in `inputs`. Reference: kernel 1, 6
    """
    return np.stack([input_of(block_hash, public_key, nonce, params) for nonce in _checked(nonces)])


def input_of(block_hash: str, public_key: str, nonce: int, params: PowParams) -> npt.NDArray[np.float32]:
    """Draw one nonce's input, float32 (seq_len, dim)."""
    draws = input_generator(block_hash, public_key, nonce).standard_normal((params.seq_len, params.dim))
    return draws.astype(np.float32)


def permutations(block_hash: str, public_key: str, nonces: Sequence[int], vocab_size: int) -> npt.NDArray[np.int64]:
    """Draw the permutations of several nonces, int64 (n, vocab_size).

    Raises ValueError if there is no nonce, one is outside [0, 2^63), or vocab_size < 1. Reference: kernel 1
    """
    return np.stack([permutation_of(block_hash, public_key, nonce, vocab_size) for nonce in _checked(nonces)])


def permutation_of(block_hash: str, public_key: str, nonce: int, vocab_size: int) -> npt.NDArray[np.int64]:
    """Draw one nonce's permutation of 0 … vocab_size − 1, int64 (vocab_size,)."""
    if vocab_size < 1:
        raise ValueError(f"vocab_size is {vocab_size}; it must be at least 1")
    # As int64 explicitly, since NumPy's own integer is narrower on some platforms.
    return permutation_generator(block_hash, public_key, nonce).permutation(vocab_size).astype(np.int64, copy=False)


def _checked(nonces: Sequence[int]) -> list[int]:
    """Check all nonces before the first draw, which may be slow."""
    if len(nonces) == 0:
        raise ValueError("nonces is empty; at least one nonce is needed")
    return [check_nonce(nonce) for nonce in nonces]
