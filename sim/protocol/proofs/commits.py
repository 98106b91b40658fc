"""Messages of the scheme `answers`, and the chain's store of them (network 2.7).

1. A host commits to (count, root) by model, again and again with growing counts. The last one is its claim.
2. In the end it says how its count splits over its ML nodes; without that the claim has no weight.
3. The answers themselves stay with the host. A commitment here leads to them, as the host would serve them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sim.protocol.consensus.transactions import ENVELOPE_BYTES, TxResult
from sim.protocol.proofs.acceptance import compute_raw_weight, compute_time_factor
from sim.protocol.proofs.answer_book import AnswerBook, ModelAnswers, Run
from sim.protocol.proofs.base import (
    AnswerTerms,
    CountedClaim,
    Episode,
    Hardware,
    ProofObservation,
    ProofRules,
)
from sim.protocol.proofs.claimed import ClaimedNonces, name_claim, split_claim
from sim.protocol.proofs.commit_rules import (
    ROOT_BYTES,
    CommitEntry,
    CommitFault,
    StoredCommit,
    check_commit,
    check_distribution,
)
from sim.protocol.proofs.early_share import StageShares, measure_shares
from sim.protocol.proofs.leaves import Commitment

COUNT_BYTES, NODE_BYTES = 8, 16


@dataclass(frozen=True)
class DefaultTerms:
    """What holds where the chain has no settings for a model, each by itself. Reference: network 2.5.7."""

    distance_threshold: float = 0.4
    margin_threshold: float = 0.4
    p_mismatch: float = 0.1
    applied_fraud_p: float = 0.05


DEFAULT_TERMS = DefaultTerms()


@dataclass(frozen=True)
class StoreCommit:
    """How many answers a host has, by model, and the roots over them."""

    tx_id: str
    creator: str
    start_height: int
    entries: tuple[CommitEntry, ...]
    book: AnswerBook = field(compare=False, repr=False)
    """Off the chain: the answers under the roots, with their host."""

    @property
    def size_bytes(self) -> int:
        """Envelope, and for each model its name, a count and a root."""
        return ENVELOPE_BYTES + sum(len(entry.model) + COUNT_BYTES + ROOT_BYTES for entry in self.entries)


@dataclass(frozen=True)
class DistributeWeight:
    """How a host's committed counts split over its ML nodes."""

    tx_id: str
    creator: str
    start_height: int
    entries: tuple[tuple[str, tuple[tuple[int, int], ...]], ...]
    """(model, (ML node, its answers), ...)"""

    @property
    def size_bytes(self) -> int:
        """Envelope, and for each model its name and 16 bytes an ML node."""
        return ENVELOPE_BYTES + sum(len(model) + NODE_BYTES * len(nodes) for model, nodes in self.entries)


@dataclass(frozen=True)
class HeldCommit(StoredCommit):
    """A host's last commitment about one model."""

    answers: ModelAnswers = field(kw_only=True, compare=False, repr=False)
    distribution: Mapping[int, int] | None = None
    """By ML node; None as long as the host has not said it."""
    earlier: HeldCommit | None = field(default=None, compare=False, repr=False)
    """The one that this one replaced."""

    def find_at(self, height: int) -> HeldCommit | None:
        """Return what the chain held after the block of this height; None where there was nothing yet."""
        held: HeldCommit | None = self
        while held is not None and held.height > height:
            held = held.earlier
        return held

    def read_runs(self) -> list[Run]:
        """Return its leaves under the law, in the order in which validators read them."""
        return self.answers.read_runs(self.count)

    def read_vectors(self) -> tuple[list[str], NDArray[np.int64], NDArray[Any]]:
        """Return keys (n,), nonces (n,) and vectors (n, k) of its leaves, in the same order."""
        return self.answers.read_vectors(self.count)


ByModel = Mapping[str, HeldCommit]


@dataclass(frozen=True)
class Commits:
    """The commitments of a proof of compute, by host and model."""

    by_host: Mapping[str, ByModel] = field(default_factory=dict)
    scheme: str = "answers"
    """Or `decode`, whose nonces are compared by their margins."""

    _shares: dict[tuple[int, str], StageShares] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def by_claim(self) -> Mapping[str, HeldCommit]:
        """The commitments by the names of claims, in their order."""
        named = {name_claim(who, model): held for who, own in self.by_host.items() for model, held in own.items()}
        return dict(sorted(named.items()))

    @cached_property
    def participants(self) -> tuple[str, ...]:
        """Names of the claims, ascending."""
        return tuple(self.by_claim)

    def measure_early(self, early_height: int, model: str, powers: Mapping[str, int]) -> StageShares:
        """Return the shares that hosts had of their counts after the block of a height, for the early-share guard.

        `powers` are the model's voting powers. All validators of a proof of compute ask the same: it is measured once.
        """
        key = (early_height, model)
        if key not in self._shares:
            final = {who: own[model] for who, own in self.by_host.items() if model in own}
            early = {who: held.find_at(early_height) for who, held in final.items()}
            noted = {who: Commitment(held.count, held.root) for who, held in early.items() if held is not None}
            self._shares[key] = measure_shares(noted, {who: held.count for who, held in final.items()}, powers)
        return self._shares[key]

    def take(
        self, message: StoreCommit | DistributeWeight, height: int, episode: Episode, rules: ProofRules
    ) -> tuple[str, Self]:
        """Take a commitment while claims are taken, a distribution until VE; one bad entry refuses the message."""
        own = self.by_host.get(message.creator, {})
        if isinstance(message, StoreCommit):
            fault, changed = _commit(message, own, height, episode)
        else:
            fault, changed = _distribute(message, own, height, episode)
        if fault is not None:
            return fault, self
        return TxResult.ACCEPTED, type(self)({**self.by_host, message.creator: {**own, **changed}}, self.scheme)

    def _get_threshold(self, terms: AnswerTerms) -> float:
        """Return the distance, or the margin, from which on a nonce mismatches; a missing one is 0.4 as well."""
        if self.scheme == "answers":
            return terms.distance_threshold
        return DEFAULT_TERMS.margin_threshold if terms.margin_threshold is None else terms.margin_threshold

    def read_claims(self, episode: Episode, threshold: float) -> ClaimedNonces:
        """Return all committed answers: vectors by rank of their nonces, the law's codes by run."""
        held = list(self.by_claim.items())
        models = tuple(split_claim(name)[1] for name, _ in held)
        shared: dict[str, Any] = {
            "block_hash": episode.block_hash,
            "threshold": threshold,
            "participants": np.array([name for name, _ in held], dtype=np.object_),
            "counts": np.array([commit.count for _, commit in held], dtype=np.int64),
            "scheme": self.scheme,
            "models": models,
            "distance_thresholds": np.array([self._get_threshold(get_terms(episode, model)) for model in models]),
        }
        if held and held[0][1].answers.has_vectors:
            return _join_vectors([commit for _, commit in held], shared)
        runs = [(place, run) for place, (_, commit) in enumerate(held) for run in commit.read_runs()]
        return ClaimedNonces(
            nonces=np.concatenate([np.empty(0, np.int64), *(run.nonces for _, run in runs)]),
            public_keys=tuple(run.public_key for _, run in runs),
            run_lengths=np.array([len(run.nonces) for _, run in runs], dtype=np.int64),
            stacks=np.array([run.stack for _, run in runs], dtype=np.int64),
            **shared,
        )

    def count_claims(self, rules: ProofRules, episode: Episode) -> dict[str, CountedClaim]:
        """Weigh every claim by its distribution over ML nodes, without preserved ones. Reference: network 2.7."""
        start, end = episode.start_seconds or 0.0, episode.validation_seconds or 0.0
        factor = compute_time_factor(episode.n_claim_blocks, start, end, normalizes=rules.normalizes_by_stage_time)
        counted = {}
        for name, held in self.by_claim.items():
            preserved = episode.preserved.get(split_claim(name)[0], frozenset())
            counts = held.distribution or {}
            raw = compute_raw_weight(counts, factor, preserved)
            counted[name] = CountedClaim(
                claimed_nonces=held.count,
                distinct_nonces=held.count,
                counts={node: n for node, n in counts.items() if node not in preserved},
                node_weights={node: weight for node, weight in raw.node_weights.items()},  # noqa: C416
                claimed_weight=raw.claimed,
            )
        return counted

    def observe(
        self, accepted: Collection[str], hardware: Hardware, episode: Episode, rules: ProofRules
    ) -> ProofObservation:
        """Every answer counts; say by how much the commitments rose in each block."""
        arrivals = [0] * (episode.last_claim - episode.start_height)
        for name in accepted:
            held: HeldCommit | None = self.by_claim[name]
            while held is not None:
                before = held.earlier
                arrivals[held.height - episode.start_height - 1] += held.count - (before.count if before else 0)
                held = before
        return ProofObservation(float(any(arrivals)), tuple(arrivals))


def get_terms(episode: Episode, model: str) -> AnswerTerms:
    """Return the terms of a model in a proof of compute."""
    return episode.models.get(model, DEFAULT_TERMS)


def _commit(
    message: StoreCommit, own: ByModel, height: int, episode: Episode
) -> tuple[str | None, dict[str, HeldCommit]]:
    if not episode.opening <= height <= episode.last_claim:
        return TxResult.OUTSIDE_WINDOW, {}
    known = episode.models or {entry.model for entry in message.entries}
    fault = check_commit(message.entries, own, height, known)
    if fault is not None:
        return fault, {}
    return None, {
        entry.model: HeldCommit(
            count=entry.count,
            root=entry.root,
            height=height,
            answers=message.book.by_model[entry.model],
            distribution=own[entry.model].distribution if entry.model in own else None,
            earlier=own.get(entry.model),
        )
        for entry in message.entries
    }


def _distribute(
    message: DistributeWeight, own: ByModel, height: int, episode: Episode
) -> tuple[str | None, dict[str, HeldCommit]]:
    if not episode.opening <= height <= episode.validation_end:
        return TxResult.OUTSIDE_WINDOW, {}
    if not message.entries:
        return CommitFault.NO_ENTRY, {}
    split = {model: dict(nodes) for model, nodes in message.entries}
    faults = (check_distribution(nodes, own.get(model)) for model, nodes in split.items())
    fault = next(filter(None, faults), None)
    if fault is not None:
        return fault, {}
    return None, {model: replace(own[model], distribution=nodes) for model, nodes in split.items()}


def _join_vectors(held: list[HeldCommit], shared: dict[str, Any]) -> ClaimedNonces:
    read = [commit.read_vectors() for commit in held]
    keys = [key for own, _, _ in read for key in own]
    ends = [place for place in range(1, len(keys)) if keys[place] != keys[place - 1]]
    claims = np.cumsum([commit.count for commit in held])[:-1].tolist()
    starts = sorted({0, *ends, *claims})
    return ClaimedNonces(
        nonces=np.concatenate([nonces for _, nonces, _ in read]),
        public_keys=tuple(keys[start] for start in starts),
        run_lengths=np.diff([*starts, len(keys)]),
        values=np.concatenate([vectors for _, _, vectors in read]),
        **shared,
    )
