"""Who cheats, and what comes of it: rows of the frame `participants` and numbers made of them."""

from __future__ import annotations

import math

import pandas as pd

HONEST = "honest"


def is_cheating(participants: pd.DataFrame) -> pd.Series:
    """Rows of hosts with any strategy but `honest`."""
    return participants["strategy"] != HONEST


def get_accepted_weight(participants: pd.DataFrame) -> pd.Series:
    """Weight of each row's claim where it was accepted, else 0: what the proof earned, before every cap."""
    return participants["claimed_weight"].where(participants["is_accepted"], 0)


def compute_weight_per_operation(participants: pd.DataFrame) -> float:
    """Accepted weight over real work, all rows together; NaN where no work was done."""
    work = float(participants["work_operations"].sum())
    return float(get_accepted_weight(participants).sum()) / work if work else math.nan
