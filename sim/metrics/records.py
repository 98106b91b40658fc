"""Events of a run, as typed rows that actors append while time passes. Frames are computed after the run.

The rules' own rows about a block are in `sim.protocol.blocks.records`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from sim.protocol.blocks.records import Record

VALID, FRAUD, ABSTAINED, OUT_OF_TIME = VOTES = ("valid", "fraud", "abstained", "out of time")
"""The outcome of a check; their order is that of the codes in `sim.metrics.validations`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochEnded(Record):
    """The last block before the next P was agreed; counts of the shared kernel work since P."""

    epoch: int
    end_seconds: Annotated[float, "simulated time of the last block before the next P", "s"]
    computed: Annotated[int, "distances computed (kernel) or drawn (sphere) since P", "nonces"]
    shared: Annotated[int, "distances answered from an earlier computation since P", "nonces"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostJoined(Record):
    """A host entered the network and is known from this epoch on."""

    epoch: int
    participant: str
    host_group: Annotated[str, "entry of `hosts` in the scenario"]
    region: Annotated[str, "region of the host"]
    strategy: Annotated[str, "strategy of the host"]
    gpus: Annotated[str, "GPUs of the host"]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MLNodeFinished(Record):
    """One ML node's generation in one epoch."""

    epoch: Annotated[int, "index of the epoch"]
    participant: Annotated[str, "address of the host"]
    node_id: Annotated[int, "number of the ML node within its host, from 1"]
    gpu: Annotated[str, "GPU profile"]
    n_gpus: Annotated[int, "GPUs of the machine"]
    n_gpu_groups: Annotated[int, "groups that work as one device each"]
    nonces_per_second: Annotated[float, "raw rate of all groups", "1/s"]
    threshold: Annotated[float, "largest accepted distance that its host knew", "chord"]
    start_seconds: Annotated[float, "simulated time of the first nonce's start; missing where preserved", "s"]
    end_seconds: Annotated[float, "simulated time of its stop; missing where preserved", "s"]
    tried: Annotated[int, "nonces computed", "nonces"]
    tried_early: Annotated[int, "nonces computed before the stage, under a network seed that was assumed", "nonces"]
    valid: Annotated[int, "of these valid", "nonces"]
    work_operations: Annotated[
        float, "multiplications and additions of all tried nonces, in the layers that really ran", "operations"
    ]
    claimed: Annotated[int, "nonces sent in proof batches, fabricated ones included", "nonces"]
    claimed_digest: Annotated[str, "SHA-256 over the nonces sent, in their order: its first 16 hexadecimal digits"]
    unsent: Annotated[int, "valid ones lost because generation ended before the next send", "nonces"]
    lost: Annotated[int, "valid ones whose callback was lost, or came when the epoch was over", "nonces"]
    n_nodes: Annotated[int, "stride of its nonces: the number of ML nodes that it was told; 0 where preserved"]
    is_preserved: Annotated[bool, "served on and kept its weight without proof"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockAgreed(Record):
    """A block and its place in the epoch (epoch 0, INFERENCE before the first P)."""

    height: Annotated[int, "height", "blocks"]
    epoch: Annotated[int, "epoch whose [P, next P) holds the height"]
    stage: Annotated[str, "stage of the epoch"]
    proposer: Annotated[str, "address of the proposer"]
    time_seconds: Annotated[float, "when the first validator decided", "s"]
    round: Annotated[int, "round of consensus that decided; 0 where nothing went wrong"]
    timestamp_seconds: Annotated[float, "the block's own time, by its proposer's clock", "s"]
    block_hash: Annotated[str, "hash, hexadecimal"]
    n_transactions: Annotated[int, "transactions contained"]
    size_bytes: Annotated[int, "size on the wire", "bytes"]
    n_absent: Annotated[int, "validators of the block before whose signatures on it this one lacks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionSent(Record):
    """A host created a transaction and started its gossip."""

    tx_id: Annotated[str, "id"]
    kind: Annotated[str, "SubmitSeed, SubmitProofBatch, SubmitValidation, ClaimReward"]
    creator: Annotated[str, "address"]
    epoch: Annotated[int, "epoch at the creator's height"]
    size_bytes: Annotated[int, "size on the wire", "bytes"]
    created_seconds: Annotated[float, "simulated time of creation", "s"]
    expires_height: int
    """Height at which mempools drop it; 0: never."""
    is_too_large: bool
    """No block has room for it, so that mempools refuse it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionIncluded(Record):
    """A block took a transaction."""

    tx_id: str
    height: int
    included_seconds: Annotated[float, "simulated time of that block", "s"]
    result: Annotated[str, "what the chain said: accepted, or why not; missing where no block contains it"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRefused(Record):
    """A proposer has found a transaction whose window was over, and left it out."""

    tx_id: str
    height: int
    """Of the last block then."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ValidationDone(Record):
    """One validator's validation of an epoch is over: all its checks as arrays, in the order of checking.

    Claims that it had no time for have 0 checked nonces, p-value 1 and the time at which it stopped.
    """

    epoch: Annotated[int, "index of the epoch"]
    validator: Annotated[str, "address of the validator"]
    names: NDArray[np.object_]
    """Names of all claims; shared by all validators of the epoch."""
    places: NDArray[np.int64]
    """(n,) of the participants in `names`"""
    n_claimed: Annotated[NDArray[np.int64], "claimed nonces that the validator saw at V", "nonces"]
    n_checked: Annotated[NDArray[np.int64], "of these re-executed", "nonces"]
    n_invalid: Annotated[NDArray[np.int64], "of these that contradict the claim", "nonces"]
    p_value: Annotated[NDArray[np.float64], "probability of so many or more mismatches of an honest host"]
    votes: NDArray[np.int8]
    """(n,) places in `VOTES`"""
    seconds: Annotated[NDArray[np.float64], "simulated time at which the check, or the time for it, ended", "s"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DifficultyDecided(Record):
    """A controller's decision at VE."""

    epoch: Annotated[int, "epoch that was measured"]
    height: Annotated[int, "VE, height of the decision", "blocks"]
    quantity: Annotated[str, "key of the controller's `target`; valid nonces where nothing is controlled"]
    measured: Annotated[
        float, "its value as the chain knows it at VE: nonces, valid / tried, or blocks", "of the quantity"
    ]
    setpoint: Annotated[float, "wanted value; missing where nothing is controlled", "of the quantity"]
    difficulty: Annotated[float, "in force in the measured epoch", "tries"]
    next_difficulty: Annotated[float, "in force from S", "tries"]
    next_threshold: Annotated[float, "the same as a distance", "chord"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultBegan(Record):
    """A fault hit its target."""

    number: int
    """Counts the faults of a run in the order of their beginnings."""
    fault: Annotated[int, "position in the scenario's `faults`, from 0"]
    kind: Annotated[str, "crash, churn, partition, latency, loss, bandwidth, ml_node, api or clock_skew"]
    target: Annotated[str, "whom it hit, as the scenario names them, or the hosts that were drawn"]
    n_hosts: Annotated[int, "hosts hit; of a partition all that it names"]
    value: Annotated[float, "factor, probability, or seconds of a delay or a clock; missing where it has none"]
    start_seconds: Annotated[float, "simulated time of its beginning; missing where the run ended before", "s"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultEnded(Record):
    """A fault is over; its effect may last longer, for instance until a host has caught up."""

    number: int
    end_seconds: Annotated[float, "simulated time of its end; missing where it lasted to the end of the run", "s"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultMissed(Record):
    """A fault of the scenario that never began: the run ended before."""

    fault: int
    kind: str
    target: str
    planned_seconds: Annotated[float, "simulated time at which it was to begin", "s"]
