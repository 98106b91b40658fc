"""The figures and the HTML page that a sweep's folder gets by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from sim.errors import UserError
from sim.execution.store import SWEEP_FILE
from sim.execution.table import SweepResult, shorten_mappings, tell_alike, tell_failed_measures, tell_halts
from sim.figures import page
from sim.figures.sweep_plots import get_axes, is_number, plot_heat_map, plot_measure
from sim.metrics.measures import run_measures
from sim.results import PROVENANCE_FILE, read_provenance

HEADLINES = (
    *("success_rate", "accepted_nonces_mean", "difficulty_last", "controller_error", "cheater_accepted_share"),
    *("honest_rejected_share", "votes_out_of_time_share", "weight_gini", "gossip_delay_median_seconds"),
)


def write_sweep_report(result: SweepResult, summary: pd.DataFrame) -> Path:
    """Write `figures/*.png` and `report.html` into the sweep's folder; return the page.

    `summary` is the table that `sim.studies.compare.summarise_sweep` makes of the result.
    """
    folder = result.folder
    if folder is None:
        raise UserError(f"sweep {result.name} has no folder for a report: run it with out=FOLDER")
    figures = draw_sweep(summary)
    return page.save_report(folder, figures, lambda: _build_page(result, folder, summary, figures))


def select_varying(summary: pd.DataFrame) -> pd.DataFrame:
    """Keep the measures that differ between points; all of them where there is one point."""
    if summary["point"].nunique() < 2:
        return summary
    n_values = summary.groupby("measure")["estimate"].transform("nunique")
    return summary[n_values > 1] if (n_values > 1).any() else summary


def select_headlines(summary: pd.DataFrame) -> pd.DataFrame:
    """Keep the first measures that people ask for, of those that differ between points: headlines, then plug-ins.

    A sweep that takes neither shows all that differ.
    """
    varying = select_varying(summary)
    ranks = dict.fromkeys(set(varying["measure"]) - set(run_measures.own_names()), len(HEADLINES))
    ranks |= {measure: rank for rank, measure in enumerate(HEADLINES)}
    ranked = varying.assign(rank=varying["measure"].map(ranks)).dropna(subset="rank")
    return ranked.sort_values(["rank", "measure", "point"]).drop(columns="rank") if len(ranked) else varying


def draw_sweep(summary: pd.DataFrame) -> dict[str, Figure]:
    """Return the figures of each headline measure that differs between points.

    One axis: its band. Two axes: a line per value of the second one, and a heat map. More: points against each axis.
    """
    n_values = select_headlines(summary).groupby("measure", sort=False)["estimate"].nunique()
    measures = n_values.index[n_values > 1]
    return {name: figure for measure in measures for name, figure in _draw(summary, measure)}


def _build_page(result: SweepResult, folder: Path, summary: pd.DataFrame, figures: dict[str, Figure]) -> str:
    errors = result.runs["error"].dropna().value_counts()
    status = read_provenance(folder)["status"]
    lead = f"{len(result.runs)} runs at {result.runs['point'].nunique()} points; status: {status}."
    warnings = summary.loc[~summary["warning"].isin(("", "no values")), "warning"].value_counts()
    parts = (
        *(page.build_warning(f"{count} of {len(result.runs)} runs failed: {error}") for error, count in errors.items()),
        *(page.build_warning(line) for line in (*tell_halts(result.runs), *tell_alike(result.runs))),
        *(page.build_warning(line) for line in tell_failed_measures(result.missing, len(result.runs))),
        *(page.build_warning(f"{text} ({count} of {len(summary)} rows)") for text, count in warnings.items()),
        *(page.build_figure(figure) for figure in figures.values()),
        page.build_section("Estimates that differ between points", _build_estimates(select_varying(summary))),
        page.build_section("How runs ended", _build_ends(result)),
        page.build_section("Values that are missing", _build_missing(result.missing)),
        page.build_files(folder, {"Sweep": SWEEP_FILE, "Provenance": PROVENANCE_FILE}),
    )
    return page.build_page(result.name, lead, parts)


def _build_estimates(summary: pd.DataFrame) -> str:
    shown = summary.drop(columns=["n_missing", "level", "warning"]).rename(columns={"n": "runs", "estimate": "mean"})
    return page.build_table(shown)


def _build_ends(result: SweepResult) -> str:
    """A line a point, with the number of its runs by their status."""
    keys = ["point", *result.axes]
    counts = result.runs.value_counts([*keys, "status"], sort=False).unstack("status", fill_value=0)
    return page.build_table(shorten_mappings(counts.reset_index().sort_values("point"), result.axes))


def _build_missing(missing: pd.DataFrame) -> str:
    if missing.empty:
        return "<p>None.</p>"
    counts = missing.value_counts(["measure", "reason"], sort=False).rename("runs").reset_index()
    return page.build_table(counts)


def _draw(summary: pd.DataFrame, measure: str) -> Iterator[tuple[str, Figure]]:
    axes = [axis for axis in get_axes(summary) if summary[axis].nunique() > 1]
    axes.sort(key=lambda axis: (not is_number(summary[axis]), -summary[axis].nunique()))  # numbers, long ones first
    if len(axes) == 2 and not _is_scattered(summary, axes):
        yield measure, plot_measure(summary, measure, axes[0], by=axes[1])
        yield f"{measure}_map", plot_heat_map(summary, measure, axes[0], axes[1])
        return
    for axis in axes:
        name = measure if len(axes) == 1 else f"{measure}_{axis.replace('.', '_')}"
        yield name, plot_measure(summary, measure, axis)


def _is_scattered(summary: pd.DataFrame, axes: list[str]) -> bool:
    """Whether the points are no grid, as in a Latin hypercube: most cells of a heat map would be empty."""
    n_cells = summary[axes[0]].nunique() * summary[axes[1]].nunique()
    return bool(summary["point"].nunique() < n_cells / 2)
