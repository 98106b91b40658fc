"""Every frame's columns: name, dtype, unit, meaning. The docs' page of frames is made from this table.

A column that a record holds is declared at the record; columns that frames add are declared here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from sim.metrics import records
from sim.protocol.blocks import records as facts
from sim.protocol.blocks.payments import Payment
from sim.protocol.blocks.records import Record

NAMES = {"threshold": "r_target", "next_threshold": "next_r_target"}
"""Fields of records whose columns have another name: that of the scheme `hits`."""
DTYPES: dict[Any, str] = {int: "int64", float: "float64", bool: "bool", str: "str"}
DTYPES |= {NDArray[np.int64]: "int64", NDArray[np.float64]: "float64"}


@dataclass(frozen=True)
class Column:
    """One column of a frame; `unit` is empty for names, counts and plain numbers."""

    name: str
    dtype: str
    unit: str
    meaning: str


def list_columns(kind: type[Record]) -> tuple[Column, ...]:
    """Return the columns that a record declares, in the order of its fields."""
    found = []
    for name, hint in get_type_hints(kind, include_extras=True).items():
        if get_origin(hint) is Annotated:  # any other field is kept, but no column
            plain, meaning, *unit = get_args(hint)
            found.append(Column(NAMES.get(name, name), DTYPES[plain], "".join(unit), meaning))
    return tuple(found)


def _columns(text: str, *kinds: type[Record]) -> tuple[Column, ...]:
    """Columns of a frame in order: names that records declare, or a line with name, dtype, unit and meaning."""
    declared = {column.name: column for kind in reversed(kinds) for column in list_columns(kind)}
    columns: list[Column] = []
    for line in text.strip().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        columns += [Column(*cells)] if len(cells) > 1 else [declared[name.strip()] for name in line.split(",")]
    return tuple(columns)


ROWS: dict[str, str] = {
    "epochs": "epoch",
    "participants": "epoch × participant in the network",
    "claims": "epoch × participant × model that it claims for, serves, refuses or delegates (from v0.2.9 on)",
    "groups": "epoch × model of governance (from v0.2.9 on)",
    "ml_nodes": "epoch × ML node that was dispatched or preserved",
    "blocks": "block",
    "transactions": "transaction",
    "validations": "epoch × validator × claim of a participant; none where `metrics.validations` is `summary`",
    "validation_summary": "epoch × validator",
    "difficulty": "controller decision",
    "rewards": "epoch × member",
    "seeds": "commitment to a seed that was sent",
    "payments": "movement of coins",
    "inferences": "epoch × member that serves a model",
    "prices": "epoch × model",
    "confirmations": "confirmation × member",
    "offences": "validator that was jailed for the way in which it signs",
    "challenges": "challenge that was taken and settled (from v0.2.16 on)",
    "segments": "segment of a challenge × model (from v0.2.16 on)",
    "faults": "fault, by its beginning; one that the run was too short for comes last",
    "propagation": "message kind × bin of delay",
}

RECORDS: dict[str, type[Record]] = {
    "ml_nodes": records.MLNodeFinished,
    "difficulty": records.DifficultyDecided,
    "payments": Payment,
    "claims": facts.ClaimJudged,
    "groups": facts.GroupFormed,
    "inferences": facts.InferencesServed,
    "prices": facts.PriceReached,
    "confirmations": facts.WeightConfirmed,
    "offences": facts.OffencePunished,
    "challenges": facts.ChallengeSettled,
    "segments": facts.SegmentJudged,
}
"""Frames that have a row a record, and its columns only."""

_COMPOSED: dict[str, tuple[Column, ...]] = {
    "epochs": _columns(
        """
        epoch, version, start_height
        start_seconds | float64 | s | simulated time of P
        end_seconds, r_target, difficulty, hit_probability
        n_ml_nodes | int64 | | ML nodes that generated
        tried | int64 | nonces | nonces computed by ML nodes that generated
        valid | int64 | nonces | of these with distance < r_target
        success_rate | float64 | | valid / tried
        success_low | float64 | | lower end of its 95 % Wilson interval
        success_high | float64 | | upper end of its 95 % Wilson interval
        claimed_nonces | int64 | nonces | nonces in proof batches that the chain took
        accepted | int64 | | participants accepted at VE
        rejected | int64 | | participants rejected at VE
        total_weight | int64 | weight | sum of final weights
        generation_end_height
        compute_nonces_per_second | float64 | 1/s | true compute: raw rate of all ML nodes that generated
        estimated_nonces_per_second | float64 | 1/s | counted nonces of the accepted × difficulty / seconds from P to E
        estimate_error | float64 | | estimated / true compute - 1; start-up, late batches and cheaters are in it
        gossip_delay_median_seconds | float64 | s | median delay of a transaction to one host
        computed, shared
        """,
        facts.EpochStarted,
        records.EpochEnded,
    ),
    "participants": _columns(
        """
        epoch, participant, host_group, region, strategy, gpus
        tried | int64 | nonces | nonces that its ML nodes computed
        valid | int64 | nonces | of these with distance < r_target
        work_operations | float64 | operations | real work: of all tried nonces, in the layers that really ran
        claimed_nonces, distinct_nonces, counted_nonces, claimed_weight
        valid_vote_weight, invalid_vote_weight, total_vote_weight, is_accepted, reason
        preserved_weight, dropped_weight, uncapped_weight, activated_weight, is_member, weight, consensus_power
        """,
        facts.ParticipantJudged,
        records.HostJoined,
        facts.PowerSet,
    ),
    "blocks": (
        *list_columns(records.BlockAgreed),
        *_columns(
            """
            n_reached | int64 | | hosts that the gossip reached, without the proposer
            delay_median_seconds | float64 | s | median delay to these hosts
            delay_max_seconds | float64 | s | largest delay to these hosts
            """
        ),
    ),
    "transactions": _columns(
        """
        tx_id, kind, creator, epoch, size_bytes, created_seconds
        height | Int64 | blocks | block that contains it; missing where none does
        included_seconds
        inclusion_delay_seconds | float64 | s | included_seconds - created_seconds
        fate | str | | included, late (after its window), refused (for another reason, or too large), expired, or lost
        result
        n_reached | int64 | | hosts that the gossip reached, without the creator
        delay_median_seconds | float64 | s | median delay to these hosts
        delay_max_seconds | float64 | s | largest delay to these hosts
        """,
        records.TransactionSent,
        records.TransactionIncluded,
    ),
    "validations": _columns(
        """
        epoch, validator
        participant | str | | address of the participant
        model | str | | governance's model that it claims for; empty where claims are not by model
        n_claimed, n_checked, n_invalid, p_value
        vote | str | | valid, fraud, abstained or out of time
        seconds
        """,
        records.ValidationDone,
    ),
    "validation_summary": _columns(
        """
        epoch, validator
        n_participants | int64 | | participants that it had to check
        n_claimed, n_checked, n_invalid
        n_valid | int64 | | votes valid
        n_fraud | int64 | | votes fraud
        n_abstained | int64 | | checks without a vote
        n_out_of_time | int64 | | participants that it did not get to
        last_seconds | float64 | s | simulated time at which its last check ended
        """,
        records.ValidationDone,
    ),
    "rewards": (
        *list_columns(facts.RewardSettled),
        Column("is_claimed", "bool", "", "the participant claimed it in the simulated time"),
    ),
    "seeds": _columns(
        """
        epoch, participant
        sent_seconds | float64 | s | simulated time at which its host sent it
        height | Int64 | blocks | block that took it; missing where none did
        included_seconds | float64 | s | simulated time of that block
        known_half_seconds | float64 | s | delay until half of the other hosts knew it; missing where fewer ever did
        known_most_seconds | float64 | s | delay until 90 % of them did
        known_all_seconds | float64 | s | delay until all of them did
        is_copied | bool | | another participant committed to the same text in this epoch
        claim_height | Int64 | blocks | block of the claim that revealed it; missing without a paid claim
        fate | str | | claimed, burnt, waiting (to be claimed), unpaid, not settled, no member, or in no block
        """,
        facts.SeedCommitted,
    ),
    "faults": _columns(
        "fault, kind, target, n_hosts, value, planned_seconds, start_seconds, end_seconds",
        records.FaultBegan,
        records.FaultMissed,
        records.FaultEnded,
    ),
    "propagation": _columns("""
        kind | str | | Block or a kind of transaction
        delay_upper_seconds | float64 | s | upper edge of the bin (24 bins a decade)
        deliveries | int64 | | first deliveries to a host in the bin
    """),
}

FRAMES = {name: list_columns(RECORDS[name]) if name in RECORDS else _COMPOSED[name] for name in ROWS}
