"""Real answers of the transformer in the place of a network's language models.

1. Every model of the network is a model of the scenario's shape with parameters of its own, which its name draws. They
   stay in memory; mirrors, inputs and reductions follow the network seed.
2. Announced nonces of all hosts wait until one of them is needed, then all are computed in full batches.
3. An answer is computed once and serves every later request for the same nonce in the same numerics.
4. A nonce whose numbers overflow has no answer: its host claims none, and a validator counts none against it.

Reference: network 2.4, 2.5
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pow.answer_kernel import AnswerKernel
from pow.answers import K_DIM, measure
from pow.devices import get_n_cpus
from pow.params import PowParams
from pow.placement import CPU
from pow.seeds import NONCE_LIMIT
from sim.errors import UserError
from sim.protocol.proofs.claimed import ClaimedNonces
from sim.work.base import Produced, Request, Sample, Task, WorkCounts, list_requests

Answers = NDArray[np.float16]
ModelKey = tuple[str, str, int | None]
"""Model, numerics and number of layers."""


@dataclass
class _Answers:
    """Answers and announced requests of one model under one network seed, in the order of announcement."""

    pending: dict[Request, None] = field(default_factory=dict)
    known: dict[Request, Answers] = field(default_factory=dict)
    asked: set[Request] = field(default_factory=set)


class AnswerKernelWork(AbstractContextManager["AnswerKernelWork", None]):
    """Implements `sim.work.base.Work` for the scheme `answers`."""

    def __init__(
        self, params: PowParams, batch_size: int | None = None, n_threads: int | None = None, device: str = CPU
    ) -> None:
        self._params, self._batch_size, self._device = params, batch_size, device
        self._n_threads = n_threads or get_n_cpus()
        self._kernels: dict[ModelKey, AnswerKernel] = {}
        self._answers: dict[tuple[str, ModelKey], _Answers] = {}
        self._n_computed = self._n_shared = 0

    def __exit__(self, *error: object) -> None:
        self._kernels.clear()
        self._answers.clear()

    @property
    def counts(self) -> WorkCounts:
        """Totals since the start of the run."""
        return WorkCounts(self._n_computed, self._n_shared)

    def announce(self, task: Task, n_turns: int) -> None:
        """Remember requests to come; they are computed when one of them is asked for."""
        _remember(self._get(task.block_hash, _get_key(task)), list_requests(task, range(n_turns)))

    def produce(self, task: Task, turns: range) -> Produced:
        """Compute all; every nonce that has an answer counts."""
        requests = list_requests(task, turns)
        answers = self.answers(task.block_hash, _get_key(task), requests)
        has_answer = ~np.isnan(answers).any(axis=1)
        tried = np.array([nonce for _, nonce in requests], dtype=np.int64)
        return Produced(len(requests), tried[has_answer], answers[has_answer])

    def answers(self, block_hash: str, key: ModelKey, requests: Sequence[Request]) -> Answers:
        """Return the answers of all requests, float16 (n, 12), NaN where there is none."""
        if not requests:
            return np.empty((0, K_DIM), dtype=np.float16)
        held = self._get(block_hash, key)
        if any(request not in held.known for request in requests):
            _remember(held, requests)
            self._compute_pending(block_hash, key, held)
        self._n_shared += sum(request in held.asked for request in requests)
        held.asked.update(requests)
        return np.stack([held.known[request] for request in requests])

    def count_contradictions(self, claims: ClaimedNonces, sample: Sample) -> NDArray[np.int64]:
        """Recompute every sampled nonce in the validator's numerics; one beyond the threshold contradicts."""
        counts = [
            self._count_contradicted(claims, place, sample.select(int(claims.counts[place])), dtype)
            for place, dtype in zip(sample.places.tolist(), sample.numerics, strict=True)
        ]
        return np.array(counts, dtype=np.int64)

    def _count_contradicted(self, claims: ClaimedNonces, place: int, positions: NDArray[np.int64], dtype: str) -> int:
        assert claims.values is not None, "claims of answers have values"
        assert claims.distance_thresholds is not None, "claims of answers have distance thresholds"
        key = claims.models[place], dtype, None
        # A nonce below 0 was never told to an ML node; folded into the range, it has an answer that nobody computed.
        requests = [(owner, nonce % NONCE_LIMIT) for owner, nonce in claims.get_requests(place, positions)]
        recomputed = self.answers(claims.block_hash, key, requests)
        claimed = claims.values[claims.starts[place] + positions]
        # A claimed answer that is no number contradicts itself; a validator without an answer of its own finds nothing.
        is_near = measure(recomputed, claimed) <= claims.distance_thresholds[place]
        return int(np.count_nonzero(~is_near & ~np.isnan(recomputed).any(axis=1)))

    def forget(self, block_hash: str) -> None:
        """Free all answers of a network seed; the models stay."""
        for known in [known for known in self._answers if known[0] == block_hash]:
            del self._answers[known]

    def describe(self) -> dict[str, Any]:
        """Return settings and totals for the provenance."""
        return {
            "device": self._device,
            "batch_size_by_dtype": {dtype: kernel.batch_size for (_, dtype, _), kernel in self._kernels.items()},
            "linear_by_dtype": {dtype: kernel.linear for (_, dtype, _), kernel in self._kernels.items()},
            "n_threads": self._n_threads,
            "computed": self._n_computed,
            "shared": self._n_shared,
        }

    def _compute_pending(self, block_hash: str, key: ModelKey, held: _Answers) -> None:
        requests = list(held.pending)
        held.pending.clear()
        found = self._open(key).answers_of(block_hash, requests)
        held.known.update(zip(requests, found, strict=True))
        self._n_computed += len(requests)

    def _get(self, block_hash: str, key: ModelKey) -> _Answers:
        return self._answers.setdefault((block_hash, key), _Answers())

    def _open(self, key: ModelKey) -> AnswerKernel:
        if key not in self._kernels:
            model, dtype, n_layers = key
            # Batches of all models in these numerics have one shape, however much memory is free by then.
            sizes = [kernel.batch_size for (_, of, _), kernel in self._kernels.items() if of == dtype]
            try:
                self._kernels[key] = AnswerKernel(
                    self._params,
                    dtype,
                    self._device,
                    batch_size=sizes[0] if sizes else self._batch_size,
                    n_threads=self._n_threads,
                    n_layers=n_layers,
                    weights=model,
                )
            except ValueError as error:  # several models may lie on a card, and others use it too
                raise UserError(f"work.device: {error}") from None
        return self._kernels[key]


def _remember(held: _Answers, requests: Sequence[Request]) -> None:
    held.pending.update((request, None) for request in requests if request not in held.known)


def _get_key(task: Task) -> ModelKey:
    return task.model, task.numerics, task.n_layers
