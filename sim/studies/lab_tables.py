"""Tables of a lab in the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sim.terminal import format_value, make_table, print_table


@dataclass(frozen=True)
class AnswerTable:
    """Some measures of one curve."""

    title: str
    measures: tuple[str, ...]


TABLES = {
    "noise": AnswerTable("what chance does", ("mean_interval", "interval_sd", "interval_p95", "worst_wait", "noise")),
    "settling": AnswerTable("how the step is answered", ("settling", "overshoot")),
    "compute_swing": AnswerTable(
        "who comes and goes", ("mean_interval", "interval_sd", "compute_swing", "steady_loss", "small_host_sd")
    ),
    "manipulation_gain": AnswerTable(
        "what lies about time do", ("manipulation_gain", "manipulation_bias", "mean_interval", "interval_sd")
    ),
}
"""Tables of the terminal, each for the curves that have a certain measure."""


def print_answers(answers: pd.DataFrame, curve: str, measures: Sequence[str], *, title: str) -> None:
    """Print measures of one curve, a line per controller, each ± half its interval, if there are any."""
    rows = answers[(answers["curve"] == curve) & answers["measure"].isin(measures)]
    if rows.empty:
        return
    table = make_table(["controller", *break_names(measures)])
    for controller, each in rows.groupby("controller", sort=False):
        found = each.set_index("measure").to_dict("index")
        table.add_row(str(controller), *(_format_answer(found[name]) for name in measures))
    print_table(f"\n{title}", table)


def find_curves(answers: pd.DataFrame, measure: str) -> list[str]:
    """Return the curves that have a measure: `noise` where compute is constant, `settling` where it has a step."""
    return list(dict.fromkeys(answers.loc[answers["measure"] == measure, "curve"]))


def break_names(names: Sequence[str]) -> list[str]:
    """Break names where a heading may be broken."""
    return [name.replace(" ", "\n").replace("_", "_\n") for name in names]


def _format_answer(row: dict[str, Any]) -> str:
    """The mean with half of its interval; both ends are in the report."""
    if math.isnan(row["estimate"]):
        return "never"
    return f"{format_value(row['estimate'])} ± {(row['high'] - row['low']) / 2:.2g}"
