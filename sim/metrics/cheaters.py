"""Who cheats among the rows of the frame `participants`, and what becomes of it.

A cheater is a host with any strategy but those that behave as the software does, in all epochs.
"""

from __future__ import annotations

import pandas as pd

from sim.protocol.proofs.votes import Reason

HONEST = frozenset({"honest", "challenge"})
"""Strategies of hosts that prove compute and vote as the software does; a challenge is no cheat."""


def is_cheating(participants: pd.DataFrame) -> pd.Series:
    """Rows of hosts whose strategy is not that of an honest host."""
    return ~participants["strategy"].isin(HONEST)


def select_claims(participants: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of participants that claimed something."""
    return participants[participants["reason"] != Reason.NO_CLAIM]


def get_accepted_weight(participants: pd.DataFrame) -> pd.Series:
    """Weight of each row's claim where it was accepted, else 0: what the proof earned, before every cap."""
    return participants["claimed_weight"].where(participants["is_accepted"], 0)


def compute_weight_shares(participants: pd.DataFrame) -> pd.Series:
    """Return the cheaters' share of all final weight by epoch; epochs without any weight are left out."""
    total = participants.groupby("epoch")["weight"].sum()
    theirs = participants[is_cheating(participants)].groupby("epoch")["weight"].sum()
    return theirs.reindex(total.index, fill_value=0)[total > 0] / total[total > 0]


def compute_detection_delays(participants: pd.DataFrame) -> pd.Series:
    """Return, by cheater that claimed something, the epochs to its first rejection; NaN where there is none."""
    claims = select_claims(participants[is_cheating(participants)])
    rejected = claims[~claims["is_accepted"]].groupby("participant")["epoch"].min()
    first = claims.groupby("participant")["epoch"].min()
    return rejected.reindex(first.index) - first
