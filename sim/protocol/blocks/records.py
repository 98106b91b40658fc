"""The rules' typed rows about a block: each fact is declared here, with the meaning and unit of its column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One row. A field whose annotation holds a sentence is a column of a frame; a second text is its unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochStarted(Record):
    """Block P was agreed."""

    epoch: Annotated[int, "index of the epoch, from 1"]
    start_height: Annotated[int, "P, the block whose hash is the network seed", "blocks"]
    threshold: Annotated[float, "largest accepted distance in force at P", "chord"]
    """Of the proof scheme in force; the column bears the name of the first scheme's."""
    difficulty: Annotated[float, "1 / hit probability", "tries"]
    hit_probability: Annotated[float, "exact probability of a valid nonce"]
    version: Annotated[str, "version whose rules hold from P on"]
    generation_end_height: Annotated[int, "E, at which generation ends, by the lengths in force at P", "blocks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedCommitted(Record):
    """The chain took the commitment to a participant's seed."""

    tx_id: str
    epoch: Annotated[int, "epoch that the seed is for"]
    participant: Annotated[str, "address"]
    height: int
    commitment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantJudged(Record):
    """One participant at VE: its claim, its preserved weight, the votes, and its final weight."""

    epoch: Annotated[int, "index of the epoch"]
    participant: Annotated[str, "address"]
    claimed_nonces: Annotated[int, "nonces in its proof batches on chain", "nonces"]
    distinct_nonces: Annotated[int, "different ones among them; ML nodes that overlap send a nonce twice", "nonces"]
    counted_nonces: Annotated[int, "claimed ones that count by the version's rule on duplicates", "nonces"]
    claimed_weight: Annotated[int, "weight of the counted nonces", "weight"]
    valid_vote_weight: Annotated[int, "previous weight that voted valid; slots, where a committee judges", "weight"]
    invalid_vote_weight: Annotated[int, "previous weight that voted fraud; slots, where a committee judges", "weight"]
    total_vote_weight: Annotated[
        int, "previous weight of all that are still members; slots, where a committee judges", "weight"
    ]
    is_accepted: Annotated[bool, "the claim passed every acceptance test"]
    reason: Annotated[str, "first acceptance test that failed, accepted, or no claim"]
    preserved_weight: Annotated[int, "kept by ML nodes that the proof of compute passed over", "weight"]
    dropped_weight: Annotated[int, "of ML nodes that are not registered or serve no governance model", "weight"]
    uncapped_weight: Annotated[int, "accepted and preserved weight, before collateral and power cap", "weight"]
    activated_weight: Annotated[int, "what collateral leaves of it", "weight"]
    is_member: Annotated[bool, "member of the epoch's group; false where weight without a seed was left out"]
    weight: Annotated[int, "final weight, after the power cap; 0 where it is no member", "weight"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimJudged(Record):
    """One participant in one model at VE: its claim and the votes on it, its nodes there, its power or its delegate."""

    epoch: Annotated[int, "index of the epoch"]
    participant: Annotated[str, "address"]
    model: Annotated[str, "governance's model"]
    claimed_nonces: Annotated[int, "nonces that it committed to", "nonces"]
    claimed_weight: Annotated[int, "weight of their distribution over nodes, before coefficients", "raw weight"]
    valid_vote_power: Annotated[int, "voting power in the model that said valid; slots, where they are drawn", "weight"]
    invalid_vote_power: Annotated[
        int, "voting power in the model that said fraud; slots, where they are drawn", "weight"
    ]
    total_vote_weight: Annotated[
        int, "weight of all members, whatever they serve, of which votes need a share; slots, where drawn", "weight"
    ]
    is_accepted: Annotated[bool, "the claim passed every acceptance test"]
    reason: Annotated[str, "first acceptance test that failed, accepted, or no claim"]
    preserved_weight: Annotated[int, "kept by nodes of the model that the proof of compute passed over", "raw weight"]
    raw_weight: Annotated[int, "of all nodes with a seat in the model in the new epoch", "raw weight"]
    mode: Annotated[str, "its part in the model: direct, delegate, refuse or none"]
    delegate: Annotated[str, "address that votes for it; empty without one"]
    voting_power: Annotated[int, "its power in votes on the model's claims from S on", "weight"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFormed(Record):
    """One of governance's models at VE: whether it is eligible, what it weighs, who votes in it."""

    epoch: Annotated[int, "index of the epoch"]
    model: Annotated[str, "governance's model"]
    coefficient: Annotated[float, "weight of a nonce before the group's cap", "weight / raw weight"]
    is_eligible: Annotated[bool, "its members' old weight makes it a model that pays"]
    members: Annotated[int, "hosts with a node seated in it"]
    raw_weight: Annotated[int, "of their nodes", "raw weight"]
    weight_per_raw_unit: Annotated[
        float, "coefficient after the group's cap; 0: it pays nothing", "weight / raw weight"
    ]
    weight: Annotated[int, "that it gives its members, before collateral and power cap", "weight"]
    voters: Annotated[int, "members with voting power"]
    voting_power: Annotated[int, "of all of them, after the clip", "weight"]
    total_power: Annotated[
        int, "weight of the whole network that votes; less than half of it decides nothing", "weight"
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerSet(Record):
    """Consensus power from S of an epoch on."""

    epoch: int
    participant: str
    consensus_power: Annotated[int, "power in block production at S, with the guardians' boost", "weight"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardSettled(Record):
    """A member's part in the settlement of an epoch that ended, or why it has none."""

    epoch: Annotated[int, "epoch that is paid for"]
    participant: Annotated[str, "address"]
    uncapped_weight: Annotated[int, "what the reward follows before the settlement's cap", "weight"]
    weight: Annotated[
        int, "what the reward follows: final weight, from v0.2.5 on preserved and confirmed weight", "weight"
    ]
    reward_ngonka: Annotated[int, "settled reward", "ngonka"]
    remainder_ngonka: int
    """Part of the reward that truncation and punishments left over, for the first one paid."""
    fees_ngonka: Annotated[int, "fees of users on top", "ngonka"]
    reason: Annotated[str, "paid, or why there is no reward"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardClaimed(Record):
    """A claim was paid."""

    epoch: int
    participant: str
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InferencesServed(Record):
    """A member's requests of an epoch and the status that they led to."""

    epoch: Annotated[int, "index of the epoch"]
    participant: Annotated[str, "address"]
    requests: Annotated[int, "requests that it should have served"]
    missed: Annotated[int, "of these not served"]
    invalid: Annotated[int, "of the served ones found wrong by a validator"]
    fees_ngonka: Annotated[int, "fees of the served ones", "ngonka"]
    status: Annotated[str, "ACTIVE, RAMPING, INVALID or INACTIVE after the epoch's requests"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceReached(Record):
    """A model's price at the end of an epoch."""

    epoch: Annotated[int, "index of the epoch"]
    model: Annotated[str, "model that is served"]
    price_ngonka: Annotated[int, "price of a token at the epoch's last block", "ngonka"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OffencePunished(Record):
    """A validator was put into jail for the way in which it signs blocks."""

    epoch: Annotated[int, "epoch whose [P, next P) holds the height"]
    height: Annotated[int, "block that punished it", "blocks"]
    participant: Annotated[str, "address of the validator"]
    offence: Annotated[str, "missed blocks, or double sign"]
    slashed_ngonka: Annotated[int, "collateral that it lost", "ngonka"]
    jailed_until_seconds: Annotated[
        float, "time of blocks from which on it may come back; infinity after a double sign", "s"
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightConfirmed(Record):
    """A member's weight before and after a confirmation."""

    epoch: Annotated[int, "epoch whose weights were confirmed"]
    height: Annotated[int, "last block of the confirmation", "blocks"]
    participant: Annotated[str, "address"]
    weight_before: Annotated[int, "confirmation weight before", "weight"]
    measured: Annotated[int, "weight shown; 0 where nothing was sent", "weight"]
    weight_after: Annotated[int, "confirmation weight after", "weight"]
    is_failed: Annotated[bool, "showed so little that it became INACTIVE and loses the epoch's reward"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentJudged(Record):
    """One segment of a challenge that is over, in one model, and the votes on it."""

    epoch: Annotated[int, "epoch in which the host was challenged"]
    height: Annotated[int, "block by which it was decided", "blocks"]
    participant: Annotated[str, "address of the challenged host"]
    model: Annotated[str, "governance's model; empty where it has shown none before"]
    start_height: Annotated[int, "first block", "blocks"]
    end_height: Annotated[int, "the block after the last one", "blocks"]
    committed_slices: Annotated[int, "slices with a commitment"]
    judged_slices: Annotated[int, "slices that must have one, and enough work"]
    committed_nonces: Annotated[int, "nonces that it committed to", "nonces"]
    expected_nonces: Annotated[float, "nonces of the judged slices at the rate that it showed last", "nonces"]
    valid_vote_power: Annotated[int, "voting power in the model that said valid", "weight"]
    invalid_vote_power: Annotated[int, "voting power in the model that said fraud", "weight"]
    total_vote_weight: Annotated[int, "weight of all members but the challenged one", "weight"]
    is_passed: Annotated[bool, "the segment passed in this model"]
    reason: Annotated[str, "accepted, or the vote or the fault that failed it; too short to be judged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeSettled(Record):
    """Who challenged whom, and who got what for it."""

    epoch: Annotated[int, "epoch in which the host was challenged"]
    height: Annotated[int, "block that took the challenge", "blocks"]
    challenger: Annotated[str, "address of the challenger"]
    participant: Annotated[str, "address of the challenged host"]
    exposure_ngonka: Annotated[int, "what the host could still earn in the epoch", "ngonka"]
    stake_ngonka: Annotated[int, "what the challenger locked", "ngonka"]
    passed_segments: Annotated[int, "segments that passed, short ones too"]
    end_height: Annotated[int, "block that ended it", "blocks"]
    outcome: Annotated[str, "passed, failed, or void: nobody voted, or the host left for another reason"]
    reason: Annotated[str, "verdict or fault of its last segment"]
    stake_to_target_ngonka: Annotated[int, "stake that the host got", "ngonka"]
    stake_back_ngonka: Annotated[int, "stake that the challenger got back", "ngonka"]
    prize_ngonka: Annotated[int, "what the challenger got out of what governance would have had", "ngonka"]
