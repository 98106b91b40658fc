"""From nonces to distances: the slow, readable path that everything faster is held to.

Reference: kernel 4
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import torch

from pow.inputs import input_of, inputs_float32, permutation_of, permutations
from pow.params import PowParams
from pow.seeds import check_nonce
from pow.sphere import target
from pow.transformer import build

FloatArray = npt.NDArray[np.float64]
Request = tuple[str, int]
"""A public key and a nonce."""

BATCH_SIZE: Final = 100


class Forward(Protocol):
    """A model of one block hash, readable (`Transformer`) or fast (`FastForward`)."""

    @property
    def block_hash(self) -> str:
        """The block hash that its parameters come from."""

    @property
    def params(self) -> PowParams:
        """Its shape."""

    def last_logits(self, inputs: npt.NDArray[np.floating]) -> torch.Tensor:
        """Give the logits of the last position, (B, V)."""


def distances(
    block_hash: str, public_key: str, nonces: Sequence[int], params: PowParams, dtype: str = "float16"
) -> FloatArray:
    """Compute the distances of a host's nonces in one batch, float64 (n,).

    Builds the model anew: for many calls use `build` once and `distances_of`. Raises ValueError if there is no nonce,
    one is outside [0, 2^63), or `dtype` is unknown. Reference: kernel 1-4
    """
    # The nonces first: a mistake in them is raised before the model is drawn.
    x = inputs_float32(block_hash, public_key, nonces, params)
    orders = permutations(block_hash, public_key, nonces, params.vocab_size)
    return model_distances(build(block_hash, params, dtype), target(block_hash, params.vocab_size), x, orders)


def model_distances(
    model: Forward,
    target: FloatArray,
    inputs: npt.NDArray[np.floating],
    permutations: npt.NDArray[np.int64],
) -> FloatArray:
    """Compute the distances of one batch from its inputs (n, T, D) and permutations (n, V), float64 (n,).

    `inputs` are best given in float32: the model rounds them to its data type. Rows may belong to different hosts.
    Raises ValueError if shapes or types do not fit the model. Reference: kernel 3, 4
    """
    expected = (len(inputs), model.params.vocab_size)
    if permutations.shape != expected:
        raise ValueError(f"permutations have the shape {permutations.shape}; it must be {expected}")
    if target.shape != expected[1:]:
        raise ValueError(f"target has the shape {target.shape}; it must be {expected[1:]}")
    return chord_distances(model.last_logits(inputs).cpu().numpy(), target, permutations)


def chord_distances(
    logits: npt.NDArray[np.floating], target: FloatArray, permutations: npt.NDArray[np.int64]
) -> FloatArray:
    """Permute logits (n, V), scale each row to length one and measure its chord to the target, float64 (n,).

    Reference: kernel 4
    """
    permuted = np.take_along_axis(logits, permutations, axis=1)  # (n, V)
    # In the logits' own type and by NumPy over the batch: any other norm moves a distance by up to 4e-7.
    unit = permuted / np.linalg.norm(permuted, axis=1, keepdims=True)  # (n, V)
    chords: FloatArray = np.linalg.norm(unit - target, axis=1)  # (n,)
    return chords


def distances_of(model: Forward, requests: Sequence[Request], *, batch_size: int = BATCH_SIZE) -> FloatArray:
    """Compute the distances of many hosts' (public key, nonce) pairs for the model's block hash, float64 (n,).

    Every batch has the same shape, the last one is filled up by repeating its last pair, since the shape of a batch
    decides the order of its sums: a distance does not depend on its neighbours. With several torch threads it may
    depend on its place in the batch where batch_size is below 12 and no multiple of 4 (by 1e-7, on the CPUs tried).
    No requests give an empty array. Raises ValueError if a nonce is outside [0, 2^63) or batch_size < 1.
    Reference: kernel 4, 5
    """
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be at least 1")
    aim = target(model.block_hash, model.params.vocab_size)
    found = [batch_distances(model, aim, batch, batch_size) for batch in cut_batches(requests, batch_size)]
    return np.concatenate([np.empty(0), *found])


def cut_batches(requests: Sequence[Request], batch_size: int) -> Iterator[Sequence[Request]]:
    """Check every nonce, then give the requests in batches of at most `batch_size`, in their order."""
    for _, nonce in requests:
        check_nonce(nonce)
    for begin in range(0, len(requests), batch_size):
        yield requests[begin : begin + batch_size]


def batch_distances(model: Forward, target: FloatArray, requests: Sequence[Request], batch_size: int) -> FloatArray:
    """Compute one batch of at most `batch_size` requests in the shape of a full one, float64 (n,)."""
    x = np.stack([input_of(model.block_hash, key, nonce, model.params) for key, nonce in requests])
    orders = np.stack(
        [permutation_of(model.block_hash, key, nonce, model.params.vocab_size) for key, nonce in requests]
    )
    rows = fill_up(len(requests), batch_size)
    return model_distances(model, target, x[rows], orders[rows])[: len(requests)]


def fill_up(n: int, batch_size: int) -> npt.NDArray[np.int64]:
    """Give the rows of a full batch, int64 (batch_size,): 0 … n − 1, the last of them again and again."""
    return np.minimum(np.arange(batch_size), n - 1)
