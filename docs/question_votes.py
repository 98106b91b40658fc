"""Answers to questions about votes and delegations, see `questions`."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.execution.table import SweepResult
from sim.figures.style import BLUE, ORANGE

SMALL = "DeepSeek-V4-Flash-0731"
BARS = {6667: "two thirds of all weight", 5000: "half of all weight"}


def read_small_group(found: SweepResult) -> pd.DataFrame:
    """One row a bar, kind of guardian and share of all power behind the group: how many of its claims pass."""
    rows = found.claims[(found.claims.model == SMALL) & (found.claims.claimed_nonces > 0)]
    rows = rows[rows.participant.str.startswith("small")]
    by_point = rows.groupby("point").agg(
        behind=("valid_vote_power", "max"), total=("total_vote_weight", "max"), accepted=("is_accepted", "sum")
    )
    points = found.runs.set_index("point").loc[by_point.index]
    serves = points["hosts.guard.gpus"].str.contains(SMALL)
    return pd.DataFrame(
        {
            "bar (basis points)": points["protocol.rules.vote_threshold_bps"],
            "guardian": serves.map({True: "serves the model", False: "does not"}),
            "hosts that lend votes": points["hosts.lends.count"],
            "power behind the group (%)": 100.0 * by_point.behind / by_point.total,
            "claims accepted of 4": by_point.accepted,
        }
    ).reset_index(drop=True)


def draw_small_group(figure: Figure, numbers: pd.DataFrame) -> None:
    """Claims accepted over the power behind the group, one panel a bar."""
    figure.suptitle("Below the bar a group decides nothing, and a guardian without the model says no", size=11)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (bar, rows) in zip(panels, numbers.groupby("bar (basis points)", sort=False), strict=True):
        _draw_bar(axes, int(str(bar)), rows)
    panels[0].set_ylabel("claims accepted, of 4")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=9)


def _draw_bar(axes: Axes, bar: int, rows: pd.DataFrame) -> None:
    axes.set_title(f"the bar: {BARS[bar]}")
    axes.axvline(bar / 100, color="black", linewidth=1.0, linestyle="--")
    styles = {"serves the model": (BLUE, "s", 0.05), "does not": (ORANGE, "o", -0.05)}
    for guardian, (color, marker, shift) in styles.items():
        some = rows[rows.guardian == guardian]
        label = f"the guardian {guardian}"
        height = some["claims accepted of 4"] + shift
        axes.plot(some["power behind the group (%)"], height, color=color, marker=marker, linestyle="", label=label)
    axes.set_xlabel("power behind the group, of all weight (%)")
    axes.set_xlim(30, 100)
