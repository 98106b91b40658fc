"""Acceptance of a participant at the end of the validation, or the reason for its rejection (protocol 4.6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Acceptance of a participant, or the first test that failed."""

    ACCEPTED = "accepted"
    NO_RECORD = "no participant record"
    NO_MEMBER_VOTED = "no vote by a member"
    NO_WEIGHT = "claimed weight below 1"
    NO_VALIDATOR_KEY = "no validator key"
    VOTED_INVALID = "voted invalid"
    NO_QUORUM = "no majority either way"
    NO_SEED = "no seed"
    NO_CLAIM = "no claim"


@dataclass(frozen=True)
class Claimant:
    """A participant with a claim at VE, and the other facts that decide on it."""

    address: str
    claimed_weight: int
    has_record: bool = True
    has_validator_key: bool = True
    has_seed: bool = True


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


def select_voters(weights: Mapping[str, int], page_limit: int) -> dict[str, int]:
    """Return the members whose votes are read: the first `page_limit` in address order [I], all where it is 0.

    Negative weights are skipped, and weights of 0 with them: they vote, but for nothing. Reference: protocol 4.6.
    """
    page = sorted(weights)[: page_limit or None]
    return {address: weights[address] for address in page if weights[address] > 0}


def judge_participant(claimant: Claimant, frauds: Mapping[str, bool], voters: Mapping[str, int]) -> Verdict:
    """Run the acceptance tests in the chain's order.

    `frauds` holds the last verdict of each validator (True: fraud), `voters` the weights of the effective epoch's
    members that are read. Accepted needs valid > floor(total / 2), so abstention acts as "no" and a self-vote counts.
    Reference: protocol 4.6.
    """
    by_members = {validator: is_fraud for validator, is_fraud in frauds.items() if validator in voters}
    valid = sum(voters[validator] for validator, is_fraud in by_members.items() if not is_fraud)
    invalid = sum(voters[validator] for validator, is_fraud in by_members.items() if is_fraud)
    total = sum(voters.values())
    reason = find_reason(claimant, bool(by_members), decide_by_majority(valid, invalid, total))
    return Verdict(claimant.address, reason, valid, invalid, total)


def decide_by_majority(valid: int, invalid: int, total: int) -> bool | None:
    """True where more than the floored half of the weight says valid, False where it says invalid, otherwise None.

    Reference: protocol 4.6.
    """
    if valid > total // 2:
        return True
    return False if invalid > total // 2 else None


def find_reason(claimant: Claimant, has_votes: bool, opinion: bool | None) -> Reason:
    """Return the first acceptance test that fails; `opinion` is that of the votes, None without a quorum.

    In an epoch without members test 2 has failed before the chain's "accept if nobody can vote" is reached.
    Reference: protocol 4.6.
    """
    if not claimant.has_record:
        return Reason.NO_RECORD
    if not has_votes:
        return Reason.NO_MEMBER_VOTED
    if claimant.claimed_weight < 1:
        return Reason.NO_WEIGHT
    if not claimant.has_validator_key:
        return Reason.NO_VALIDATOR_KEY
    if not opinion:
        return Reason.NO_QUORUM if opinion is None else Reason.VOTED_INVALID
    return Reason.ACCEPTED if claimant.has_seed else Reason.NO_SEED
