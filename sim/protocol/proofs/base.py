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
    def stores_node_ids(self) -> bool:
        """The chain keeps which ML node a nonce came from."""


@dataclass(frozen=True)
class Episode:
    """One running proof of compute, as the chain sees it: heights follow from the current lengths of the epoch."""

    epoch_index: int
    start_height: int
    """P, whose block hash seeds the work."""
    block_hash: str
    generation_end: int
    last_claim: int
    """Last height at which claims are taken."""
    validation_start: int
    """V"""
    validation_end: int
    """VE"""


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

    @property
    def counted_nonces(self) -> int:
        """Nonces left by the rule on duplicates."""
        return sum(self.counts.values())

    @property
    def weight(self) -> int:
        """Claimed weight."""
        return sum(self.node_weights.values())


class NodeClaim(NamedTuple):
    """A host's claim for one of its ML nodes at a time."""

    node_id: NodeId
    public_key: str
    nonces: tuple[int, ...]
    values: tuple[float, ...]
    """The result for each nonce, computed or pretended."""


class OwnClaims(NamedTuple):
    """All claims of a host in an episode so far, from which it builds its messages."""

    creator: str
    start_height: int
    block_hash: str
    claims: Sequence[NodeClaim]
    """The newest one last."""
    is_complete: bool
    """Generation has ended: no other claim follows."""
    tx_id: str
    """Name for a new message."""
    token: str
    """Random hexadecimal text that no other message has."""


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
        """Addresses with a claim, ascending."""

    def take(self, message: Any, height: int, episode: Episode, rules: ProofRules) -> tuple[str, Self]:
        """Check a message about this episode in the block of this height; return its fate and the store after it.

        The fate is a `TxResult`, or the scheme's own word for why it refuses.
        """

    def read_claims(self, block_hash: str, threshold: float) -> ClaimedNonces:
        """Return all claims, nonce by nonce, in the order of `participants`, as validators read them at V."""

    def count_claims(self, rules: ProofRules) -> dict[str, CountedClaim]:
        """Count and weigh every participant's claim, by address."""

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

    @property
    def threshold(self) -> float:
        """The threshold that holds when the scheme comes into force."""

    def hit_probability(self, threshold: float, vector_dim: int) -> float:
        """Return the probability that a try counts, in (0, 1]; `vector_dim` is that of the computed vector."""

    def threshold_for(self, probability: float, vector_dim: int) -> float:
        """Return the threshold that a try meets with this probability, the inverse of `hit_probability`."""

    def open_store(self) -> ProofStore:
        """Return a store without messages."""

    def build_messages(self, own: OwnClaims) -> Sequence[ProofMessage]:
        """Return a host's messages after each new claim, and once more when its claims are complete."""

    def compute_sampling_seed(self, validator_key: str, newest_hash: str, episode: Episode) -> int:
        """Return the seed of a validator's samples; `newest_hash` is that of the block at which it begins."""

    def test_samples(
        self, n_checked: NDArray[np.int64], n_contradicted: NDArray[np.int64], p_mismatch: float, threshold: float
    ) -> FraudTest:
        """Test which of many samples make their claim a fraud, by a p-value below the threshold."""

    def fabricate(
        self, n: int, threshold: float, vector_dim: int, generator: np.random.Generator
    ) -> NDArray[np.float64]:
        """Draw values that look true for nonces that were never computed, float64 (n,)."""
