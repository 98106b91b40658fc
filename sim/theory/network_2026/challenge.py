"""What a PoC Challenge pays, and from which suspicion on it does, beside arithmetic by hand (network 2.13)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from sim.protocol.models.challenge import (
    MAINNET_CHALLENGES,
    ChallengeEnd,
    ChallengeMoment,
    compute_break_even,
    compute_stake,
    settle_challenge,
)
from sim.theory.row import Row

WEIGHT, TOTAL, REWARD, REMAINING, WHOLE = 20, 100, 1100, 5500, 11_000
"""The target's and all weight; R in ngonka; blocks left to the window, and of all inference before it."""
EXPOSURE, STAKE, WHOLE_REWARD = 110, 11, 220
"""By hand: 1100 · 20 / 100 · 5500 / 11 000; a tenth of it; 1100 · 20 / 100."""
PAYOUTS = (
    (ChallengeEnd.PASSED, -STAKE, STAKE),
    (ChallengeEnd.FAILED, EXPOSURE, -WHOLE_REWARD),
    (ChallengeEnd.VOID, 0, -WHOLE_REWARD),
)
"""End -> what the challenger and the target have more than without a challenge, in ngonka."""


def challenge_rows() -> Iterator[Row]:
    """Yield the comparisons; all are exact and quick."""
    moment = ChallengeMoment(
        height=WHOLE - REMAINING,
        inference_start=0,
        window_start=WHOLE,
        is_confirming=False,
        open_targets=frozenset(),
        allowed=frozenset(),
    )
    stake = compute_stake(WEIGHT, TOTAL, REWARD, moment)
    yield Row.absolute("challenge: E of a fifth of 1100 ngonka, half-way", stake.exposure, EXPOSURE, 0.0)
    yield Row.absolute("... and the stake, a tenth", stake.locked, STAKE, 0.0)
    gains = {}
    for end, challenger, target in PAYOUTS:
        payout = settle_challenge(end, stake, WEIGHT, TOTAL, REWARD)
        gains[end] = payout.stake_back + payout.prize - stake.locked
        lost = 0 if end is ChallengeEnd.PASSED else WHOLE_REWARD
        yield Row.absolute(f"... {end}: the challenger gains, ngonka", gains[end], challenger, 0.0)
        yield Row.absolute(f"... {end}: the target gains, ngonka", payout.stake_to_target - lost, target, 0.0)
    even = compute_break_even(MAINNET_CHALLENGES.challenge_stake_share)
    yield Row.absolute("... suspicion at which a challenge breaks even, 1/11", float(even), 1 / 11, 0.0)
    expected = even * gains[ChallengeEnd.FAILED] + (1 - even) * gains[ChallengeEnd.PASSED]
    yield Row.absolute("... what the challenger gains there on average, ngonka", float(expected), 0.0, 0.0)
    for share, by_hand in ((Fraction(1, 4), 0.2), (Fraction(1), 0.5)):
        label = f"... suspicion that breaks even at a stake of {float(share):g} of E"
        yield Row.absolute(label, float(compute_break_even(share)), by_hand, 0.0)
