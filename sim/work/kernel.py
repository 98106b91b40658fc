"""Distances from the real kernel: the simulator's only door to torch.

1. One model per network seed; parameters do not depend on the participant.
2. Announced nonces of all hosts wait until one of them is needed, then all are computed in full batches.
3. A distance is deterministic: it is computed once and answers every later request for the same nonce.

Bits do not depend on the number of threads: every batch has the same shape and is computed by one thread with one
torch thread; more threads only compute more batches at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pow.devices import get_n_cpus
from pow.kernel import Kernel
from pow.linear import AUTO, linear_name
from pow.params import PowParams, mode_of
from sim.work.base import Request, WorkCounts


class KernelWork:
    """Implements `sim.work.base.Work`; use as a context manager, it owns threads."""

    def __init__(self, params: PowParams, dtype: str, batch_size: int, n_threads: int | None) -> None:
        self._params = params
        self._dtype = dtype
        self._batch_size = batch_size
        self._n_threads = n_threads or get_n_cpus()
        self._kernels: dict[str, Kernel] = {}
        self._pending: dict[str, dict[Request, None]] = {}  # dicts keep the order of announcement
        self._known: dict[str, dict[Request, float]] = {}
        self._asked: dict[str, set[Request]] = {}
        self._n_computed = self._n_shared = self._n_batches = 0

    def __enter__(self) -> KernelWork:
        return self

    def __exit__(self, *_: object) -> None:
        for block_hash in list(self._kernels):
            self.forget(block_hash)

    @property
    def counts(self) -> WorkCounts:
        """Totals since the start of the run."""
        return WorkCounts(self._n_computed, self._n_shared)

    def announce(self, block_hash: str, requests: Sequence[Request]) -> None:
        """Remember what will be asked for; nothing is computed yet."""
        known, pending = self._known.get(block_hash, {}), self._pending.setdefault(block_hash, {})
        pending.update((request, None) for request in requests if request not in known)

    def distances(self, block_hash: str, requests: Sequence[Request]) -> NDArray[np.float64]:
        """Return the distance of every request, float64 (n,); computes whatever is announced if one is missing."""
        known = self._known.setdefault(block_hash, {})
        if any(request not in known for request in requests):
            self.announce(block_hash, requests)
            self._compute(block_hash, list(self._pending.pop(block_hash)))
        asked = self._asked.setdefault(block_hash, set())
        for request in requests:
            self._n_shared += request in asked
            asked.add(request)
        return np.array([known[request] for request in requests], dtype=np.float64)

    def forget(self, block_hash: str) -> None:
        """Free the model and all distances of a network seed."""
        for held in (self._pending, self._known, self._asked):
            held.pop(block_hash, None)
        if (kernel := self._kernels.pop(block_hash, None)) is not None:
            kernel.close()

    def describe(self) -> dict[str, Any]:
        """Return settings and totals for the provenance."""
        return {
            "kind": "kernel",
            "dtype": self._dtype,
            "batch_size": self._batch_size,
            "n_threads": self._n_threads,
            "torch_threads_per_batch": 1,
            "linear": linear_name(AUTO, mode_of(self._dtype).linear),
            "torch_cpu_capability": torch.backends.cpu.get_cpu_capability(),
            "computed": self._n_computed,
            "shared": self._n_shared,
            "batches": self._n_batches,
        }

    def _compute(self, block_hash: str, requests: list[Request]) -> None:
        found = self._get_kernel(block_hash).distances_of(requests)
        self._known[block_hash].update(zip(requests, found.tolist(), strict=True))
        self._n_computed += len(requests)
        self._n_batches += -(-len(requests) // self._batch_size)

    def _get_kernel(self, block_hash: str) -> Kernel:
        if block_hash not in self._kernels:
            self._kernels[block_hash] = Kernel(
                block_hash, self._params, self._dtype, batch_size=self._batch_size, n_threads=self._n_threads
            )
        return self._kernels[block_hash]
