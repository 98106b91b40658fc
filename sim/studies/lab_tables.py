"""Tables of a lab in the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sim.terminal import format_value, make_console, make_table, print_table

DIFFERENT = 1.01  # lengths of races that differ by more are told


@dataclass(frozen=True)
class AnswerTable:
    """Some measures of one curve."""

    title: str
    measures: tuple[str, ...]


TABLES = {
    "noise": AnswerTable("what chance does", ("mean_interval", "interval_sd", "interval_p95", "worst_wait", "noise")),
    "settling": AnswerTable(
        "how the step is answered (settling: until the last excursion beyond 10 %)", ("settling", "overshoot")
    ),
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


def print_lengths(answers: pd.DataFrame) -> None:
    """Print how long races lasted that all have as many decisions, or how many decisions were made until one horizon.

    Notes below say where races are not as long as one another, or ended before their horizon.
    """
    found = answers[answers["measure"].isin(("lasted", "decisions"))]
    lasted, decisions = (
        found[found["measure"] == name].pivot(index="controller", columns="curve", values="estimate")
        for name in ("lasted", "decisions")
    )
    longest = lasted.max(axis=None)
    if decisions.min(axis=None) == decisions.max(axis=None):
        _print_lengths(lasted, answers, f"how long races of {decisions.max(axis=None):.0f} decisions last, in d")
        if (lasted.max() > DIFFERENT * lasted.min()).any():
            told = "note: their means are over different times; with `horizon` in place of `decisions` all end together"
            make_console().print(told, soft_wrap=True)
        return
    _print_lengths(decisions, answers, f"decisions of races of {longest:.4g} d")
    for (curve, controller), days in lasted.unstack().dropna().items():
        if days < longest * (1 - 1e-9):
            many = f"{decisions.loc[controller, curve]:.0f}"
            told = f"note: {controller} on {curve} ended after {days:.3g} d, at {many} decisions, before the horizon"
            make_console().print(told, soft_wrap=True)


def _print_lengths(lengths: pd.DataFrame, answers: pd.DataFrame, title: str) -> None:
    """Print a line a controller, a column a curve, both in the order of the lab."""
    curves, controllers = answers["curve"].unique(), answers["controller"].unique()
    table = make_table(["controller", *break_names(curves)])
    for row in lengths.loc[controllers, curves].itertuples():
        table.add_row(*("" if isinstance(cell, float) and math.isnan(cell) else _write(cell) for cell in row))
    print_table(f"\n{title}", table)


def _write(cell: object) -> str:
    return cell if isinstance(cell, str) else f"{cell:.4g}"


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
