"""Tables of sweeps in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from sim.execution.driver import Pilot
from sim.execution.progress import format_duration
from sim.execution.table import SweepResult, shorten_mappings, tell_alike, tell_failed_measures
from sim.problems import show_value
from sim.results import StudyStatus
from sim.studies.compare import DIFFERENCE_COLUMNS, ENDS, SUMMARY_COLUMNS, count_ends
from sim.terminal import format_interval, format_value, make_console, make_table, print_table

if TYPE_CHECKING:
    from rich.table import Table

MOST_POINTS_SHOWN = 20


def print_summary(summary: pd.DataFrame, *, title: str) -> None:
    """Print the table of `summarise_sweep`, a block per measure, without measures that have no value anywhere."""
    axes = [column for column in summary.columns if column not in ("point", *SUMMARY_COLUMNS)]
    headings = ["measure", "point", *_break_paths(axes), "runs", "mean", _name_interval(summary), "by"]
    table = make_table(headings)
    for measure, rows in _split_by_measure(summary, "n"):
        for row in rows.to_dict("records"):
            interval = format_interval(row["low"], row["high"])
            cells = [measure, str(row["point"]), *_format_axes(row, axes), str(row["n"])]
            table.add_row(*cells, format_value(row["estimate"]), interval, row["method"])
            measure = ""  # named once
    _print(title, table, summary)


def print_comparison(comparison: pd.DataFrame, *, title: str) -> None:
    """Print the table of `compare` or `compare_points`, and say which differences are resolved."""
    axes = [column for column in comparison.columns if column not in DIFFERENCE_COLUMNS]
    values = ["pairs", "before", "after", "difference", _name_interval(comparison), "resolved"]
    table = make_table(["measure", *_break_paths(axes), *values])
    for measure, rows in _split_by_measure(comparison, "n_pairs"):
        for row in rows.to_dict("records"):
            interval = format_interval(row["low"], row["high"])
            cells = [measure, *_format_axes(row, axes), str(row["n_pairs"]), format_value(row["before"])]
            style = "bold" if row["resolved"] else ""
            verdict = "yes" if row["resolved"] else "no"
            table.add_row(
                *cells, format_value(row["after"]), format_value(row["difference"]), interval, verdict, style=style
            )
            measure = ""
    _print(title, table, comparison)
    make_console().print(_count_resolved(comparison), soft_wrap=True)


def _break_paths(axes: Sequence[str]) -> list[str]:
    """A dotted path on several lines, so that a column is no wider than its longest word."""
    return [axis.replace(".", ".\n") for axis in axes]


def _split_by_measure(frame: pd.DataFrame, count: str) -> Iterable[tuple[str, pd.DataFrame]]:
    """Measures with their rows, in the order of the frame; without those that no run has."""
    for measure, rows in frame.groupby("measure", sort=False):
        if (rows[count] > 0).any():
            name = f"{measure} ({rows['unit'].iloc[0]})" if rows["unit"].iloc[0] else str(measure)
            yield name, rows


def _count_resolved(comparison: pd.DataFrame) -> str:
    compared = comparison[comparison["n_pairs"] > 0]
    by_chance = float((1 - compared["level"]).sum())
    lines = [
        f"{int(compared['resolved'].sum())} of {len(compared)} differences are resolved: their "
        f"{_name_interval(comparison)} excludes 0. If nothing differed, about {by_chance:.2g} would be, by chance"
    ]
    if compared["gain"].notna().any():
        gain = compared["gain"].median()
        lines.append(f"pairing is worth {gain:.3g} × as many runs (median of the measures whose differences vary)")
    return "\n".join(lines)


def _print(title: str, table: Table, frame: pd.DataFrame) -> None:
    print_table(title, table)
    console = make_console()
    counts = frame.loc[frame["warning"].ne("") & frame["warning"].ne("no values"), "warning"].value_counts()
    for warning, count in counts.items():
        console.print(f"warning: {warning} ({count} of {len(frame)} rows)", soft_wrap=True)


def _name_interval(frame: pd.DataFrame) -> str:
    return f"{100 * frame['level'].iloc[0]:.4g} % interval"


def _format_axes(row: dict[str, object], axes: Sequence[str]) -> list[str]:
    return [format_value(row[axis]) for axis in axes]


def print_pilot(pilot: Pilot) -> None:
    """Print a sweep's points and expected time."""
    console, sweep = make_console(), pilot.sweep
    n_points = len(sweep.points)
    until = sweep.config.until
    most = f" (at most {n_points * until.max_runs}: until {until.measure} ± {until.half_width:g})" if until else ""
    console.print(f"{sweep.name}: {n_points} points, {pilot.n_runs} runs{most}")
    table = make_table(["point", *sweep.axes])
    for index, point in enumerate(sweep.points[:MOST_POINTS_SHOWN]):
        table.add_row(str(index), *(value if isinstance(value, str) else show_value(value) for value in point.values))
    console.print(table)
    if n_points > MOST_POINTS_SHOWN:
        console.print(f"... and {n_points - MOST_POINTS_SHOWN} more points")
    for error in pilot.errors:
        console.print(f"a pilot run failed: {error}", soft_wrap=True)
    times = ", ".join(f"{seconds:.2f} s" for seconds in pilot.seconds)
    console.print(
        f"pilot runs took {times}: about {format_duration(pilot.estimate_seconds)} on {pilot.n_workers} workers",
        soft_wrap=True,
    )


def print_ends(result: SweepResult) -> None:
    """Print how many runs of each point finished, halted and failed, unless all finished."""
    counts = count_ends(result)
    if (result.runs["status"] == StudyStatus.FINISHED).all():
        return
    table = make_table(["point", *_break_paths(result.axes), *map(str, ENDS)])
    for row in shorten_mappings(counts, result.axes).to_dict("records"):
        table.add_row(str(row["point"]), *_format_axes(row, result.axes), *(str(row[end]) for end in ENDS))
    print_table(f"{result.name}: runs by how they ended; means are of those that finished", table)


def print_failures(result: SweepResult) -> None:
    """Print which runs failed and why, and where everything lies."""
    console = make_console()
    failed = result.runs[result.runs["error"].notna()]
    for error, count in failed["error"].value_counts().items():
        console.print(f"{count} of {len(result.runs)} runs failed: {error}", soft_wrap=True)
    for line in (*tell_alike(result.runs), *tell_failed_measures(result.missing, len(result.runs))):
        console.print(line, soft_wrap=True)
    told = f"{len(result.runs)} runs in {result.folder}; all measures in report.html and runs.parquet there"
    console.print(told, soft_wrap=True)
