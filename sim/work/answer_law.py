"""The law of answers as a twin of their kernel: no answer is computed, and none has more than a code.

1. An answer's code names the stack that computed it. Every nonce of a task has an answer.
2. How many of a run's nonces contradict the claim on a validator's stack is drawn once for all validators with that
   stack: binomial, by the law of the two stacks' distances and the model's threshold, place by place of the prover's
   batches where its build has a defect. An answer that nobody computed is anywhere on the sphere; neither is it where
   layers were left out [I].
3. A sample without replacement then holds a hypergeometric number of them.

Each number belongs to the network seed, the claim and the stacks, or to the sample's own seed, so that none depends on
the order of requests. Reference: network 2.4, 2.5, 3.1
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from sim.protocol.proofs.claimed import INVENTED, ClaimedNonces
from sim.streams import draw_uniforms, get_mixing_seed
from sim.work.base import Produced, Sample, Task, WorkCounts
from sim.work.pair_laws import share_of_invented_above
from sim.work.samples import SampleLaw
from sim.work.stacks import PairTable

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Known:
    """What is drawn once of some claims."""

    numbers: NDArray[np.uint64]
    """(claims,) by which each claim's samples are its own"""
    models: Ints
    """(claims,) place of the first claim of the same model"""
    contradictions: dict[tuple[str, int], Ints] = field(default_factory=dict)
    """Validator's stack, model -> contradicted nonces of each claim."""
    samples: dict[tuple[str, int, int], SampleLaw] = field(default_factory=dict)
    """Validator's stack, model, size of the sample -> how many contradicted nonces a sample of each claim holds."""

    @classmethod
    def of(cls, claims: ClaimedNonces) -> _Known:
        """Return the numbers of some claims."""
        firsts: dict[str, int] = {}
        models = [firsts.setdefault(model, place) for place, model in enumerate(claims.models)]
        numbers = [get_mixing_seed("claim", who) for who in claims.participants]
        return cls(np.array(numbers, dtype=np.uint64), np.array(models, dtype=np.int64))


class AnswerLaw(AbstractContextManager["AnswerLaw", None]):
    """Implements `sim.work.base.Work` for the schemes `answers` and `decode` by the table of pairs alone."""

    def __init__(
        self,
        pairs: PairTable,
        n_layers: int | None = None,
        get_invented_share: Callable[[float], float] = share_of_invented_above,
    ) -> None:
        """`n_layers`: all layers of the model, from which a host may leave some out.

        `get_invented_share`: threshold -> chance that an answer that nobody computed lies beyond it.
        """
        self._pairs, self._n_layers, self._get_invented_share = pairs, n_layers, get_invented_share
        self._stacks: list[str] = []
        """Stack of each code."""
        self._known: dict[ClaimedNonces, _Known] = {}
        self._n_drawn = self._n_shared = 0

    def __exit__(self, *error: object) -> None:
        self._known.clear()

    @property
    def counts(self) -> WorkCounts:
        """Totals since the start of the run; a nonce stands for a computation."""
        return WorkCounts(self._n_drawn, self._n_shared)

    def announce(self, task: Task, n_turns: int) -> None:
        """Do nothing: nothing is computed."""

    def produce(self, task: Task, turns: range) -> Produced:
        """Return every nonce, with the code of the task's stack."""
        tried = [np.arange(*_get_bounds(group[turns.start : turns.stop]), dtype=np.int64) for group in task.groups]
        nonces = np.concatenate(tried)
        self._n_drawn += len(nonces)
        is_whole = task.n_layers in (None, self._n_layers)
        code = self._get_code(task.stack) if is_whole else INVENTED
        return Produced(len(nonces), nonces, np.broadcast_to(np.int64(code), len(nonces)))

    def count_contradictions(self, claims: ClaimedNonces, sample: Sample) -> Ints:
        """Draw how many of the contradicted nonces each sample holds. Raises UserError for stacks that are no pair."""
        assert sample.seeds is not None, "samples of answers have seeds"
        self._n_shared += int(sample.sizes.sum())
        known = self._get_known(claims)
        uniforms = draw_uniforms(sample.seeds ^ known.numbers[sample.places], np.zeros(len(sample.places), np.int64))
        found = np.zeros(len(sample.places), dtype=np.int64)
        alike: dict[tuple[str, int, int], list[int]] = {}
        # A claim that is sampled whole may share the law of larger samples.
        is_whole = sample.sizes >= claims.counts[sample.places]
        sizes = np.where(is_whole, sample.sizes.max(initial=0), sample.sizes)
        kinds = zip(sample.stacks, known.models[sample.places].tolist(), sizes.tolist(), strict=True)
        for row, kind in enumerate(kinds):
            alike.setdefault(kind, []).append(row)
        for (stack, model, size), rows in alike.items():
            found[rows] = self._get_samples(claims, stack, model, size).draw(sample.places[rows], uniforms[rows])
        return found

    def _get_known(self, claims: ClaimedNonces) -> _Known:
        if claims not in self._known:
            self._known[claims] = _Known.of(claims)
        return self._known[claims]

    def _get_samples(self, claims: ClaimedNonces, stack: str, model: int, size: int) -> SampleLaw:
        known = self._known[claims]
        if (stack, model) not in known.contradictions:
            known.contradictions[stack, model] = self._draw_contradictions(claims, claims.models[model], stack)
        if (stack, model, size) not in known.samples:
            law = SampleLaw.of(claims.counts, known.contradictions[stack, model], np.minimum(size, claims.counts))
            known.samples[stack, model, size] = law
        return known.samples[stack, model, size]

    def _draw_contradictions(self, claims: ClaimedNonces, model: str, stack: str) -> Ints:
        """Return how many nonces of each claim of a model a validator with this stack would contradict (claims,)."""
        assert claims.stacks is not None, "claims of answers name the stacks of their runs"
        assert claims.distance_thresholds is not None, "claims of answers have distance thresholds"
        found = np.zeros(len(claims.counts), dtype=np.int64)
        owners = claims.run_owners
        kinds: dict[tuple[float, int], list[int]] = {}
        for run, owner in enumerate(owners.tolist()):
            if claims.models[owner] == model:
                kind = float(claims.distance_thresholds[owner]), int(claims.stacks[run])
                kinds.setdefault(kind, []).append(run)
        for (threshold, code), runs in kinds.items():
            seeds = [_get_seed(claims, run, model, stack) for run in runs]
            shares = self._get_shares_above(model, threshold, code, stack)
            np.add.at(found, owners[runs], _draw_by_place(seeds, claims.run_lengths[runs], shares))
        return found

    def _get_shares_above(self, model: str, threshold: float, code: int, stack: str) -> Floats:
        """Return the chance that a nonce contradicts, at each place of the prover's batches (places,)."""
        if code == INVENTED:
            return np.array([self._get_invented_share(threshold)])
        prover = self._stacks[code]
        share = self._pairs.get_law(model, prover, stack).share_above(threshold)
        defect = self._pairs.defects.get((model, prover))
        return np.array([share]) if defect is None or not share else defect.split(share)

    def _get_code(self, stack: str) -> int:
        if stack not in self._stacks:
            self._stacks.append(stack)
        return self._stacks.index(stack)

    def forget(self, block_hash: str) -> None:
        """Free the memory that is held for a network seed."""
        self._known = {claims: known for claims, known in self._known.items() if claims.block_hash != block_hash}

    def describe(self) -> dict[str, Any]:
        """Return settings and totals for the provenance."""
        return {"pairs": self._pairs.source, "stacks": self._stacks, "drawn": self._n_drawn, "shared": self._n_shared}


def _get_bounds(group: range) -> tuple[int, int, int]:
    return group.start, group.stop, group.step


def _get_seed(claims: ClaimedNonces, run: int, model: str, stack: str) -> int:
    """Return the seed of a run's contradictions, whatever other claims there are."""
    place = run - int(np.searchsorted(claims.run_owners, claims.run_owners[run]))
    return get_mixing_seed("answers", claims.block_hash, claims.public_keys[run], model, place, stack)


def _draw_by_place(seeds: Sequence[int], lengths: Ints, shares: Floats) -> Ints:
    """Draw for runs of nonces, taken in batches, how many contradict: binomial at each place; int64 (runs,)."""
    found, period, of_run = np.zeros(len(lengths), dtype=np.int64), len(shares), np.array(seeds, dtype=np.uint64)
    for index, share in enumerate(np.unique(shares[shares > 0]).tolist()):
        places = np.flatnonzero(shares == share)
        n_there = (lengths // period) * len(places) + (places < (lengths % period)[:, None]).sum(axis=1)
        uniforms = draw_uniforms(of_run, np.full(len(seeds), index, dtype=np.int64))
        found += stats.binom.ppf(uniforms, n_there, share).astype(np.int64)
    return found
