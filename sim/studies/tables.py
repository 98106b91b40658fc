"""Tables of sweeps in the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import pandas as pd
from rich.console import Console
from rich.table import Table

from sim.studies.compare import DIFFERENCE_COLUMNS, SUMMARY_COLUMNS

WIDTH_WITHOUT_TERMINAL = 140
DIGITS = 4
LARGEST_WHOLE = 1e9  # longer numbers are shown with an exponent


def print_summary(summary: pd.DataFrame, *, title: str) -> None:
    """Print what `summarise_sweep` found, a block per measure, without measures that have no value anywhere."""
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
    """Print what `compare` or `compare_points` found, and say which differences are resolved."""
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
    console = make_console()
    console.print(title, soft_wrap=True)
    console.print(table)
    counts = frame.loc[frame["warning"].ne("") & frame["warning"].ne("no values"), "warning"].value_counts()
    for warning, count in counts.items():
        console.print(f"warning: {warning} ({count} of {len(frame)} rows)", soft_wrap=True)


def make_table(headings: Sequence[str]) -> Table:
    """Return an empty table; columns of text are set left, numbers right."""
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        is_text = heading in ("measure", "by", "resolved", "controller")
        table.add_column(heading, justify="left" if is_text else "right", overflow="fold")
    return table


def make_console() -> Console:
    """Return a console as wide as the terminal, or wide enough where there is none."""
    console = Console(highlight=False, markup=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, width=WIDTH_WITHOUT_TERMINAL)


def _name_interval(frame: pd.DataFrame) -> str:
    return f"{100 * frame['level'].iloc[0]:.4g} % interval"


def _format_axes(row: dict[str, object], axes: Sequence[str]) -> list[str]:
    return [format_value(row[axis]) for axis in axes]


def format_interval(low: float, high: float) -> str:
    """Both ends, or that they are not known."""
    return f"[{format_value(low)}, {format_value(high)}]" if math.isfinite(low) and math.isfinite(high) else "unknown"


def format_value(value: object) -> str:
    """Whole numbers whole, others with four digits."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if value.is_integer() and abs(value) < LARGEST_WHOLE else f"{value:.{DIGITS}g}"
