"""Measures of work, claims, control, network, chain, validation, weights and rewards."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sim.metrics.cheaters import is_cheating, select_claims
from sim.metrics.frames import LATE, Frames
from sim.metrics.measures import CountedShare, Law, NoValueError, count_share, divide, know, run_measures

NOTHING_TRIED = "no nonce was tried"
NO_CHEATER = "no cheater claimed anything"
NO_WEIGHT = "the last epoch's group has no members"


# Work


@run_measures.register(unit="nonces", law=Law.MEAN)
def nonces_tried(frames: Frames) -> float:
    """Nonces computed by all ML nodes."""
    return int(frames["epochs"]["tried"].sum())


@run_measures.register(unit="nonces", law=Law.MEAN)
def nonces_valid(frames: Frames) -> float:
    """Valid nonces among those computed."""
    return int(frames["epochs"]["valid"].sum())


@run_measures.register(law=Law.MEAN)
def success_rate(frames: Frames) -> float:
    """nonces_valid / nonces_tried."""
    return divide(nonces_valid(frames), nonces_tried(frames), NOTHING_TRIED)


@run_measures.register(law=Law.MEAN)
def success_rate_exact(frames: Frames) -> float:
    """Exact probability of a valid nonce, weighted by the epochs' tries."""
    epochs = frames["epochs"]
    return divide(float((epochs["hit_probability"] * epochs["tried"]).sum()), nonces_tried(frames), NOTHING_TRIED)


# Claims


@run_measures.register(law=Law.MEAN)
def claims_accepted(frames: Frames) -> float:
    """Claims accepted at VE (a claim: a participant's proof batches of one epoch)."""
    return int(_select_claims(frames)["is_accepted"].sum())


@run_measures.register(law=Law.MEAN)
def claims_rejected(frames: Frames) -> float:
    """Claims not accepted at VE."""
    return int((~_select_claims(frames)["is_accepted"]).sum())


@run_measures.register()
def honest_claims_rejected(frames: Frames) -> float:
    """Claims of honest hosts that were not accepted at VE."""
    return int((~_select_claims(frames, honest=True)["is_accepted"]).sum())


@run_measures.register(law=Law.SHARE)
def honest_rejected_share(frames: Frames) -> float:
    """False rejection: honest_claims_rejected / claims of honest hosts."""
    return _share(~_select_claims(frames, honest=True)["is_accepted"], "no honest host claimed anything")


@run_measures.register(law=Law.SHARE)
def cheater_accepted_share(frames: Frames) -> float:
    """Claims accepted / claims, of hosts with any strategy but `honest`."""
    return _share(_select_claims(frames, honest=False)["is_accepted"], NO_CHEATER)


@run_measures.register(law=Law.SHARE)
def cheater_rejected_share(frames: Frames) -> float:
    """True rejection: 1 - cheater_accepted_share."""
    return _share(~_select_claims(frames, honest=False)["is_accepted"], NO_CHEATER)


def _select_claims(frames: Frames, *, honest: bool | None = None) -> pd.DataFrame:
    """Participants that claimed something: all of them, the honest ones, or the others."""
    claims = select_claims(frames["participants"])
    return claims if honest is None else claims[is_cheating(claims) != honest]


# Control


@run_measures.register(unit="nonces", law=Law.MEAN)
def accepted_nonces_mean(frames: Frames) -> float:
    """Counted nonces of accepted participants, mean over epochs."""
    return know(_sum_accepted(frames).mean(), "no epoch was judged")


@run_measures.register(unit="nonces")
def accepted_nonces_sd(frames: Frames) -> float:
    """Standard deviation over epochs of the counted nonces of accepted participants."""
    return know(_sum_accepted(frames).std(ddof=1), "fewer than two epochs were judged")


def _sum_accepted(frames: Frames) -> pd.Series:
    """By epoch, as the rules count; `difficulty.measured` may be another quantity, see `Target`."""
    participants = frames["participants"]
    accepted = participants[participants["is_accepted"]].groupby("epoch")["counted_nonces"].sum()
    return accepted.reindex(frames["difficulty"]["epoch"], fill_value=0)  # where all were rejected, the sum is 0


@run_measures.register(unit="tries")
def difficulty_last(frames: Frames) -> float:
    """Difficulty of the last epoch."""
    if frames["epochs"].empty:
        raise NoValueError("no epoch ended")
    return float(frames["epochs"]["difficulty"].iloc[-1])


@run_measures.register()
def controller_error(frames: Frames) -> float:
    """Mean of abs(measured / setpoint - 1) over the last half of the decisions."""
    decisions = frames["difficulty"]
    late = decisions.iloc[len(decisions) // 2 :]
    return know((late["measured"] / late["setpoint"] - 1).abs().mean(), "nothing is held at a setpoint")


# Network and chain


@run_measures.register(unit="s")
def gossip_delay_median_seconds(frames: Frames) -> float:
    """Median delay of a transaction to one host; median over epochs."""
    return know(frames["epochs"]["gossip_delay_median_seconds"].median(), "no transaction reached another host")


@run_measures.register(law=Law.SHARE)
def transactions_late_share(frames: Frames) -> float:
    """Transactions that their block refused as too late / transactions in blocks."""
    return _share(_select_in_blocks(frames)["fate"] == LATE, "no block contains a transaction")


@run_measures.register(unit="bytes", law=Law.MEAN)
def chain_load_bytes(frames: Frames) -> float:
    """Bytes of the transactions in blocks, per epoch."""
    return divide(int(_select_in_blocks(frames)["size_bytes"].sum()), len(frames["epochs"]), "no epoch ended")


def _select_in_blocks(frames: Frames) -> pd.DataFrame:
    transactions = frames["transactions"]
    return transactions[transactions["height"].notna()]


# Validation


@run_measures.register(law=Law.SHARE)
def votes_out_of_time_share(frames: Frames) -> float:
    """Validations that ran out of time / all validations."""
    summary = frames["validation_summary"]
    n_out_of_time, n_all = int(summary["n_out_of_time"].sum()), int(summary["n_participants"].sum())
    return count_share(n_out_of_time, n_all, "no participant was validated")


@run_measures.register(law=Law.MEAN)
def validation_cost(frames: Frames) -> float:
    """Nonces that validators re-executed / nonces_tried."""
    return divide(int(frames["validation_summary"]["n_checked"].sum()), nonces_tried(frames), NOTHING_TRIED)


@run_measures.register(unit="nonces", law=Law.MEAN)
def distances_computed(frames: Frames) -> float:
    """Distances computed (kernel) or drawn (sphere)."""
    return int(frames["epochs"]["computed"].sum())


@run_measures.register(unit="nonces", law=Law.MEAN)
def distances_shared(frames: Frames) -> float:
    """Distances answered from an earlier computation."""
    return int(frames["epochs"]["shared"].sum())


# Weights and rewards


@run_measures.register()
def weight_gini(frames: Frames) -> float:
    """Gini coefficient of the final weights of the last epoch's members (0: all equal)."""
    return know(compute_gini(_get_last_weights(frames)), NO_WEIGHT)


@run_measures.register()
def nakamoto_third(frames: Frames) -> float:
    """Fewest members that hold more than 1/3 of the last epoch's weight: they can stop blocks."""
    return know(compute_nakamoto_coefficient(_get_last_weights(frames), 3), NO_WEIGHT)


@run_measures.register()
def nakamoto_half(frames: Frames) -> float:
    """Fewest members that hold more than 1/2 of the last epoch's weight: they decide votes."""
    return know(compute_nakamoto_coefficient(_get_last_weights(frames), 2), NO_WEIGHT)


def _get_last_weights(frames: Frames) -> pd.Series:
    participants = frames["participants"]
    is_last = participants["epoch"] == participants["epoch"].max()
    return participants.loc[is_last & (participants["weight"] > 0), "weight"]


@run_measures.register()
def small_reward_cv(frames: Frames) -> float:
    """Rewards of one honest host over epochs: sd / mean; mean over the lighter half of these hosts."""
    found = compute_small_reward_cv(frames["participants"], frames["rewards"])
    return know(found, "no small honest host was paid in two settled epochs")


def compute_small_reward_cv(participants: pd.DataFrame, rewards: pd.DataFrame) -> float:
    """How uneven a small host's income is: standard deviation / mean of its rewards over epochs, a mean over hosts.

    Small: honest, above 0, and no heavier than the median of the honest hosts' mean final weights. An epoch counts from
    a host's first one on, as 0 where no reward was paid, if its rewards are settled. NaN where no such host has two.
    """
    settled = participants[participants["epoch"].isin(rewards["epoch"]) & ~is_cheating(participants)]
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


def _share(is_true: pd.Series, otherwise: str) -> CountedShare:
    return count_share(int(is_true.sum()), len(is_true), otherwise)
