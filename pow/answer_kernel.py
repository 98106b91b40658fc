"""Answers of the transformer at hand: fixed parameters, inputs, mirrors and reductions by block hash and nonce.

1. A served language model keeps its parameters. So does this one: a fixed text draws them, once for each preset, with
   gains of 1 in the norms as a trained model has about, so that every layer matters.
2. Requests, (public key, nonce) pairs of any hosts, are cut into batches of one shape, as `pow.kernel` cuts them: a
   nonce's answer depends on no neighbour. Inputs and reductions are drawn on the CPU, batches ahead of a card.
3. Draws and reductions of a batch are done for all its nonces together, with the bits of `pow.answers`.

Reference: network 2.4
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

import pow.cuda as cuda
from pow.answers import (
    K_DIM,
    Floats,
    mirror,
    mix,
    normals,
    pick_text,
    reflection,
    seed,
    to_normals,
    turn_texts,
    unit,
)
from pow.devices import get_n_cpus
from pow.distances import Request, cut_batches, fill_up
from pow.engines import Batch, CardEngine, CpuEngine
from pow.fast import FastForward
from pow.kernel import place_kernel
from pow.linear import AUTO, LINEARS, linear_name
from pow.parameters import torch_type
from pow.params import PowParams, mode_of
from pow.placement import CPU, check_device
from pow.seeds import input_seed
from pow.transformer import build_on

Answers = npt.NDArray[np.float16]
WEIGHTS_TEXT: Final = "powsim"
"""Draws the parameters."""


class AnswerKernel:
    """Answers of one model under any block hash.

    `device`, `batch_size` and `n_threads` as in `pow.kernel.Kernel`; `n_layers` runs the first layers only, with all
    mirrors; `weights` draws the parameters: another text is another model of the same shape. Raises ValueError for
    anything it cannot do, before any work.
    """

    def __init__(
        self,
        params: PowParams,
        dtype: str = "float16",
        device: str = CPU,
        *,
        batch_size: int | None = None,
        n_threads: int | None = None,
        n_layers: int | None = None,
        weights: str = WEIGHTS_TEXT,
    ) -> None:
        for name, value in (("batch_size", batch_size), ("n_threads", n_threads)):
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value}; it must be at least 1")
        self.n_threads = n_threads or get_n_cpus()
        self.linear = linear_name(AUTO, mode_of(dtype).linear, on_card=check_device(device) != CPU)
        self.placement = place_kernel(params, dtype, device, batch_size, self.n_threads)
        self.params, self.batch_size = params, self.placement.batch_size
        if device != CPU:
            cuda.set_deterministic()
        devices: list[torch.device | str] = [cuda.get_device(card) for card in self.placement.cards] or [CPU]
        built = build_on(devices, weights, params, dtype, n_layers=n_layers, unit_gains=True)
        self._models = [FastForward(model, LINEARS[self.linear]) for model in built]

    def answers(self, block_hash: str, public_key: str, nonces: Sequence[int]) -> Answers:
        """Compute the answers of one host's nonces, float16 (n, 12). Errors as `answers_of`."""
        return self.answers_of(block_hash, [(public_key, nonce) for nonce in nonces])

    def answers_of(self, block_hash: str, requests: Sequence[Request]) -> Answers:
        """Compute the answers of (public key, nonce) pairs, float16 (n, 12); a row of NaN where numbers overflowed.

        Raises ValueError if there is none or a nonce is outside [0, 2^63).
        """
        if not requests:
            raise ValueError("there are no nonces; at least one is needed")
        batches = list(cut_batches(requests, self.batch_size))
        with closing(self._open(AnswerJob(block_hash, self.params, self.batch_size))) as engine:
            return np.concatenate(engine.compute(batches))

    def _open(self, job: AnswerJob) -> CpuEngine[Answers] | CardEngine[Answers]:
        if self.placement.cards:
            return CardEngine(self._models, job, self.n_threads)
        return CpuEngine(self._models[0], job, self.n_threads, torch_threads=1)


@dataclass(frozen=True, eq=False)
class AnswerJob:
    """Answers of nonces under one block hash, (batch_size, ...) at a time."""

    block_hash: str
    params: PowParams
    batch_size: int

    def draw(self, batch: Batch) -> tuple[Floats, Batch]:
        """Draw inputs (batch_size, T, D); the last request fills the batch up."""
        found = draw_inputs(self.block_hash, batch, self.params.seq_len, self.params.dim)
        return found[fill_up(len(batch), self.batch_size)], batch

    def run(self, model: FastForward, inputs: Floats) -> torch.Tensor:
        """Give the last position's state after the final norm, (batch_size, D)."""
        return model.last_hidden(inputs, self.get_mirrors(model)).to(torch_type(model.model.mode.wide))

    def measure(self, found: npt.NDArray[Any], drawn: Batch, n: int) -> Answers:
        """Reduce states to answers, float16 (n, 12)."""
        return reduce(found[:n], self.block_hash, drawn)

    def get_mirrors(self, model: FastForward) -> torch.Tensor:
        """Give the mirrors of all layers (layers, D) in the model's type, where the model is."""
        return draw_mirrors(self.block_hash, self.params).to(
            model.model.rotary.device, torch_type(model.model.mode.working)
        )


def draw_mirrors(block_hash: str, params: PowParams) -> torch.Tensor:
    """Draw the mirrors of all layers, float32 (layers, D)."""
    return torch.from_numpy(np.stack([reflection(block_hash, i, params.dim) for i in range(params.n_layers)]))


def draw_inputs(block_hash: str, requests: Sequence[Request], seq_len: int, dim: int) -> Floats:
    """Draw the inputs of (public key, nonce) pairs, float32 (n, seq_len, dim); see `answers.inputs_float32`."""
    found = np.empty((len(requests), seq_len * dim), dtype=np.float32)
    for row, (key, nonce) in zip(found, requests, strict=True):
        row[:] = normals(seed(input_seed(block_hash, key, nonce)), row.size)
    return found.reshape(-1, seq_len, dim)


def reduce(hidden: npt.NDArray[Any], block_hash: str, requests: Sequence[Request], k: int = K_DIM) -> Answers:
    """Reduce the states (n, dim) of (public key, nonce) pairs, float16 (n, k): the bits of `answers.reduce`."""
    states, counters = hidden.astype(np.float32), np.arange(hidden.shape[1], dtype=np.uint32)
    picks = _seed_all(pick_text(block_hash, key, nonce, k) for key, nonce in requests)
    places = np.sort(np.argpartition(mix(counters, picks[:, None]), k - 1)[:, :k])  # (n, k)
    vectors = np.take_along_axis(unit(states), places, axis=1)  # (n, k)
    turns = _seed_all(text for key, nonce in requests for text in turn_texts(block_hash, key, nonce, k))
    mirrors = to_normals(mix(np.arange(k + k % 2, dtype=np.uint32), turns.reshape(len(requests), k - 1, 1)))[
        ..., :k
    ]  # (n, k - 1, k)
    for normal in np.moveaxis(unit(mirrors), 1, 0):
        vectors = mirror(vectors, normal)
    return unit(vectors).astype(np.float16)


def _seed_all(texts: Iterable[str]) -> npt.NDArray[np.uint32]:
    return np.array([seed(text) for text in texts], dtype=np.uint32)
