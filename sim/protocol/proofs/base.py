"""The protocol of proof schemes: the part of a proof of compute that another kind of proof would do differently.

1. A try counts with a probability that follows from one number, the threshold; difficulty is 1 / that probability.
2. Hosts send messages of the scheme's own classes. The chain checks them, keeps them as one opaque value, and counts.
3. Validators sample claims; the share of contradicted nonces decides their votes.
4. At VE a controller learns the success rate and the arrivals that the claims show.

Everything is pure: values in, values out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from sim.protocol.consensus.transactions import HardwareNode, Transaction
from sim.protocol.proofs.claimed import ClaimedNonces
from sim.protocol.proofs.weights import NodeId

if TYPE_CHECKING:
    from pow.validation import FraudTest

Hardware = Mapping[str, Sequence[HardwareNode]]
"""Registered ML nodes by address."""


class ProofRules(Protocol):
    """The switches of a version that schemes read (`sim.protocol.versions.Rules` has them)."""

    @property
    def counts_duplicates(self) -> bool:
        """Every listed nonce counts; otherwise a nonce counts once per participant."""

    @property
    def weight_scale(self) -> Fraction:
        """Weight per counted nonce."""

    @property
    def truncates_by_node(self) -> bool:
        """Scaled weight is truncated once per ML node; otherwise batch by batch."""

    @property
    def stores_node_ids(self) -> bool:
        """The chain keeps which ML node a nonce came from."""

    @property
    def normalizes_by_stage_time(self) -> bool:
        """Weight counts by the seconds that generation took."""


class AnswerTerms(Protocol):
    """What is agreed on for the answers of a language model (`sim.protocol.models` has more of them)."""

    @property
    def distance_threshold(self) -> float:
        """A recomputed answer farther away is a mismatch."""

    @property
    def margin_threshold(self) -> float | None:
        """In the scheme `decode` a larger margin is a mismatch; None where nothing is agreed on."""

    @property
    def p_mismatch(self) -> float:
        """Share of mismatches that an honest host may have."""

    @property
    def applied_fraud_p(self) -> float:
        """p-value below which validators vote fraud."""


@dataclass(frozen=True)
class Episode:
    """One running proof of compute, as the chain sees it: heights follow from the current lengths of the epoch.

    It is the regular one of an upcoming epoch, or a confirmation of the effective one.
    """

    epoch_index: int
    start_height: int
    """Its key in messages: P, or the block that triggered the confirmation."""
    block_hash: str
    """It seeds the work."""
    generation_end: int
    last_claim: int
    """Last height at which claims are taken."""
    validation_start: int
    """V"""
    validation_end: int
    """VE"""
    first_claim: int = 0
    """First height at which claims are taken; 0: the one after the start."""
    models: Mapping[str, AnswerTerms] = field(default_factory=dict)
    """Language models that hosts may claim for, where claims name one, with their terms; none: all."""
    preserved: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """ML nodes that it passes over, by address."""
    start_seconds: float | None = None
    """Time of the block at which generation starts; None where it is not known."""
    validation_seconds: float | None = None
    """Time of the block at which validation starts, from then on."""
    is_confirmation: bool = False
    is_challenge: bool = False
    """A segment of one host's challenge; a confirmation in all else."""

    @property
    def opening(self) -> int:
        """First height at which claims are taken."""
        return self.first_claim or self.start_height + 1

    @property
    def n_claim_blocks(self) -> int:
        """Blocks that take claims: as many as generation and exchange have."""
        return self.last_claim - self.opening + 1


class ProofMessage(Transaction, Protocol):
    """A transaction that claims something, or belongs to a claim."""

    @property
    def start_height(self) -> int:
        """P of the proof of compute that it is about."""


@dataclass(frozen=True)
class CountedClaim:
    """A participant's messages, counted at VE."""

    claimed_nonces: int = 0
    distinct_nonces: int = 0
    counts: Mapping[NodeId, int] = field(default_factory=dict)
    """Counted nonces by ML node."""
    node_weights: Mapping[NodeId, int] = field(default_factory=dict)
    claimed_weight: int | None = None
    """None: the sum over ML nodes."""

    @property
    def counted_nonces(self) -> int:
        """Nonces left by the rule on duplicates."""
        return sum(self.counts.values())

    @property
    def weight(self) -> int:
        """Claimed weight."""
        return sum(self.node_weights.values()) if self.claimed_weight is None else self.claimed_weight


class NodeClaim(NamedTuple):
    """A host's claim for one of its ML nodes at a time."""

    node_id: NodeId
    public_key: str
    nonces: Sequence[int] | NDArray[np.int64]
    """A tuple, or an array where the scheme's claims leave with a period."""
    values: Sequence[float] | NDArray[Any]
    """The result for each nonce, computed or pretended; an array where the nonces are one."""
    model: str = ""
    """Language model that the ML node serves."""


class ClaimLog(Protocol):
    """A host's claims in an episode, which grow in place: a list, or more where messages need sums over all of them."""

    def append(self, claim: NodeClaim, /) -> None:
        """Add the newest claim."""


class OwnClaims(NamedTuple):
    """All claims of a host in an episode so far, from which it builds its messages."""

    creator: str
    start_height: int
    block_hash: str
    claims: Any
    """The `ClaimLog` that the scheme has opened; the newest claim is its last one."""
    is_complete: bool
    """Generation has ended: no other claim follows. With a `Rhythm`, that the window of claims is over."""
    tx_id: str
    """Name for a new message."""
    token: str
    """Random hexadecimal text that no other message has."""
    stored: Any = None
    """The `ProofStore` as the host knows it."""


@dataclass(frozen=True)
class Rhythm:
    """Times at which a host's messages about its claims leave."""

    period_seconds: float = 0.0
    """All claims together with this period, as long as claims are taken; 0: at each claim, and when they are complete.

    With a period claims hold arrays, for a host may claim millions of nonces."""
    repeat_seconds: float = 0.0
    """Period of the messages after that, until the scheme has none to send any more."""


AT_ONCE = Rhythm()


@dataclass(frozen=True)
class ProofObservation:
    """Observations from the claims of accepted participants, for a controller."""

    success_rate: float
    """Counted / tried, estimated from the claims; 0 without a counted nonce."""
    arrivals: tuple[int, ...]
    """Counted nonces by block, from P + 1 to the last block that takes claims."""


class ProofStore(Protocol):
    """The chain's store of a scheme's messages, from P to the next P: an immutable value."""

    @property
    def participants(self) -> Sequence[str]:
        """Addresses with a claim, ascending; where claims are by model, their names (`claimed.name_claim`)."""

    def take(self, message: Any, height: int, episode: Episode, rules: ProofRules) -> tuple[str, Self]:
        """Check a message about this episode in the block of this height; return its fate and the store after it.

        The fate is a `TxResult`, or the scheme's own word for why it refuses.
        """

    def read_claims(self, episode: Episode, threshold: float) -> ClaimedNonces:
        """Return all claims, nonce by nonce, in the order of `participants`, as validators read them at V."""

    def count_claims(self, rules: ProofRules, episode: Episode) -> dict[str, CountedClaim]:
        """Count and weigh every claim, by the names of `participants`."""

    def observe(
        self, accepted: Collection[str], hardware: Hardware, episode: Episode, rules: ProofRules
    ) -> ProofObservation:
        """Return the observations from accepted claims, at VE."""


class ProofScheme(Protocol):
    """A frozen dataclass, registered by its name; its fields are the scheme's parameters."""

    messages: ClassVar[tuple[type[Any], ...]]
    """Classes of its transactions, each a `ProofMessage`."""
    bytes_per_nonce: ClassVar[int]
    """By which a message grows with each claimed nonce; for the estimate of a network's load."""
    rhythm: ClassVar[Rhythm]
    """When messages about claims leave."""
    claims_by_model: ClassVar[bool]
    """A claim is for one language model; it is checked and judged by those who serve that model."""

    @property
    def threshold(self) -> float:
        """The threshold that holds when the scheme comes into force."""

    def hit_probability(self, threshold: float, vector_dim: int) -> float:
        """Return the probability that a try counts, in (0, 1]; `vector_dim` is that of the computed vector."""

    def threshold_for(self, probability: float, vector_dim: int) -> float:
        """Return the threshold that a try meets with this probability, the inverse of `hit_probability`."""

    def open_store(self) -> ProofStore:
        """Return a store without messages."""

    def open_claims(self) -> ClaimLog:
        """Return a host's own claims at the start of an episode: none."""

    def build_messages(self, own: OwnClaims) -> Sequence[ProofMessage]:
        """Return a host's messages after each new claim, and once more when its claims are complete; see `Rhythm`."""

    def compute_sampling_seed(self, validator_key: str, newest_hash: str, episode: Episode, model: str = "") -> int:
        """Return the seed of a validator's samples; `newest_hash` is that of the block at which it begins.

        `model` is the language model of the claims, where claims are by model.
        """

    def test_samples(
        self, n_checked: NDArray[np.int64], n_contradicted: NDArray[np.int64], p_mismatch: float, threshold: float
    ) -> FraudTest:
        """Test which of many samples make their claim a fraud, by a p-value below the threshold."""

    def find_sure(self, values: NDArray[Any], threshold: float, margin: float) -> NDArray[np.bool_]:
        """Tell which results (n, ...) count with this margin to spare, bool (n,): a small error leaves them valid."""

    def invent_nonces(self, numbers: range, generator: np.random.Generator) -> NDArray[np.int64]:
        """Return nonces that no ML node tries, int64 (n,); a host numbers all that it invents, from 1 on."""

    def fabricate(
        self, like: NDArray[Any], n: int, threshold: float, vector_dim: int, generator: np.random.Generator
    ) -> NDArray[Any]:
        """Draw values that look true for nonces that were never computed, (n, ...).

        `like` holds computed ones; the fabricated ones have their type and shape.
        """
