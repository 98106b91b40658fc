"""What happened, as typed rows that actors append while time passes. Nothing is computed from them during the run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.metrics.fault_records import FaultBegan, FaultEnded, FaultMissed

NO_CLAIM = "no claim"
VALID, FRAUD, ABSTAINED, OUT_OF_TIME = VOTES = ("valid", "fraud", "abstained", "out of time")
"""What becomes of a check; the first three in the order of the codes of `sim.strategies.base.Votes`."""


@dataclass(frozen=True, slots=True)
class EpochStarted:
    """Block P was agreed."""

    epoch: int
    start_height: int
    start_seconds: float
    block_hash: str
    r_target: float
    difficulty: float
    hit_probability: float
    version: str


@dataclass(frozen=True, slots=True)
class EpochEnded:
    """The last block before the next P was agreed; counts of the shared kernel work since P."""

    epoch: int
    end_seconds: float
    computed: int
    shared: int


@dataclass(frozen=True, slots=True)
class HostJoined:
    """A host entered the network and is known from this epoch on."""

    epoch: int
    participant: str
    host_group: str
    region: str
    strategy: str
    gpus: str
    seconds: float


@dataclass(frozen=True, slots=True)
class MLNodeFinished:
    """One ML node's generation in one epoch."""

    epoch: int
    participant: str
    node_id: int
    gpu: str
    n_gpus: int
    n_gpu_groups: int
    nonces_per_second: float
    r_target: float
    start_seconds: float
    end_seconds: float
    tried: int
    valid: int
    claimed: int
    unsent: int
    n_nodes: int
    is_preserved: bool


@dataclass(frozen=True, slots=True)
class BlockAgreed:
    """A block and its place in the epoch (epoch 0, INFERENCE before the first P)."""

    height: int
    epoch: int
    stage: str
    proposer: str
    time_seconds: float
    round: int
    timestamp_seconds: float
    block_hash: str
    n_transactions: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class TransactionSent:
    """A host created a transaction and started its gossip."""

    tx_id: str
    kind: str
    creator: str
    epoch: int
    size_bytes: int
    created_seconds: float
    expires_height: int
    """Height at which mempools drop it; 0: never."""
    is_too_large: bool
    """No block has room for it, so that mempools refuse it."""


@dataclass(frozen=True, slots=True)
class TransactionIncluded:
    """A block took a transaction; `result` is the chain's answer."""

    tx_id: str
    height: int
    seconds: float
    result: str


@dataclass(frozen=True, slots=True, eq=False)
class ValidationDone:
    """One validator's validation of an epoch is over: all its checks as arrays, in the order of checking.

    Claims that it had no time for have 0 checked nonces, p-value 1 and the time at which it stopped.
    """

    epoch: int
    validator: str
    names: NDArray[np.object_]
    """Addresses of all claims; shared by all validators of the epoch."""
    places: NDArray[np.int64]
    """(n,) of the participants in `names`"""
    n_claimed: NDArray[np.int64]
    n_checked: NDArray[np.int64]
    n_invalid: NDArray[np.int64]
    p_values: NDArray[np.float64]
    votes: NDArray[np.int8]
    """(n,) places in `VOTES`"""
    seconds: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ParticipantJudged:
    """What VE made of one participant; weights of votes are those of the previous epoch."""

    epoch: int
    participant: str
    claimed_nonces: int
    distinct_nonces: int
    counted_nonces: int
    claimed_weight: int
    valid_vote_weight: int
    invalid_vote_weight: int
    total_vote_weight: int
    is_accepted: bool
    reason: str
    preserved_weight: int
    dropped_weight: int
    uncapped_weight: int
    activated_weight: int
    is_member: bool
    weight: int


@dataclass(frozen=True, slots=True)
class DifficultyDecided:
    """A controller's decision at VE; the next values are in force from S."""

    epoch: int
    height: int
    quantity: str
    measured: float
    setpoint: float
    difficulty: float
    next_difficulty: float
    next_r_target: float


@dataclass(frozen=True, slots=True)
class RewardSettled:
    """A participant's reward and fees for an ended epoch, in ngonka, or why it has none."""

    epoch: int
    participant: str
    uncapped_weight: int
    weight: int
    reward_ngonka: int
    fees_ngonka: int
    reason: str


@dataclass(frozen=True, slots=True)
class RewardClaimed:
    """A claim was paid."""

    epoch: int
    participant: str
    height: int


@dataclass(frozen=True, slots=True)
class PaymentMade:
    """Coins moved, in ngonka; no participant where it concerns nobody."""

    epoch: int
    height: int
    participant: str
    kind: str
    amount_ngonka: int
    reason: str


@dataclass(frozen=True, slots=True)
class PowerSet:
    """Consensus power from S of an epoch on."""

    epoch: int
    participant: str
    consensus_power: int


@dataclass(frozen=True, slots=True)
class InferencesServed:
    """A member's requests of an epoch and the status that they led to."""

    epoch: int
    participant: str
    requests: int
    missed: int
    invalid: int
    fees_ngonka: int
    status: str


@dataclass(frozen=True, slots=True)
class PriceReached:
    """A model's price at the end of an epoch, in ngonka per token."""

    epoch: int
    model: str
    price_ngonka: int


@dataclass(frozen=True, slots=True)
class WeightConfirmed:
    """What a confirmation left of a member's weight; nothing measured where it sent nothing."""

    epoch: int
    height: int
    participant: str
    weight_before: int
    measured: int
    weight_after: int
    is_failed: bool


Record = (
    EpochStarted
    | EpochEnded
    | HostJoined
    | MLNodeFinished
    | BlockAgreed
    | TransactionSent
    | TransactionIncluded
    | ValidationDone
    | ParticipantJudged
    | DifficultyDecided
    | RewardSettled
    | RewardClaimed
    | PaymentMade
    | PowerSet
    | InferencesServed
    | PriceReached
    | WeightConfirmed
    | FaultBegan
    | FaultEnded
    | FaultMissed
)
