"""What a sweep tells in the terminal: before it begins, and at its end."""

from __future__ import annotations

import pandas as pd
from rich.table import Table

from sim.execution.driver import Pilot
from sim.execution.progress import format_duration
from sim.execution.table import SweepResult, tell_failed_measures
from sim.figures.table import make_console
from sim.metrics.measures import run_measures
from sim.problems import show_value

MOST_POINTS_SHOWN = 20
HEADLINES = (
    *("success_rate", "accepted_nonces_mean", "difficulty_last", "controller_error", "cheater_accepted_share"),
    *("honest_rejected_share", "votes_out_of_time_share", "weight_gini", "gossip_delay_median_seconds"),
)


def select_varying(summary: pd.DataFrame) -> pd.DataFrame:
    """Keep the measures that differ between points; all of them where there is one point."""
    if summary["point"].nunique() < 2:
        return summary
    n_values = summary.groupby("measure")["estimate"].transform("nunique")
    return summary[n_values > 1] if (n_values > 1).any() else summary


def select_headlines(summary: pd.DataFrame) -> pd.DataFrame:
    """Keep what people ask for first of the measures that differ between points: headlines, then those of plug-ins.

    A sweep that takes neither shows all that differ.
    """
    varying = select_varying(summary)
    ranks = dict.fromkeys(set(varying["measure"]) - set(run_measures.own_names()), len(HEADLINES))
    ranks |= {measure: rank for rank, measure in enumerate(HEADLINES)}
    ranked = varying.assign(rank=varying["measure"].map(ranks)).dropna(subset="rank")
    return ranked.sort_values(["rank", "measure", "point"]).drop(columns="rank") if len(ranked) else varying


def print_pilot(pilot: Pilot) -> None:
    """Print what a sweep would be."""
    console, sweep = make_console(), pilot.sweep
    n_points = len(sweep.points)
    until = sweep.config.until
    most = f" (at most {n_points * until.max_runs}: until {until.measure} ± {until.half_width:g})" if until else ""
    console.print(f"{sweep.name}: {n_points} points, {pilot.n_runs} runs{most}")
    table = Table(box=None, pad_edge=False)
    for heading in ("point", *sweep.axes):
        table.add_column(heading, justify="right", overflow="fold")
    for index, point in enumerate(sweep.points[:MOST_POINTS_SHOWN]):
        table.add_row(str(index), *(value if isinstance(value, str) else show_value(value) for value in point.values))
    console.print(table)
    if n_points > MOST_POINTS_SHOWN:
        console.print(f"... and {n_points - MOST_POINTS_SHOWN} more points")
    for error in pilot.errors:
        console.print(f"a pilot run failed: {error}", markup=False, soft_wrap=True)
    times = ", ".join(f"{seconds:.2f} s" for seconds in pilot.seconds)
    console.print(
        f"pilot runs took {times}: about {format_duration(pilot.estimate_seconds)} on {pilot.n_workers} workers",
        soft_wrap=True,
    )


def print_failures(result: SweepResult) -> None:
    """Print which runs failed and why, and where everything lies."""
    console = make_console()
    failed = result.runs[result.runs["error"].notna()]
    for error, count in failed["error"].value_counts().items():
        console.print(f"{count} of {len(result.runs)} runs failed: {error}", markup=False, soft_wrap=True)
    for line in tell_failed_measures(result.missing, len(result.runs)):
        console.print(line, markup=False, soft_wrap=True)
    told = f"{len(result.runs)} runs in {result.folder}; all measures in report.html and runs.parquet there"
    console.print(told, markup=False, soft_wrap=True)
