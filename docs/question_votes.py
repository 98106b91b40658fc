"""Answers to questions about votes and delegations, see `questions`."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.execution.table import SweepResult
from sim.figures.style import BLUE, DARK, ORANGE

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
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9)


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


SETTINGS = {
    (6667, False): "two thirds, no guardian",
    (6667, True): "two thirds, a guardian on the new build",
    (5000, False): "half, no guardian",
}


def read_staggered_upgrade(found: SweepResult) -> pd.DataFrame:
    """One row a bar, guardian and number of hosts that changed: the shares of claims of both sides that pass."""
    rows = found.claims[found.claims.claimed_nonces > 0]
    is_old = rows.participant.str.startswith("old")
    mean = {side: rows[is_old == (side == "old")].groupby("point").is_accepted.mean() for side in ("old", "new")}
    points = found.runs.drop_duplicates("point").set_index("point").sort_index()
    n_new = points["hosts.new.count"] + 1
    settings = zip(points["protocol.rules.vote_threshold_bps"], points["hosts.first.guardian"], strict=True)
    table = pd.DataFrame(
        {
            "bar and guardian": [SETTINGS[bar, bool(is_guardian)] for bar, is_guardian in settings],
            "weight that has changed (%)": 100 * n_new / (n_new + points["hosts.old.count"]),
            "claims of the old build accepted (%)": 100 * mean["old"],
            "claims of the new build accepted (%)": 100 * mean["new"],
        }
    )
    return table.reset_index(drop=True)


def draw_staggered_upgrade(figure: Figure, numbers: pd.DataFrame) -> None:
    """Claims of both sides that pass, over the share that has changed; one panel a bar and guardian."""
    figure.suptitle("Two builds that disagree: the larger side throws out the smaller one, or nobody passes", size=11)
    panels = figure.subplots(1, 3, sharey=True)
    for axes, setting in zip(panels, SETTINGS.values(), strict=True):
        rows = numbers[numbers["bar and guardian"] == setting]
        axes.set_title(setting.replace(", ", ",\n"), size=10)
        for side, color, marker in (("old", ORANGE, "o:"), ("new", BLUE, "s:")):
            axes.plot(
                rows["weight that has changed (%)"],
                rows[f"claims of the {side} build accepted (%)"],
                marker,
                color=color,
                markersize=4,
                label=f"the {side} build",
            )
        axes.set_xlim(0, 100)
    panels[0].set_ylabel("claims accepted (%)")
    panels[1].set_xlabel("weight that has changed to the new build (%)")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9)


LENT = "hosts of 10 that lend votes to guardians"
BAR_OF = {"v0.2.13": 6667, "v0.2.14": 5000}


def read_failing_guardians(found: SweepResult) -> pd.DataFrame:
    """One row a version and number of votes lent to the guardians: what is left when they are down."""
    rows = found.claims[(found.claims.epoch == 2) & (found.claims.model == "Kimi-K2.6")]
    rows = rows[rows.participant.str.startswith("member")]
    by_point = rows.groupby("point").agg(
        voting=("valid_vote_power", "max"), total=("total_vote_weight", "max"), accepted=("is_accepted", "sum")
    )
    points = found.runs.drop_duplicates("point").set_index("point").loc[by_point.index]
    return pd.DataFrame(
        {
            "rules": points["protocol.version"],
            "bar (basis points)": points["protocol.version"].map(BAR_OF),
            LENT: 2 * points["hosts.lends-0.count"],
            "power that still votes (%)": 100.0 * by_point.voting / by_point.total,
            "claims accepted of 5": by_point.accepted,
        }
    ).reset_index(drop=True)


def draw_failing_guardians(figure: Figure, numbers: pd.DataFrame) -> None:
    """Power that still votes over the votes lent to the guardians that fail, against both bars."""
    figure.suptitle("Votes lent to guardians that are down are missing from the bar of all weight", size=11)
    axes = figure.subplots()
    for (version, bar), color, shift in zip(BAR_OF.items(), (ORANGE, BLUE), (-0.06, 0.06), strict=True):
        axes.axhline(bar / 100, color=color, linestyle="--", linewidth=1.2, label=f"{version}: {BARS[bar]}")
        _mark_claims(axes, numbers[numbers.rules == version], color, shift)
    for marker, label in (("o", "the model's claims pass"), ("x", "they are rejected")):
        axes.plot([], [], marker, color=DARK, label=label)
    axes.set_xticks(sorted(numbers[LENT].unique()))
    axes.set_ylim(0, 100)
    axes.set_xlabel("hosts of 10 that lend their votes to the two guardians that fail")
    axes.set_ylabel("power that still votes, of all weight (%)")
    axes.legend(loc="lower left", fontsize=9)


def _mark_claims(axes: Axes, rows: pd.DataFrame, color: str, shift: float) -> None:
    power, passes = rows["power that still votes (%)"], rows["claims accepted of 5"] > 0
    axes.plot(rows[LENT] + shift, power, color=color, linewidth=0.8)
    axes.plot(rows[LENT][passes] + shift, power[passes], "o", color=color, markersize=8)
    axes.plot(rows[LENT][~passes] + shift, power[~passes], "x", color=color, markersize=9, markeredgewidth=2)
