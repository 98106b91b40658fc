"""Who is accepted at the end of the validation, who is rejected, and why (protocol 4.6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a participant was rejected; the first test that fails decides."""

    ACCEPTED = "accepted"
    NO_MEMBER_VOTED = "no vote by a member"
    NO_WEIGHT = "claimed weight below 1"
    VOTED_INVALID = "voted invalid"
    NO_QUORUM = "no majority either way"
    NO_SEED = "no seed"


@dataclass(frozen=True)
class Verdict:
    """The outcome of the acceptance tests for one participant; weights are those of the previous epoch."""

    participant: str
    reason: Reason
    valid_weight: int
    invalid_weight: int
    total_weight: int

    @property
    def is_accepted(self) -> bool:
        """True where every test passed."""
        return self.reason is Reason.ACCEPTED


def judge_participant(
    participant: str, claimed_weight: int, frauds: Mapping[str, bool], weights: Mapping[str, int], has_seed: bool
) -> Verdict:
    """Run the acceptance tests in the chain's order.

    `frauds` holds the last verdict of each validator (True: fraud), `weights` the members of the effective epoch.
    Accepted needs valid > floor(total / 2), so abstention acts as "no" and a self-vote counts. Reference: protocol 4.6.
    """
    by_members = {validator: is_fraud for validator, is_fraud in frauds.items() if weights.get(validator, 0) > 0}
    valid = sum(weights[validator] for validator, is_fraud in by_members.items() if not is_fraud)
    invalid = sum(weights[validator] for validator, is_fraud in by_members.items() if is_fraud)
    total = sum(weight for weight in weights.values() if weight > 0)
    reason = _first_failure(bool(by_members), claimed_weight, valid, invalid, total // 2, has_seed)
    return Verdict(participant, reason, valid, invalid, total)


def _first_failure(has_votes: bool, claimed_weight: int, valid: int, invalid: int, half: int, has_seed: bool) -> Reason:
    if not has_votes:
        return Reason.NO_MEMBER_VOTED
    if claimed_weight < 1:
        return Reason.NO_WEIGHT
    if valid <= half:
        return Reason.VOTED_INVALID if invalid > half else Reason.NO_QUORUM
    return Reason.ACCEPTED if has_seed else Reason.NO_SEED
