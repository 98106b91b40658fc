"""A long proof of compute that somebody demands of one host, and pays for if the host passes (network 2.13, v0.2.16).

1. The challenger locks a tenth of what the target may still earn in the epoch.
2. From the next block on the target computes with all it has, in segments that end at each validation.
3. A segment has slices, each with a commitment that must reach the rate which the target showed last.
4. Others vote on each segment. A failed one ends the challenge, and the target loses its place.
5. The stake falls to a target that passes. One that fails pays the challenger what it would have earned.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, NamedTuple

from pydantic import Field

from sim.protocol.models.params import Share

TOLERANCE = Fraction("0.909")
"""Share of the expected work that is enough, as in confirmations."""


@dataclass(frozen=True, kw_only=True)
class ChallengeParams:
    """What governance sets for challenges. Reference: network 2.13."""

    challenge_stake_share: Annotated[
        Share, "part of what a challenged host may still earn in the epoch that its challenger locks"
    ] = Fraction("0.1")
    challenge_slice_blocks: Annotated[
        int, Field(ge=1, le=1_000_000), "blocks of a challenge for which the target commits once"
    ] = 500
    challenge_least_blocks: Annotated[
        int,
        Field(ge=1, le=1_000_000),
        "blocks that a challenge needs before its end; shorter segments pass, shorter last slices are not judged",
    ] = 300
    challenge_most_open: Annotated[
        int, Field(ge=0, le=10_000), "challenges that may be open at once; 0: there are none"
    ] = 4


MAINNET_CHALLENGES = ChallengeParams()


class ChallengeRefusal(StrEnum):
    """Why a challenge is refused, in the order of the checks [I]."""

    NOT_ALLOWED = "challenger is not on the list"
    OWN = "challenger names itself"
    NOT_ACTIVE = "target is not active"
    MAINTENANCE = "target has maintenance before the next switch"
    NO_INFERENCE = "not in the inference phase"
    CONFIRMATION = "a confirmation is running"
    TOO_LATE = "too few blocks before the safety window"
    TOO_MANY = "too many challenges are open"
    CHALLENGED = "target is challenged already"
    NO_STAKE = "stake is 0"
    NO_COINS = "balance is below the stake"


@dataclass(frozen=True, kw_only=True)
class ChallengeMoment:
    """What the chain sees when a challenge arrives."""

    height: int
    inference_start: int
    """S, at whose end the weights change."""
    window_start: int
    """Height from which no confirmation may begin: the next P less the safety blocks."""
    is_confirming: bool
    open_targets: frozenset[str]
    allowed: frozenset[str]
    """Empty: anybody may challenge."""


class Stake(NamedTuple):
    """In ngonka: what the target may still earn, and what the challenger locks."""

    exposure: int
    locked: int


def compute_stake(
    weight: int, total: int, reward: int, moment: ChallengeMoment, params: ChallengeParams = MAINNET_CHALLENGES
) -> Stake:
    """Return E = floor(reward · weight / total · remaining / whole blocks of inference) and P = floor(k · E).

    Blocks count up to the safety window. Reference: network 2.13.
    """
    remaining = moment.window_start - moment.height
    whole = moment.window_start - moment.inference_start
    exposure = reward * weight * remaining // (total * whole) if total * whole > 0 else 0
    return Stake(exposure, math.floor(params.challenge_stake_share * exposure))


def compute_break_even(stake_share: Fraction) -> Fraction:
    """Return the chance of a failure from which on a challenge pays: k / (1 + k), where rounding is left aside.

    The challenger loses k · E to a target that passes, and wins E where it fails.
    """
    return stake_share / (1 + stake_share)


def find_refusal(
    challenger: str,
    target: str,
    stake: Stake,
    moment: ChallengeMoment,
    *,
    is_active: bool,
    has_maintenance: bool = False,
    balance: int | None = None,
    params: ChallengeParams = MAINNET_CHALLENGES,
) -> ChallengeRefusal | None:
    """Return why the chain refuses a challenge; None where it takes it. Reference: network 2.13.

    `balance` are the challenger's free coins in ngonka; None: it has enough.
    """
    refusals = {
        ChallengeRefusal.NOT_ALLOWED: bool(moment.allowed) and challenger not in moment.allowed,
        ChallengeRefusal.OWN: challenger == target,
        ChallengeRefusal.NOT_ACTIVE: not is_active,
        ChallengeRefusal.MAINTENANCE: has_maintenance,
        ChallengeRefusal.NO_INFERENCE: moment.height <= moment.inference_start,
        ChallengeRefusal.CONFIRMATION: moment.is_confirming,
        ChallengeRefusal.TOO_LATE: moment.height + params.challenge_least_blocks > moment.window_start,
        ChallengeRefusal.TOO_MANY: len(moment.open_targets) >= params.challenge_most_open,
        ChallengeRefusal.CHALLENGED: target in moment.open_targets,
        ChallengeRefusal.NO_STAKE: stake.locked <= 0,
        ChallengeRefusal.NO_COINS: balance is not None and balance < stake.locked,
    }
    return next((refusal for refusal, applies in refusals.items() if applies), None)


@dataclass(frozen=True)
class Segment:
    """Blocks between two validations: from `start` on, `end` excluded. Its seed is the hash before its start."""

    start: int
    end: int
    params: ChallengeParams = MAINNET_CHALLENGES

    @property
    def is_judged(self) -> bool:
        """Short ones pass without a vote."""
        return self.end - self.start >= self.params.challenge_least_blocks

    def find_slice(self, height: int) -> int:
        """Return the index of the slice that a height lies in. Reference: network 2.13."""
        return (height - self.start) // self.params.challenge_slice_blocks

    def find_slice_end(self, height: int) -> int:
        """Return the last block of the slice that a height lies in."""
        return min(self.end, self.start + (self.find_slice(height) + 1) * self.params.challenge_slice_blocks) - 1

    def list_judged_slices(self) -> list[tuple[int, int]]:
        """Return index and length of the slices that must reach the rate: a short last one need not."""
        length, whole = self.end - self.start, self.params.challenge_slice_blocks
        lengths = [min(whole, length - first) for first in range(0, length, whole)]
        least = min(whole, self.params.challenge_least_blocks)
        return [(index, blocks) for index, blocks in enumerate(lengths) if blocks >= least]


class SegmentFault(StrEnum):
    """Why a segment fails before anybody votes on it."""

    MISSING_COMMIT = "a slice has no commitment"
    UNDERWEIGHT = "a slice has too little work"


def find_fault(
    segment: Segment, counts: Mapping[int, int], per_block: Fraction, tolerance: Fraction = TOLERANCE
) -> SegmentFault | None:
    """Return the first fault of a segment; None where it may be voted on.

    `counts` are the counts committed by slice, each for the whole segment so far; `per_block` are artifacts per block
    that the target showed last. Reference: network 2.13.
    """
    if not segment.is_judged:
        return None
    before = 0
    for index, blocks in segment.list_judged_slices():
        if index not in counts:
            return SegmentFault.MISSING_COMMIT
        if counts[index] - before < tolerance * per_block * blocks:
            return SegmentFault.UNDERWEIGHT
        before = counts[index]
    return None


class ChallengeEnd(StrEnum):
    """How a challenge ends."""

    PASSED = "passed"
    FAILED = "failed"
    """By the target's own fault."""
    VOID = "void"
    """No final vote, or the target left for another reason."""


class ChallengePayout(NamedTuple):
    """In ngonka."""

    stake_to_target: int = 0
    """Vests."""
    stake_back: int = 0
    prize: int = 0
    """To the challenger, out of what governance would get; vests."""


def settle_challenge(
    end: ChallengeEnd, stake: Stake, full_weight: int, denominator: int, reward: int
) -> ChallengePayout:
    """Return who gets what: `full_weight` is the target's, `denominator` that of the epoch's rewards.

    The prize is what the target may still have earned, at most its whole reward. Reference: network 2.13.
    """
    if end is ChallengeEnd.PASSED:
        return ChallengePayout(stake_to_target=stake.locked)
    if end is ChallengeEnd.VOID:
        return ChallengePayout(stake_back=stake.locked)
    whole = full_weight * reward // denominator if denominator > 0 else 0
    return ChallengePayout(stake_back=stake.locked, prize=min(stake.exposure, whole))
