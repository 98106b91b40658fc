"""The chain's state after a block: one immutable value, shared by all hosts that have reached that height."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.protocol.blocks.params import ProtocolParams
from sim.protocol.blocks.stages import Schedule
from sim.protocol.consensus.signing import Signing, follow_validators
from sim.protocol.consensus.transactions import HEADER_BYTES, HardwareNode, RegisterHost, SubmitValidation, Transaction
from sim.protocol.consensus.validators import select_validators
from sim.protocol.models.challenged import Challenge, Challenges
from sim.protocol.models.delegation import DelegatedShare
from sim.protocol.models.formed import FormedEpoch
from sim.protocol.models.seating import NodeWeights
from sim.protocol.models.stances import Stances
from sim.protocol.money.accounts import Settlement, VestingSchedule
from sim.protocol.money.collateral import Deposit
from sim.protocol.proofs.acceptance import Ballot
from sim.protocol.proofs.base import AnswerTerms, Episode, ProofStore
from sim.protocol.proofs.claimed import ClaimedNonces, split_claim
from sim.protocol.proofs.committee import Committee
from sim.protocol.proofs.confirmation import Confirmation, ConfirmationHeights, ConfirmationTally
from sim.protocol.proofs.log import Log
from sim.protocol.proofs.preserved import Preserved
from sim.protocol.proofs.slices import gather_segment
from sim.protocol.service.inferences import InferenceTally, Service


@dataclass(frozen=True)
class Block:
    """An agreed block. Its hash is drawn, not computed from the content, see `sim.chain.proposals`."""

    height: int
    block_hash: str
    proposer: str
    time_seconds: float
    transactions: tuple[Transaction, ...]
    inferences: InferenceTally | None = None
    """Stands for the transactions about an epoch's requests; in the epoch's last block."""
    confirmation: ConfirmationTally | None = None
    """Stands for the transactions of a confirmation; in its last block."""
    absent: tuple[str, ...] = ()
    """Validators of the block before whose signatures on it this one lacks. Reference: protocol 6.5"""
    evidence: tuple[str, ...] = ()
    """Validators that signed two different things at an earlier height. Reference: protocol 6.5"""

    @property
    def size_bytes(self) -> int:
        """Header and transactions; tallies stand for transactions that are not counted."""
        return HEADER_BYTES + sum(transaction.size_bytes for transaction in self.transactions)


@dataclass(frozen=True)
class HostRecord:
    """A participant's record on the chain. Reference: protocol 4.6 (tests 1 and 4), 5.1."""

    validator_key: str
    nodes: tuple[HardwareNode, ...]


@dataclass(frozen=True)
class EpochGroup:
    """Members of an epoch with their final weights."""

    index: int
    start_height: int
    """P; -epoch_shift for epoch 0."""
    weights: Mapping[str, int]
    node_weights: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    """Uncapped, by participant and ML node."""
    preserved: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """ML nodes that skip the next proof of compute and keep their weight. Reference: protocol 5.2."""
    carried: frozenset[str] = frozenset()
    """Members with ML nodes that skipped the epoch's own proof of compute. Reference: protocol 6.2."""
    penalties: Mapping[str, tuple[Fraction, ...]] = field(default_factory=dict)
    """Parts of its reward that a member loses for models that it does not serve. Reference: network 2.9."""
    delegated_shares: Mapping[str, tuple[DelegatedShare, ...]] = field(default_factory=dict)
    """Parts of its reward that a member leaves to delegates. Reference: network 2.9."""
    formed: FormedEpoch | None = None
    """Seats, scales and voting powers, where the epoch has models. Reference: network 2.9."""
    rewarded: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By model: hosts that served it in the epoch before and were paid for that epoch. Reference: network 2.8."""
    removed: Mapping[str, int] = field(default_factory=dict)
    """Members that have left the group since S, with the block at whose end they did. Reference: protocol 6.3."""

    @cached_property
    def present(self) -> Mapping[str, int]:
        """Weights of the members that are still in the group: they vote, propose blocks and get requests."""
        return {who: weight for who, weight in self.weights.items() if who not in self.removed}

    @cached_property
    def trusted(self) -> Mapping[str, int]:
        """Weights of the present members that blocks and votes follow. Reference: network 2.9.7."""
        if self.formed is None:
            return self.present
        return {who: self.formed.cap_weights.get(who, 0) for who in self.present}

    @cached_property
    def model_weights(self) -> NodeWeights:
        """Raw weights of the present members' nodes, by member, model and node; none without models."""
        seated = {} if self.formed is None else self.formed.groups.node_weights
        return {who: seated[who] for who in self.present if who in seated}

    @cached_property
    def raw_totals(self) -> Mapping[str, int]:
        """What confirmations can confirm of each member: the weight of all its nodes, by the scales of the epoch."""
        if self.formed is None:
            return {who: sum(nodes.values()) for who, nodes in self.node_weights.items()}
        return self.formed.groups.raw_totals

    @property
    def voting_powers(self) -> Mapping[str, Mapping[str, int]]:
        """As stored when the epoch was formed, by model and member."""
        return {} if self.formed is None else self.formed.voting_powers


@dataclass(frozen=True)
class UpcomingEpoch:
    """An epoch between P and S: its proof of compute is running. Reference: protocol 1.1."""

    index: int
    start_height: int
    block_hash: str
    """Hash of block P: the network seed."""
    committee: Committee | None = None
    """From V on, where only drawn members judge a participant; otherwise all do."""
    ballot: Ballot | None = None
    """From V on, where claims are by model: the powers with which members vote on them."""
    models: Mapping[str, AnswerTerms] = field(default_factory=dict)
    """Terms of the language models that hosts may claim for, by name, as they stand at P; none: any model."""
    start_seconds: float | None = None
    """Time of block P."""
    validation_seconds: float | None = None
    """Time of block V, from then on."""
    stances: Stances = field(default_factory=dict)
    """What members had declared about models at V."""


@dataclass(frozen=True)
class ConfirmationRun:
    """A confirmation in which hosts compute, from its trigger to its read-out. Reference: network 2.11"""

    trigger_height: int
    """Its key in messages."""
    heights: ConfirmationHeights
    seed_hash: str = ""
    """Hash of the block before generation starts, once it is there."""
    proof: UpcomingEpoch | None = None
    """Its proof of compute, of the effective epoch, from the start of generation on."""
    preserved: Preserved = field(default_factory=dict)
    """ML nodes that it passes over."""

    @property
    def episode(self) -> Episode | None:
        """The proof of compute as hosts and messages see it."""
        if self.proof is None:
            return None
        return Episode(
            epoch_index=self.proof.index,
            start_height=self.trigger_height,
            block_hash=self.seed_hash,
            generation_end=self.heights.generation_end,
            last_claim=self.heights.last_batch,
            validation_start=self.heights.validation_start,
            validation_end=self.heights.last_vote,
            first_claim=self.heights.generation_start,
            models=self.proof.models,
            preserved=self.preserved,
            start_seconds=self.proof.start_seconds,
            validation_seconds=self.proof.validation_seconds,
            is_confirmation=True,
        )


@dataclass(frozen=True)
class FrozenStances:
    """Stances on models that were not active, some blocks before P, and which of those were expected to start."""

    stances: Stances = field(default_factory=dict)
    expected: frozenset[str] = frozenset()


@dataclass(frozen=True)
class EpochObservation:
    """A finished epoch as a controller may see it: from chain state only."""

    epoch_index: int
    difficulty: float
    """In force while the epoch's nonces were generated."""
    valid_nonces: int
    """Counted nonces of accepted participants."""
    success_rate: float = 0.0
    """Valid nonces / tries, estimated from the claims; 0 without a valid nonce."""
    arrivals: tuple[int, ...] = ()
    """Valid nonces by block, from P + 1 to the last block that takes batches."""
    checked_per_validator: float = 0.0
    """Nonces that a validator recomputed on average."""


@dataclass(frozen=True)
class ChainState:
    """The chain after block `height`."""

    height: int
    schedule: Schedule
    """Of the epoch whose [P, next P) holds the height."""
    effective: EpochGroup
    powers: Mapping[str, int]
    """Consensus power of the validators; stays where an epoch forms without members."""
    priorities: Mapping[str, int]
    difficulty: float
    threshold: float
    """Of the proof scheme in force; difficulty in the scheme's own terms."""
    next_difficulty: float
    """Decided at VE, in force from S."""
    proofs: ProofStore
    """Claims of the running proof of compute, as the proof scheme stores them; pruned at P."""
    upcoming: UpcomingEpoch | None = None
    next_group: EpochGroup | None = None
    observed: EpochObservation | None = None
    """The last epoch that VE has closed, as the controller was shown it."""
    control: Any = None
    """The controller's memory, None before its first decision; a value that only the controller reads."""
    hosts: Mapping[str, HostRecord] = field(default_factory=dict)
    seeds: Mapping[tuple[int, str], str] = field(default_factory=dict)
    validations: Log[SubmitValidation] = field(default_factory=Log)
    """As taken; a later verdict of the same validator on the same participant stands in an earlier one's place."""
    settled: Mapping[str, Settlement] = field(default_factory=dict)
    vesting: Mapping[str, VestingSchedule] = field(default_factory=dict)
    balances: Mapping[str, int] = field(default_factory=dict)
    """ngonka that their owners are free to use."""
    deposits: Mapping[str, Deposit] = field(default_factory=dict)
    stances: Stances = field(default_factory=dict)
    """Last words of participants about models. Reference: network 2.7."""
    frozen: FrozenStances = field(default_factory=FrozenStances)
    signing: Signing = field(default_factory=Signing)
    service: Service = field(default_factory=Service)
    confirmation: Confirmation = field(default_factory=Confirmation)
    confirmation_run: ConfirmationRun | None = None
    challenges: Challenges = field(default_factory=dict)
    emitted: int = 0
    """ngonka minted so far."""
    fees: int = 0
    """ngonka that users have paid."""
    left: int = 0
    """ngonka of both to which no participant was entitled."""
    burnt: int = 0
    """ngonka that were not claimed in time."""
    slashed: int = 0
    """ngonka of collateral that were taken and burnt."""
    governance: int = 0
    """ngonka in governance's account, in place of the last three. Reference: network 2.1"""

    @cached_property
    def running(self) -> Episode | None:
        """The running proof of compute, if there is one: that of the upcoming epoch, or of a confirmation."""
        if self.upcoming is None:
            return self.confirmation_run.episode if self.confirmation_run is not None else None
        return Episode(
            epoch_index=self.upcoming.index,
            start_height=self.upcoming.start_height,
            block_hash=self.upcoming.block_hash,
            generation_end=self.schedule.generation_end,
            last_claim=self.schedule.last_batch,
            validation_start=self.schedule.validation_start,
            validation_end=self.schedule.validation_end,
            models=self.upcoming.models,
            preserved=self.effective.preserved,
            start_seconds=self.upcoming.start_seconds,
            validation_seconds=self.upcoming.validation_seconds,
        )

    @property
    def episode(self) -> Episode:
        """The running proof of compute. Raises ValueError where none is running."""
        if self.running is None:
            raise ValueError(f"at height {self.height} no proof of compute is running")
        return self.running

    @cached_property
    def claimed_nonces(self) -> ClaimedNonces:
        """All claims as arrays. Raises ValueError where no epoch is upcoming. Reference: protocol 4.1."""
        return self.proofs.read_claims(self.episode, self.threshold)

    @property
    def _voted(self) -> UpcomingEpoch | None:
        return self.confirmation_run.proof if self.confirmation_run is not None else self.upcoming

    @property
    def ballot(self) -> Ballot | None:
        """How votes on claims of models count, from validation start on; None where claims are not by model."""
        return None if self._voted is None else self._voted.ballot

    @cached_property
    def sealed_segments(self) -> tuple[ChainState, ...]:
        """For each segment of a challenge on which votes are due, the state in which it is the proof of compute.

        Its target has no vote. Raises ValueError where no proof of compute is running. Reference: network 2.13.
        """
        waiting = [challenge for _, challenge in sorted(self.challenges.items()) if challenge.is_sealed]
        return tuple(self._open_segment(challenge) for challenge in waiting if challenge.segment.held)  # type: ignore[union-attr]

    def _open_segment(self, challenge: Challenge) -> ChainState:
        segment, episode, voted = challenge.segment, self.episode, self._voted
        assert segment is not None, "votes on no segment"
        assert segment.end is not None, "votes on a segment that runs"
        assert voted is not None, "votes without a proof of compute"
        own = self.effective.trusted.get(challenge.target, 0)
        proof = replace(
            voted,
            start_height=segment.start,
            block_hash=segment.seed_hash,
            ballot=None if voted.ballot is None else voted.ballot.exclude(challenge.target, own),
            start_seconds=None,
        )
        first_vote, last_vote, last = episode.validation_start + 1, episode.validation_end, segment.end - 1
        heights = ConfirmationHeights(segment.start, last, first_vote, last_vote, last_vote + 1, last)
        return replace(
            self,
            upcoming=None,
            confirmation_run=ConfirmationRun(segment.start, heights, segment.seed_hash, proof),
            proofs=gather_segment(challenge.target, segment.start, segment.held),
            validations=segment.votes,
            challenges={},
        )

    @cached_property
    def slot_voters(self) -> Sequence[AbstractSet[str]] | None:
        """Of each claim of a model, who holds one of its slots, and guardians; None: no slots are drawn."""
        if self.ballot is None or not self.ballot.bar.n_slots:
            return None
        return [self.ballot.list_slot_voters(*split_claim(name)) for name in self.proofs.participants]

    @cached_property
    def duties(self) -> Mapping[str, NDArray[np.int64]] | None:
        """Claims that each committee member checks, as places in `proofs.participants`; None: all members check all."""
        if self._voted is None or self._voted.committee is None:
            return None
        return self._voted.committee.assign(list(self.proofs.participants))


def genesis_state(
    members: Mapping[str, int],
    params: ProtocolParams,
    threshold: float | None = None,
    founders: Iterable[RegisterHost] = (),
) -> ChainState:
    """Return the state before the first block: epoch 0 with the genesis members; a threshold of None is the scheme's.

    Reference: protocol 0, 4.6.
    """
    if not members:
        raise ValueError("a chain needs at least one genesis member")
    proof = params.rules_at(0).proof
    threshold = proof.threshold if threshold is None else threshold
    difficulty = 1.0 / proof.hit_probability(threshold, params.vector_dim)
    schedule, known = Schedule.of(0, params.epoch), list(founders)
    return ChainState(
        height=0,
        schedule=schedule,
        effective=EpochGroup(0, schedule.start, dict(members)),
        powers=dict(members),
        priorities={},
        difficulty=difficulty,
        threshold=threshold,
        next_difficulty=difficulty,
        proofs=proof.open_store(),
        hosts={founder.creator: HostRecord(founder.validator_key, founder.nodes) for founder in known},
        deposits={founder.creator: Deposit(founder.collateral_ngonka) for founder in known},
        signing=follow_validators(Signing(), select_validators(members), 1),
    )


def get_places_to_check(state: ChainState, validator: str, models: Iterable[str] = ()) -> NDArray[np.int64]:
    """Claims that a validator checks, as ascending places in `proofs.participants`: all, or by its committee slots.

    Where claims are by model, those for the `models` that its own ML nodes serve; of these with slots only where it
    holds one, or is a guardian that may be asked. Reference: protocol 4.1, 4.9, network 2.5.
    """
    if state.claimed_nonces.models:
        by_model = state.claimed_nonces.places_by_model
        served = np.sort(np.concatenate([np.empty(0, np.int64), *(by_model[m] for m in models if m in by_model)]))
        if state.slot_voters is None:
            return served
        return served[[validator in state.slot_voters[place] for place in served.tolist()]]
    if state.duties is None:
        return np.arange(len(state.proofs.participants))
    return state.duties.get(validator, np.empty(0, dtype=np.int64))
