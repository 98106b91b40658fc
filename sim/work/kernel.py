"""Distances from the real kernel: the simulator's only door to torch.

1. One model per network seed, numerics and number of layers; parameters do not depend on the participant.
2. Announced nonces of all hosts wait until one of them is needed, then all are computed in full batches.
3. A distance is deterministic: it is computed once and answers every later request for the same nonce.
4. Distances may be kept in a folder, and answer later runs: see `sim.work.distances`.
5. Bits depend neither on neighbours in a batch nor on the number of threads, see `pow.kernel`.
"""

from __future__ import annotations

import hashlib
import inspect
import platform
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pow.devices import get_n_cpus
from pow.kernel import Kernel
from pow.params import PowParams, mode_of
from pow.placement import CPU
from pow.validation import count_invalid, is_valid
from sim.errors import UserError
from sim.protocol.proofs.claimed import ClaimedNonces
from sim.work.base import Produced, Request, Sample, Task, WorkCounts, list_requests
from sim.work.distances import CHECKED_EVERY, DistanceStore, Origin, compare_again

ORIGIN_DIGITS = 16


@dataclass
class _Numbers:
    """Distances and announced requests under one network seed in one numerics, in the order of announcement."""

    kernel: Kernel
    origin: Origin
    stored: dict[Request, float]
    """From an earlier run."""
    pending: dict[Request, None] = field(default_factory=dict)
    known: dict[Request, float] = field(default_factory=dict)
    asked: set[Request] = field(default_factory=set)


class KernelWork(AbstractContextManager["KernelWork", None]):
    """Implements `sim.work.base.Work`; it owns threads, hence a context manager."""

    def __init__(
        self,
        params: PowParams,
        batch_size: int | None = None,
        n_threads: int | None = None,
        device: str = CPU,
        cache: Path | None = None,
    ) -> None:
        self._store = None if cache is None else DistanceStore(cache)
        self._params = params
        self._batch_size = batch_size
        self._n_threads = n_threads or get_n_cpus()
        self._device = device
        self._numbers: dict[tuple[str, str, int | None], _Numbers] = {}
        self._linears: dict[str, str] = {}
        self._batch_sizes: dict[str, int] = {}
        """Of the first kernel in these numerics and all later ones, however much memory is free by then."""
        self._cards: list[list[str]] = []
        self._n_computed = self._n_shared = 0

    def __exit__(self, *error: object) -> None:
        for block_hash, *_ in list(self._numbers):
            self.forget(block_hash)
        if self._store is not None:
            self._store.close()

    @property
    def counts(self) -> WorkCounts:
        """Totals since the start of the run."""
        return WorkCounts(self._n_computed, self._n_shared)

    def announce(self, task: Task, n_turns: int) -> None:
        """Remember requests to come; they are computed when one of them is asked for."""
        numbers = self._get(task.block_hash, task.numerics, task.n_layers)
        self._remember(numbers, list_requests(task, range(n_turns)))

    def produce(self, task: Task, turns: range) -> Produced:
        """Compute all and keep those with distance < r_target."""
        if not turns:
            return Produced(0, np.empty(0, np.int64), np.empty(0))
        requests = list_requests(task, turns)
        distances = self.distances(task.block_hash, task.numerics, requests, task.n_layers)
        valid = is_valid(distances, task.threshold)
        tried = np.array([nonce for _, nonce in requests], dtype=np.int64)
        return Produced(len(requests), tried[valid], distances[valid])

    def distances(
        self, block_hash: str, dtype: str, requests: Sequence[Request], n_layers: int | None = None
    ) -> NDArray[np.float64]:
        """Return the distance of every request, float64 (n,); computes all announced ones if one is missing.

        `n_layers` runs only the first layers of the model, as a host that skips the others does (kernel 7).
        """
        numbers = self._get(block_hash, dtype, n_layers)
        if any(request not in numbers.known for request in requests):
            self._remember(numbers, requests)
            self._compute_pending(numbers)
        for request in requests:
            self._n_shared += request in numbers.asked
            numbers.asked.add(request)
        return np.array([numbers.known[request] for request in requests], dtype=np.float64)

    def count_contradictions(self, claims: ClaimedNonces, sample: Sample) -> NDArray[np.int64]:
        """Recompute every sampled nonce."""
        counts = [
            self._count_invalid(claims, place, sample.select(int(claims.counts[place])), dtype)
            for place, dtype in zip(sample.places.tolist(), sample.numerics, strict=True)
        ]
        return np.array(counts, dtype=np.int64)

    def _count_invalid(self, claims: ClaimedNonces, place: int, positions: NDArray[np.int64], dtype: str) -> int:
        distances = self.distances(claims.block_hash, dtype, claims.get_requests(place, positions))
        return count_invalid(distances, claims.threshold)

    def forget(self, block_hash: str) -> None:
        """Free the models and all distances of a network seed."""
        for key in [key for key in self._numbers if key[0] == block_hash]:
            self._numbers.pop(key).kernel.close()

    def describe(self) -> dict[str, Any]:
        """Return settings and totals for the provenance."""
        return {
            "kind": "kernel",
            "device": self._device,
            "cards_by_group": self._cards,
            "batch_size_by_dtype": self._batch_sizes,
            "n_threads": self._n_threads,
            "torch_threads_per_batch": 1,
            "torch_cpu_capability": torch.backends.cpu.get_cpu_capability(),
            "linear_by_dtype": self._linears,
            "computed": self._n_computed,
            "shared": self._n_shared,
            **({"of_these_stored": self._store.n_answered} if self._store and self._store.n_answered else {}),
        }

    @staticmethod
    def _remember(numbers: _Numbers, requests: Sequence[Request]) -> None:
        numbers.pending.update((request, None) for request in requests if request not in numbers.known)

    def _compute_pending(self, numbers: _Numbers) -> None:
        requests = list(numbers.pending)
        numbers.pending.clear()
        if self._store is None:
            numbers.known.update(_compute(numbers.kernel, requests))
        else:
            numbers.known.update(self._answer(numbers, requests, self._store))
        self._n_computed += len(requests)  # also those that an earlier run computed: a run is the same either way

    @staticmethod
    def _answer(numbers: _Numbers, requests: Sequence[Request], store: DistanceStore) -> dict[Request, float]:
        """Take from the store what it has, compute the rest and a few again, and keep what is new."""
        known = {request: numbers.stored[request] for request in requests if request in numbers.stored}
        again = [request for place, request in enumerate(known, store.n_answered) if place % CHECKED_EVERY == 0]
        store.n_answered += len(known)
        new = _compute(numbers.kernel, [*again, *(request for request in requests if request not in known)])
        for request in again:
            compare_again(store.folder, request, known[request], new.pop(request))
        if new:
            store.keep(numbers.origin, new)
        return known | new

    def _get(self, block_hash: str, dtype: str, n_layers: int | None = None) -> _Numbers:
        key = (block_hash, dtype, None if n_layers == self._params.n_layers else n_layers)
        if key not in self._numbers:
            kernel = self._open(*key)
            origin = Origin(block_hash, identify(kernel, self._device, dtype, key[2]))
            self._numbers[key] = _Numbers(kernel, origin, {} if self._store is None else self._store.load(origin))
        return self._numbers[key]

    def _open(self, block_hash: str, dtype: str, n_layers: int | None) -> Kernel:
        try:
            kernel = Kernel(
                block_hash,
                self._params,
                dtype,
                self._device,
                batch_size=self._batch_sizes.get(dtype, self._batch_size),
                n_threads=self._n_threads,
                n_layers=n_layers,
            )
        except ValueError as error:  # several models may lie on a card, and others use it too
            raise UserError(f"work.device: {error}") from None
        self._linears[dtype], self._batch_sizes[dtype] = kernel.linear, kernel.batch_size
        self._cards = [[card.name for card in group] for group in kernel.placement.groups]
        return kernel


def _compute(kernel: Kernel, requests: Sequence[Request]) -> dict[Request, float]:
    return dict(zip(requests, kernel.distances_of(requests).tolist(), strict=True)) if requests else {}


def identify(kernel: Kernel, device: str, dtype: str, n_layers: int | None) -> str:
    """Return a digest of all that the bits of distances depend on, beside network seed, key and nonce."""
    parts = (kernel.params, mode_of(dtype).name, n_layers, kernel.linear, kernel.batch_size, device)
    machine = (torch.__version__, torch.backends.cpu.get_cpu_capability(), platform.machine())
    return hashlib.sha256(repr((get_kernel_source(), parts, machine)).encode()).hexdigest()[:ORIGIN_DIGITS]


@cache
def get_kernel_source() -> str:
    """Return a hash of the kernel's code."""
    digest = hashlib.sha256()
    for file in sorted(Path(inspect.getfile(Kernel)).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()
