"""Who cheats, what it brings, and what becomes of it: measures of the frames `participants`, `rewards` and `payments`.

Gain: what cheaters get per real work over what honest hosts of the same run get; real work is `work_operations`.
"""

from __future__ import annotations

import math

import pandas as pd

from sim.metrics.cheaters import (
    compute_detection_delays,
    compute_weight_shares,
    get_accepted_weight,
    is_cheating,
    select_claims,
)
from sim.metrics.frames import Frames
from sim.metrics.measures import CountedShare, Law, count_share, divide, know, run_measures
from sim.metrics.own_measures.runs import NO_CHEATER
from sim.protocol.blocks.payments import PaymentKind
from sim.protocol.proofs.votes import Reason

NO_CLAIM = "nobody claimed anything"
NO_WEIGHT = "no epoch has weight"
NO_WORK = "no cheater computed anything"
NOTHING_HONEST = "no honest host was paid for real work"


# What a cheat brings


@run_measures.register()
def cheater_gain(frames: Frames) -> float:
    """Accepted weight per real work of cheaters / that of honest hosts (1: cheating brings nothing)."""
    participants = frames["participants"]
    weight, cheats = get_accepted_weight(participants), is_cheating(participants)
    return _compare(participants, float(weight[cheats].sum()), float(weight[~cheats].sum()))


@run_measures.register()
def cheater_coins_per_work(frames: Frames) -> float:
    """Rewards less slashed collateral per real work of cheaters / that of honest hosts, in settled epochs."""
    participants, rewards = frames["participants"], frames["rewards"]
    cheaters = participants.loc[is_cheating(participants), "participant"]
    settled = participants[participants["epoch"].isin(rewards["epoch"])]
    slashed = frames["payments"][frames["payments"]["kind"] == PaymentKind.SLASHED]
    mine = rewards["participant"].isin(cheaters), slashed["participant"].isin(cheaters)
    coins = [
        float(rewards.loc[was_paid, "reward_ngonka"].sum()) - float(slashed.loc[has_lost, "amount_ngonka"].sum())
        for was_paid, has_lost in (mine, (~mine[0], ~mine[1]))
    ]
    return _compare(settled, *coins)


def _compare(participants: pd.DataFrame, mine: float, theirs: float) -> float:
    """Return what cheaters earned per operation over what honest hosts did."""
    work, cheats = participants["work_operations"], is_cheating(participants)
    gained = divide(mine, float(work[cheats].sum()), NO_WORK)
    return divide(gained, divide(theirs, float(work[~cheats].sum()), NOTHING_HONEST), NOTHING_HONEST)


@run_measures.register(law=Law.SHARE)
def cheater_weight_share(frames: Frames) -> float:
    """Cheaters' share of all final weight, mean over epochs."""
    return know(compute_weight_shares(frames["participants"]).mean(), NO_WEIGHT)


@run_measures.register(law=Law.SHARE)
def cheater_weight_share_last(frames: Frames) -> float:
    """Cheaters' share of all final weight in the last epoch that has any."""
    shares = compute_weight_shares(frames["participants"])
    return know(shares.iloc[-1] if len(shares) else math.nan, NO_WEIGHT)


# What becomes of it


@run_measures.register()
def detection_delay_epochs(frames: Frames) -> float:
    """Epochs from a cheater's first claim to its first rejected one; mean over those that were rejected."""
    delays = compute_detection_delays(frames["participants"])
    return know(delays.mean(), "no cheater was rejected" if len(delays) else NO_CHEATER)


@run_measures.register(law=Law.SHARE)
def cheaters_undetected_share(frames: Frames) -> float:
    """Cheaters of whom no claim was rejected / cheaters that claimed something."""
    delays = compute_detection_delays(frames["participants"])
    return count_share(int(delays.isna().sum()), len(delays), NO_CHEATER)


@run_measures.register(law=Law.SHARE)
def honest_weight_lost(frames: Frames) -> float:
    """Claimed weight of honest hosts that was not accepted / all that they claimed."""
    participants = frames["participants"]
    honest = select_claims(participants[~is_cheating(participants)])
    claimed = float(honest["claimed_weight"].sum())
    return divide(claimed - float(get_accepted_weight(honest).sum()), claimed, "no honest host claimed any weight")


# Verdicts by their reason: a measure each


def _register_verdict(reason: Reason) -> None:
    def compute(frames: Frames) -> CountedShare:
        claims = select_claims(frames["participants"])
        return count_share(int((claims["reason"] == reason).sum()), len(claims), NO_CLAIM)

    name = f"rejected_{reason.name.lower()}"
    compute.__name__ = compute.__qualname__ = name
    compute.__doc__ = f'Claims that were not accepted with the reason "{reason}" / all claims.'
    run_measures.register(law=Law.SHARE)(compute)


for _reason in Reason:
    if _reason not in (Reason.ACCEPTED, Reason.NO_CLAIM):
        _register_verdict(_reason)
