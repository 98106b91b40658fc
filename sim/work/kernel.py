"""Distances from the real kernel: the simulator's only door to torch.

1. One model per network seed; parameters do not depend on the participant.
2. Announced nonces of all hosts wait until one of them is needed, then all are computed in full batches.
3. A distance is deterministic: it is computed once and answers every later request for the same nonce.

Bits do not depend on the number of threads: every batch has the same shape and is computed by one thread with one
torch thread; more threads only compute more batches at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pow.distances import distances_of
from pow.params import PowParams
from pow.transformer import Transformer, build
from sim.work.base import Request, WorkCounts


class KernelWork:
    """Implements `sim.work.base.Work`; use as a context manager, it owns threads."""

    def __init__(self, params: PowParams, dtype: str, batch_size: int, n_threads: int) -> None:
        self._params = params
        self._dtype = dtype
        self._batch_size = batch_size
        self._n_threads = n_threads
        self._models: dict[str, Transformer] = {}
        self._pending: dict[str, dict[Request, None]] = {}  # dicts keep the order of announcement
        self._known: dict[str, dict[Request, float]] = {}
        self._asked: dict[str, set[Request]] = {}
        self._n_computed = self._n_shared = self._n_batches = 0
        self._torch_threads = torch.get_num_threads()
        self._executor = ThreadPoolExecutor(n_threads, initializer=partial(torch.set_num_threads, 1))

    def __enter__(self) -> KernelWork:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)
        torch.set_num_threads(self._torch_threads)

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
        for held in (self._models, self._pending, self._known, self._asked):
            held.pop(block_hash, None)

    def describe(self) -> dict[str, Any]:
        """Return settings and totals for the provenance."""
        return {
            "kind": "kernel",
            "dtype": self._dtype,
            "batch_size": self._batch_size,
            "n_threads": self._n_threads,
            "torch_threads_per_batch": 1,
            "torch_cpu_capability": torch.backends.cpu.get_cpu_capability(),
            "computed": self._n_computed,
            "shared": self._n_shared,
            "batches": self._n_batches,
        }

    def _compute(self, block_hash: str, requests: list[Request]) -> None:
        model = self._get_model(block_hash)
        starts = range(0, len(requests), self._batch_size)
        batches = [requests[start : start + self._batch_size] for start in starts]
        compute = partial(distances_of, model, batch_size=self._batch_size)
        known = self._known[block_hash]
        for batch, found in zip(batches, self._executor.map(compute, batches), strict=True):
            known.update(zip(batch, found.tolist(), strict=True))
        self._n_computed += len(requests)
        self._n_batches += len(batches)

    def _get_model(self, block_hash: str) -> Transformer:
        if block_hash not in self._models:
            self._models[block_hash] = build(block_hash, self._params, self._dtype)
        return self._models[block_hash]
