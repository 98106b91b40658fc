"""The fast path: the same distances as `distances`, in batches of fixed shape, on the processors or on GPUs.

1. One model per block hash, its parameters views of one pool; nothing is copied or rebuilt.
2. Requests, (public key, nonce) pairs of any hosts, are cut into batches of `batch_size`; the last one is
   filled up, so that every product has the same shape and a distance depends on its own pair only.
3. On the CPU each batch is drawn, run and measured by one of `n_threads` workers. A worker uses one torch thread, so
   that bits do not depend on how many workers there are. A model so large that a batch is one nonce may use all torch
   threads instead (`torch_threads`), at the price of bits that depend on them.
4. On cards each card holds the pool; `n_threads` threads draw a few batches ahead and measure distances, both on the
   CPU, while the cards multiply. Which cards, and how many nonces at once, says `pow.placement`.

Reference: kernel 4, 5, 8
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

import numpy as np
import torch

import pow.cuda as cuda
from pow.devices import check_memory, cpu_batch_size, get_n_cpus
from pow.distances import FloatArray, Request, cut_batches
from pow.engines import CardEngine, CpuEngine, DistanceJob
from pow.fast import FastForward
from pow.linear import AUTO, LINEARS, linear_name
from pow.parameters import weights_bytes
from pow.params import PowParams, mode_of
from pow.placement import CPU, Placement, check_device, drawn_bytes, place
from pow.sphere import target
from pow.transformer import build_on


class Kernel(AbstractContextManager["Kernel", None]):
    """Distances of nonces under one block hash. A context manager, or closed by `close`: it owns threads.

    `device` is "cpu", "cuda" (all cards) or "cuda:N". `batch_size` is chosen by the model's size or the cards' free
    memory unless given; `n_threads` are the processors unless given. `linear` names a product of `pow.linear.LINEARS`,
    "auto" takes the machine's fastest by a fixed rule. `n_layers` and `unit_gains` as in `transformer.build`. Raises
    ValueError for anything it cannot do, before any work. On cards it calls `cuda.set_deterministic`.
    """

    def __init__(
        self,
        block_hash: str,
        params: PowParams,
        dtype: str = "float16",
        device: str = CPU,
        *,
        batch_size: int | None = None,
        n_threads: int | None = None,
        torch_threads: int = 1,
        linear: str = AUTO,
        n_layers: int | None = None,
        unit_gains: bool = False,
    ) -> None:
        for name, value in (("batch_size", batch_size), ("n_threads", n_threads), ("torch_threads", torch_threads)):
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value}; it must be at least 1")
        if check_device(device) != CPU and torch_threads != 1:
            raise ValueError(f"torch_threads is {torch_threads}; on {device!r} there is nothing for them to do")
        self.n_threads = n_threads or get_n_cpus()
        self.linear = linear_name(linear, mode_of(dtype).linear, on_card=device != CPU)
        self.placement = place_kernel(params, dtype, device, batch_size, self.n_threads)
        self.params = params
        self.batch_size = self.placement.batch_size
        if device != CPU:
            cuda.set_deterministic()
        devices: list[torch.device | str] = [cuda.get_device(card) for card in self.placement.cards] or [CPU]
        built = build_on(devices, block_hash, params, dtype, n_layers=n_layers, unit_gains=unit_gains)
        models = [FastForward(model, LINEARS[self.linear]) for model in built]
        job = DistanceJob(block_hash, params, target(block_hash, params.vocab_size), self.batch_size)
        self._engine: CpuEngine[FloatArray] | CardEngine[FloatArray] = (
            CpuEngine(models[0], job, self.n_threads, torch_threads)
            if device == CPU
            else CardEngine(models, job, self.n_threads)
        )

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the threads; the kernel cannot be used any more."""
        self._engine.close()

    def distances(self, public_key: str, nonces: Sequence[int]) -> FloatArray:
        """Compute the distances of one host's nonces, float64 (n,). Errors as `distances_of`."""
        return self.distances_of([(public_key, nonce) for nonce in nonces])

    def distances_of(self, requests: Sequence[Request]) -> FloatArray:
        """Compute the distances of (public key, nonce) pairs, float64 (n,).

        Raises ValueError if there is none or a nonce is outside [0, 2^63).
        """
        if not requests:
            raise ValueError("there are no nonces; at least one is needed")
        return np.concatenate(self._engine.compute(list(cut_batches(requests, self.batch_size))))


def place_kernel(
    params: PowParams, dtype: str, device: str = CPU, batch_size: int | None = None, n_threads: int = 1
) -> Placement:
    """Say where a kernel would compute, in which batches; on the CPU there are no groups of cards.

    Raises ValueError if the device is unknown or not there, or if its memory or the host's is too small: all that can
    go wrong with a device, before any work.
    """
    if check_device(device) == CPU:
        check_memory(params, dtype, n_threads)
        return Placement((), batch_size or cpu_batch_size(params))
    placement = place(device, cuda.list_cards(), params, dtype, weights_bytes(params, dtype), batch_size)
    check_memory(params, dtype, n_threads + len(placement.cards), placement.batch_size * drawn_bytes(params))
    return placement
