"""Answers to questions about confirmations that overlap or fail, and about what they cost, see `questions`."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from question_style import put_legend

from sim.execution.table import SweepResult
from sim.figures.style import BLUE, ORANGE
from sim.results import Result

EPOCH = "epoch"
STAGE_BLOCKS, PAUSE_BLOCKS = 14, 20
"""Of the scenario: blocks that take commitments, and the set delay."""
OVERLAPS = ("as patched", "with the defect", "defect, free window", "defect, old members stay")


def read_overlap(found: SweepResult) -> pd.DataFrame:
    """One row a rule: how far the last confirmation's pause reaches, and what becomes of commitments and weights."""
    start = found.epochs[found.epochs.epoch == 3].set_index("point").start_height
    read_out = found.confirmations[found.confirmations.epoch == 2].groupby("point").height.max() - start
    commits = found.transactions.query("kind == 'StoreCommit' and epoch == 3")
    ends = start.loc[commits.point].to_numpy() + STAGE_BLOCKS
    in_stage = commits[commits.height.to_numpy(dtype=float) <= ends]
    taken = in_stage.groupby("point").result.agg(lambda told: (told == "accepted").sum())
    refused = in_stage.groupby("point").result.agg(lambda told: told.str.startswith("a confirmation").sum())
    weights = found.epochs.pivot_table(index="point", columns=EPOCH, values="total_weight", aggfunc="first")
    return pd.DataFrame(
        {
            "rules": list(OVERLAPS),
            "confirmation read out (blocks from P)": read_out.to_numpy(),
            "counts as running until": (read_out + PAUSE_BLOCKS).to_numpy(),
            "commitments taken": taken.to_numpy(),
            "refused": refused.to_numpy(),
            "weight of epoch 2": weights[2].to_numpy(),
            "weight of epoch 3": weights[3].to_numpy(),
        }
    )


def draw_overlap(figure: Figure, numbers: pd.DataFrame) -> None:
    """Pause of the confirmation beside the stage, in blocks from P, and the weight that comes of it."""
    axes = figure.subplots()
    axes.set_title("A pause that outlasts the stage leaves nobody any weight")
    places = range(len(numbers))
    first = numbers["confirmation read out (blocks from P)"]
    axes.axvspan(0, STAGE_BLOCKS, color=BLUE, alpha=0.15, label="stage: commitments are taken")
    axes.barh(places, PAUSE_BLOCKS, left=first, height=0.4, color=ORANGE, label="confirmation still counts as running")
    for place, row in zip(places, numbers.itertuples(index=False), strict=True):
        axes.text(STAGE_BLOCKS + 5, place, f"weight {row[6]}", va="center")
    axes.set_yticks(places, numbers.rules)
    axes.invert_yaxis()
    axes.set_xlim(first.min() - 3, STAGE_BLOCKS + 22)
    axes.set_xlabel("blocks from P of epoch 3")
    axes.legend(loc="lower left", fontsize=9)


FAILING = "early|late"


def read_seven_failures(result: Result) -> pd.DataFrame:
    """One row a moment: the weight that is there and the power that votes, beside the total frozen in epoch 2."""
    parts = result.participants.assign(fails=result.participants.participant.str.match(FAILING))
    second = parts[parts.epoch == 2]
    frozen, rows = int(second.weight.sum()), list[list[object]]()
    events = result.confirmations[result.confirmations.epoch == 2]
    gone = [set[str](), *(set(event.participant[event.is_failed]) for _, event in events.groupby("height"))]
    left = second
    for moment, failed in zip(("S of epoch 2", "after confirmation 1", "after confirmation 2"), gone, strict=True):
        left = left[~left.participant.isin(failed)]
        rows.append(_describe_moment(moment, left, left.weight, frozen))
    for epoch in (3, 4):
        some = parts[parts.epoch == epoch]
        rows.append(_describe_moment(f"S of epoch {epoch}", some, some.consensus_power, frozen))
    claims = result.claims[result.claims.claimed_nonces > 0].groupby(EPOCH).is_accepted.agg(["sum", "size"])
    told = [f"{claims['sum'][epoch]} of {claims['size'][epoch]}" for epoch in (2, 3, 4)]
    columns = ["moment", "members", "weight", "weight that votes", "half of the frozen total", "a third of it"]
    return pd.DataFrame(rows, columns=columns).assign(**{"claims accepted before": [told[0], "", "", *told[1:]]})


def _describe_moment(moment: str, left: pd.DataFrame, power: pd.Series[int], frozen: int) -> list[object]:
    """Return a row, with whether the power that is there can reach half + 1 and a third + 1 of the frozen total."""
    votes = int(power.sum())
    return [moment, len(left), int(left.weight.sum()), votes, votes >= frozen // 2 + 1, votes >= frozen // 3 + 1]


def draw_seven_failures(figure: Figure, numbers: pd.DataFrame) -> None:
    """Weight and votes at each moment, with the bars that a frozen total sets."""
    axes = figure.subplots()
    axes.set_title("Half of a frozen total is out of reach until the seven have votes again")
    frozen, places = numbers["weight that votes"].iloc[0], range(len(numbers))
    axes.bar(
        [place - 0.2 for place in places],
        100 * numbers["weight"] / frozen,
        0.4,
        color=ORANGE,
        label="weight of members",
    )
    axes.bar(
        [place + 0.2 for place in places],
        100 * numbers["weight that votes"] / frozen,
        0.4,
        color=BLUE,
        label="that votes",
    )
    axes.axhline(50, color="black", linestyle="--", linewidth=1, label="half of the frozen total")
    axes.axhline(100 / 3, color="black", linestyle=":", linewidth=1, label="a third")
    axes.set_xticks(places, [moment.replace(" ", "\n", 1) for moment in numbers.moment], fontsize=9)
    axes.set_ylabel("of the total frozen in epoch 2 (%)")
    put_legend(figure, axes, 4)


NGONKA = 1e9


def read_collateral(found: SweepResult) -> pd.DataFrame:
    """One row a collateral: what a cheat that is voted down and a host that fails lose, in rewards of an equal host."""
    rewards = found.rewards[found.rewards.epoch == 2]
    reward = rewards[rewards.participant.str.startswith("honest")].groupby("point").reward_ngonka.max()
    slashed = (
        found.payments.query("kind == 'slashed' and epoch == 2").groupby(["point", "participant"]).amount_ngonka.sum()
    )
    taken = {
        who: slashed.xs(who, level=1).reindex(reward.index, fill_value=0)
        if who in slashed.index.levels[1]
        else 0 * reward
        for who in ("fails-0", "cheats-0")
    }
    got = {
        who: rewards[rewards.participant == who]
        .groupby("point")
        .reward_ngonka.sum()
        .reindex(reward.index, fill_value=0)
        for who in taken
    }
    unit = found.runs.set_index("point")["protocol.collateral_per_weight_unit"].loc[reward.index]
    return pd.DataFrame(
        {
            "collateral a unit (GNK)": (unit / NGONKA).to_numpy(),
            "reward of an equal honest host (GNK)": (reward / NGONKA).to_numpy(),
            "slash of the failing (GNK)": (taken["fails-0"] / NGONKA).to_numpy(),
            "the cheat loses (rewards)": ((reward - got["cheats-0"] + taken["cheats-0"]) / reward).to_numpy(),
            "the failing loses (rewards)": ((reward - got["fails-0"] + taken["fails-0"]) / reward).to_numpy(),
        }
    )


def draw_collateral(figure: Figure, numbers: pd.DataFrame) -> None:
    """Both losses over the collateral a unit."""
    axes = figure.subplots()
    axes.set_title("Failing costs more than cheating, but hardly so below 0.1 GNK a unit")
    unit = numbers["collateral a unit (GNK)"]
    cheat, failing = numbers["the cheat loses (rewards)"], numbers["the failing loses (rewards)"]
    rise, between = (failing.iloc[-1] - 1.0) / unit.iloc[-1], np.geomspace(unit.min(), unit.max(), 200)
    axes.semilogx(between, 1.0 + rise * between, color=BLUE, linewidth=1)
    axes.semilogx(unit, failing, color=BLUE, marker="o", linestyle="", label="fails a confirmation")
    axes.semilogx(unit, cheat, color=ORANGE, marker="s", label="cheats and is voted down")
    for value, name in ((4.2e-9, "in force"), (0.032, "voted on"), (1.0 / rise, "slash = reward")):
        axes.axvline(value, color="black", linestyle="--", linewidth=1)
        axes.annotate(
            name, (value, 0.02), xytext=(-4, 0), textcoords="offset points", fontsize=9, rotation=90, ha="right"
        )
    axes.set_ylim(0, None)
    axes.set_xlabel("collateral a unit of weight (GNK)")
    axes.set_ylabel("loss (rewards of an epoch)")
    axes.legend(fontsize=9)
