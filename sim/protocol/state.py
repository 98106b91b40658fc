"""What the chain knows after a block: one immutable value, shared by everybody who has reached that height."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pow.sphere import hit_probability
from sim.protocol.params import ProtocolParams
from sim.protocol.transactions import SubmitProofBatch, Transaction


@dataclass(frozen=True)
class Block:
    """An agreed block. Its hash is drawn, not computed from the content, see `sim.chain.producer`."""

    height: int
    block_hash: str
    proposer: str
    time_seconds: float
    transactions: tuple[Transaction, ...]

    HEADER_BYTES = 2000

    @property
    def size_bytes(self) -> int:
        """Size on the wire."""
        return self.HEADER_BYTES + sum(transaction.size_bytes for transaction in self.transactions)


@dataclass(frozen=True)
class EpochGroup:
    """Members of an epoch with their final weights."""

    index: int
    weights: Mapping[str, int]


@dataclass(frozen=True)
class UpcomingEpoch:
    """An epoch between P and S: its proof of compute is running. Reference: protocol 1.1."""

    index: int
    start_height: int
    block_hash: str
    """Hash of block P: the network seed."""


@dataclass(frozen=True)
class EpochObservation:
    """What a controller may know of a finished epoch: chain state only."""

    epoch_index: int
    difficulty: float
    """In force while the epoch's nonces were generated."""
    valid_nonces: int
    """Counted nonces of accepted participants."""
    time_ratio: float = 1.0
    """Time that the interval took / time that it should take: always 1 in the full network, where epochs are as long
    as they are; random where an interval ends with a quota of nonces (`sim.race`)."""


@dataclass(frozen=True)
class Settlement:
    """A reward that waits for its claim, in ngonka. Reference: protocol 2.2, 6.4."""

    epoch_index: int
    amount: int
    commitment: str


@dataclass(frozen=True)
class ChainState:
    """The chain after block `height`."""

    height: int
    effective: EpochGroup
    powers: Mapping[str, int]
    """Consensus power of the validators; stays where an epoch forms without members."""
    priorities: Mapping[str, int]
    difficulty: float
    r_target: float
    next_difficulty: float
    """Decided at VE, in force from S."""
    upcoming: UpcomingEpoch | None = None
    next_group: EpochGroup | None = None
    history: tuple[EpochObservation, ...] = ()
    seeds: Mapping[tuple[int, str], str] = field(default_factory=dict)
    batches: Mapping[tuple[str, str], SubmitProofBatch] = field(default_factory=dict)
    frauds: Mapping[tuple[str, str], bool] = field(default_factory=dict)
    """(participant, validator) -> True where the validator says fraud."""
    settled: Mapping[str, Settlement] = field(default_factory=dict)
    balances: Mapping[str, int] = field(default_factory=dict)
    emitted: int = 0
    """ngonka minted so far."""
    burnt: int = 0
    """ngonka that nobody claimed in time."""


def genesis_state(members: Mapping[str, int], params: ProtocolParams, r_target: float) -> ChainState:
    """Return the state before the first block: epoch 0 with the genesis members. Reference: protocol 0, 4.6."""
    if not members:
        raise ValueError("a chain needs at least one genesis member")
    difficulty = 1.0 / hit_probability(r_target, params.vector_dim)
    return ChainState(
        height=0,
        effective=EpochGroup(0, dict(members)),
        powers=dict(members),
        priorities={},
        difficulty=difficulty,
        r_target=r_target,
        next_difficulty=difficulty,
    )


def batches_by_participant(state: ChainState) -> dict[str, list[SubmitProofBatch]]:
    """Group the stored batches by participant; inside one, ordered by batch_id. Reference: protocol 4.1."""
    grouped: dict[str, list[SubmitProofBatch]] = {}
    for (creator, _), batch in sorted(state.batches.items()):
        grouped.setdefault(creator, []).append(batch)
    return grouped
