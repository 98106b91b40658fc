"""A run in numbers that a sweep can average: name, unit, meaning, and how its interval over runs is made."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sim.metrics import intervals
from sim.metrics.frames import LATE, Frames
from sim.metrics.intervals import FEWEST_SEQUENTIAL, LEVEL, Interval, is_precise_enough
from sim.metrics.records import NO_CLAIM

HONEST = "honest"


class Law(StrEnum):
    """What is known of a measure's law over runs; it decides on the interval of the mean."""

    MEAN = "mean"
    """A sum or a mean over many events: close to normal. Student."""
    SHARE = "share"
    """In [0, 1], often at one of its ends. Student cut to [0, 1], or Wilson where all runs say 0 or 1."""
    UNKNOWN = "unknown"
    """A spread, a maximum, a ratio: perhaps skewed. Studentised bootstrap."""


@dataclass(frozen=True)
class Measure:
    """One measure; `unit` is empty for counts, shares and plain numbers."""

    name: str
    unit: str
    law: Law
    meaning: str


def parse_measures(text: str) -> dict[str, Measure]:
    """Return measures from lines `name | unit | law | meaning`."""
    rows = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    return {name: Measure(name, unit, Law(law), meaning) for name, unit, law, meaning in rows}


MEASURES = parse_measures("""
    nonces_tried | nonces | mean | nonces computed by all ML nodes
    nonces_valid | nonces | mean | of these with distance < r_target
    success_rate | | mean | nonces_valid / nonces_tried
    success_rate_exact | | mean | exact probability of a valid nonce, weighted by the epochs' tries
    claims_accepted | | mean | claims accepted at VE (a claim: a participant's proof batches of one epoch)
    claims_rejected | | mean | claims not accepted at VE
    honest_claims_rejected | | unknown | of these, claims of honest hosts
    honest_rejected_share | | share | honest_claims_rejected / claims of honest hosts
    cheater_accepted_share | | share | claims accepted / claims, of hosts with any other strategy
    cheater_rejected_share | | share | 1 - cheater_accepted_share
    accepted_nonces_mean | nonces | mean | counted nonces of accepted participants, mean over epochs
    accepted_nonces_sd | nonces | unknown | standard deviation of the same over epochs
    difficulty_last | tries | unknown | difficulty of the last epoch
    controller_error | | unknown | mean of abs(measured / setpoint - 1) over the last half of the decisions
    gossip_delay_median_seconds | s | unknown | median delay of a transaction to one host; median over epochs
    weight_gini | | unknown | Gini coefficient of the final weights of the last epoch's members (0: all equal)
    nakamoto_third | | unknown | fewest members that hold more than 1/3 of the last epoch's weight: they can stop blocks
    nakamoto_half | | unknown | fewest members that hold more than 1/2 of it: they decide votes
    votes_out_of_time_share | | share | validations that ran out of time / all validations
    transactions_late_share | | share | transactions that their block refused as too late / transactions in blocks
    distances_computed | nonces | mean | distances computed (kernel) or drawn (sphere)
    distances_shared | nonces | mean | distances answered from an earlier computation
    chain_load_bytes | bytes | mean | bytes of the transactions in blocks, per epoch
    validation_cost | | mean | nonces that validators re-executed / nonces_tried
    small_reward_cv | | unknown | rewards of one honest host over epochs: sd / mean; mean of the lighter half of them
""")  # fmt: skip


def compute_measures(frames: Frames) -> dict[str, float]:
    """Return every measure of `MEASURES` for one run's frames, in that order; NaN where it has no value.

    A share has no value where nothing can be shared out, a spread none for one epoch, an error none without setpoint.
    """
    found = {
        **_measure_work(frames["epochs"]),
        **_measure_claims(frames["participants"]),
        **_measure_accepted(frames["participants"], frames["difficulty"]),
        "controller_error": _measure_error(frames["difficulty"]),
        **_measure_weights(frames["participants"]),
        "votes_out_of_time_share": _measure_out_of_time(frames["validation_summary"]),
        "transactions_late_share": _measure_lateness(frames["transactions"]),
        **_measure_load(frames),
        "small_reward_cv": compute_small_reward_cv(frames["participants"], frames["rewards"]),
    }
    return {name: float(found[name]) for name in MEASURES}


def get_unit(measure: str) -> str:
    """Return a measure's unit; empty for a name that is not in the table (a measure of the user's own)."""
    return MEASURES[measure].unit if measure in MEASURES else ""


def compute_interval(measure: str, values: ArrayLike, *, level: float = LEVEL) -> Interval:
    """Mean over runs with the interval that fits the measure's law; Student for a name that is not in the table."""
    law = MEASURES[measure].law if measure in MEASURES else Law.MEAN
    return INTERVALS[law](values, level=level)


def is_measure_precise_enough(
    measure: str, values: ArrayLike, half_width: float, *, level: float = LEVEL, min_runs: int = FEWEST_SEQUENTIAL
) -> bool:
    """Whether a sweep may stop, by the interval that fits the measure: the rule of `until`, see `is_precise_enough`."""
    compute = partial(compute_interval, measure)
    return is_precise_enough(values, half_width, level=level, min_runs=min_runs, compute=compute)


INTERVALS: dict[Law, Callable[..., Interval]] = {
    Law.MEAN: intervals.compute_mean_interval,
    Law.SHARE: intervals.compute_share_interval,
    Law.UNKNOWN: intervals.compute_bootstrap_interval,
}


def _measure_work(epochs: pd.DataFrame) -> dict[str, float]:
    tried, valid = int(epochs["tried"].sum()), int(epochs["valid"].sum())
    expected = float((epochs["hit_probability"] * epochs["tried"]).sum())
    return {
        "nonces_tried": tried,
        "nonces_valid": valid,
        "success_rate": _divide(valid, tried),
        "success_rate_exact": _divide(expected, tried),
        "difficulty_last": float(epochs["difficulty"].iloc[-1]) if len(epochs) else math.nan,
        "gossip_delay_median_seconds": float(epochs["gossip_delay_median_seconds"].median()),
        "distances_computed": int(epochs["computed"].sum()),
        "distances_shared": int(epochs["shared"].sum()),
    }


def _measure_claims(participants: pd.DataFrame) -> dict[str, float]:
    claims = participants[participants["reason"] != NO_CLAIM]
    is_accepted, is_honest = claims["is_accepted"], claims["strategy"] == HONEST
    cheaters_accepted = _share(is_accepted[~is_honest])
    return {
        "claims_accepted": int(is_accepted.sum()),
        "claims_rejected": int((~is_accepted).sum()),
        "honest_claims_rejected": int((~is_accepted & is_honest).sum()),
        "honest_rejected_share": _share(~is_accepted[is_honest]),
        "cheater_accepted_share": cheaters_accepted,
        "cheater_rejected_share": 1.0 - cheaters_accepted,
    }


def _measure_accepted(participants: pd.DataFrame, decisions: pd.DataFrame) -> dict[str, float]:
    """Nonces by epoch as the rules count them; `difficulty.measured` may be another quantity, see `Target`."""
    accepted = participants[participants["is_accepted"]].groupby("epoch")["counted_nonces"].sum()
    by_epoch = accepted.reindex(decisions["epoch"], fill_value=0)  # an epoch in which all were rejected counts as 0
    return {
        "accepted_nonces_mean": float(by_epoch.mean()),
        "accepted_nonces_sd": float(by_epoch.std(ddof=1)),
    }


def _measure_error(decisions: pd.DataFrame) -> float:
    late = decisions.iloc[len(decisions) // 2 :]
    return float((late["measured"] / late["setpoint"] - 1).abs().mean())


def _measure_weights(participants: pd.DataFrame) -> dict[str, float]:
    last = participants[participants["epoch"] == participants["epoch"].max()]
    weights = last.loc[last["weight"] > 0, "weight"].to_numpy(dtype=np.float64)
    return {
        "weight_gini": compute_gini(weights),
        "nakamoto_third": compute_nakamoto_coefficient(weights, 3),
        "nakamoto_half": compute_nakamoto_coefficient(weights, 2),
    }


def _measure_out_of_time(summary: pd.DataFrame) -> float:
    return _divide(int(summary["n_out_of_time"].sum()), int(summary["n_participants"].sum()))


def _measure_lateness(transactions: pd.DataFrame) -> float:
    in_blocks = transactions.loc[transactions["height"].notna(), "fate"]
    return _share(in_blocks == LATE)


def _measure_load(frames: Frames) -> dict[str, float]:
    """What the chain carries and what checking costs."""
    epochs, transactions = frames["epochs"], frames["transactions"]
    in_blocks = transactions.loc[transactions["height"].notna(), "size_bytes"]
    n_checked = int(frames["validation_summary"]["n_checked"].sum())
    return {
        "chain_load_bytes": _divide(int(in_blocks.sum()), len(epochs)),
        "validation_cost": _divide(n_checked, int(epochs["tried"].sum())),
    }


def compute_small_reward_cv(participants: pd.DataFrame, rewards: pd.DataFrame) -> float:
    """How uneven a small host's income is: standard deviation / mean of its rewards over epochs, a mean over hosts.

    Small: honest, above 0, and no heavier than the median of the honest hosts' mean final weights. An epoch counts from
    a host's first one on, as 0 where nothing was paid, if its rewards are settled. NaN where no such host has two.
    """
    settled = participants[participants["epoch"].isin(rewards["epoch"]) & (participants["strategy"] == HONEST)]
    weights = settled.groupby("participant")["weight"].mean()
    weights = weights[weights > 0]
    small = weights.index[weights <= weights.median()]
    seen = settled.loc[settled["participant"].isin(small), ["epoch", "participant"]]
    paid = seen.merge(rewards[["epoch", "participant", "reward_ngonka"]], how="left", on=["epoch", "participant"])
    income = paid["reward_ngonka"].fillna(0).astype(np.float64).groupby(paid["participant"])
    return float((income.std(ddof=1) / income.mean()).mean())


def compute_gini(weights: ArrayLike) -> float:
    """Gini coefficient of non-negative weights: mean absolute difference of two of them over twice their mean.

    0 where all are equal, (n - 1) / n where one has everything; NaN where there is no weight.
    """
    ascending = np.sort(np.asarray(weights, dtype=np.float64))
    n, total = ascending.size, float(ascending.sum())
    if total <= 0:
        return math.nan
    ranks = 2 * np.arange(1, n + 1) - n - 1
    return float((ranks * ascending).sum() / (n * total))


def compute_nakamoto_coefficient(weights: ArrayLike, denominator: int) -> float:
    """Fewest holders whose weights together exceed 1 / `denominator` of all; NaN where there is no weight."""
    descending = np.sort(np.asarray(weights, dtype=np.float64))[::-1]
    total = float(descending.sum())
    if total <= 0:
        return math.nan
    return float(1 + np.count_nonzero(denominator * np.cumsum(descending) <= total))


def _share(is_true: pd.Series) -> float:
    return _divide(int(is_true.sum()), len(is_true))


def _divide(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
