"""The figures and the HTML page of a lab's folder."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.figures import page
from sim.figures.style import GREY, PALETTE, house_style
from sim.results import PROVENANCE_FILE

DAY_SECONDS = 86_400.0
LINES = ("-", "--", ":")
SMALLEST, LARGEST = 0.25, 4.0  # of difficulty / ideal: a rule that never answers must not squeeze all others


def write_lab_report(folder: Path, name: str, ranked: pd.DataFrame, answers: pd.DataFrame, paths: pd.DataFrame) -> Path:
    """Write `figures/paths.png` and `report.html` into a lab's folder; return the page."""
    figure = draw_paths(paths)
    return page.save_report(
        folder, {"paths": figure}, lambda: _build_page(folder, name, ranked, answers, figure), dpi=110
    )


def _build_page(folder: Path, name: str, ranked: pd.DataFrame, answers: pd.DataFrame, figure: Figure) -> str:
    counts = (answers["controller"].nunique(), answers["curve"].nunique(), answers["n"].max())
    lead = "{} controllers on {} curves, {} replications each, with common random numbers.".format(*counts)
    by_curve = answers.groupby("curve", sort=False)
    parts = (
        page.build_section(f"{ranked.columns[2]}, best first", page.build_table(ranked, na_rep="NaN")),
        page.build_figure(figure),
        *(page.build_section(str(curve), _build_answers(rows)) for curve, rows in by_curve),
        page.build_files(folder, {"Lab": "lab.yaml", "Provenance": PROVENANCE_FILE}),
    )
    return page.build_page(name, lead, parts)


def draw_paths(paths: pd.DataFrame) -> Figure:
    """Median of difficulty / ideal over time: a panel per curve, a line per controller, compute in grey."""
    curves, controllers = paths["curve"].unique(), paths["controller"].unique()
    n_columns = min(2, len(curves))
    n_rows = math.ceil(len(curves) / n_columns)
    with house_style():
        figure = Figure(figsize=(4.6 * n_columns + 0.4, 2.6 * n_rows + 0.7), layout="constrained")
        panels = figure.subplots(n_rows, n_columns, squeeze=False, sharey=True).ravel()
        for panel, curve in zip(panels, curves, strict=False):
            _draw_panel(panel, paths[paths["curve"] == curve], str(curve), controllers)
        for unused in panels[len(curves) :]:
            unused.set_visible(False)
        for panel in panels[::n_columns]:
            panel.set_ylabel("difficulty / ideal")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=9)
    return figure


def _draw_panel(panel: Axes, paths: pd.DataFrame, curve: str, controllers: np.ndarray) -> None:
    days = paths["time_seconds"].max() > 2 * DAY_SECONDS
    unit = DAY_SECONDS if days else 3600.0
    first = paths[paths["controller"] == controllers[0]]
    panel.plot(first["time_seconds"] / unit, first["compute"], color=GREY, alpha=0.45, linewidth=3, label="compute")
    for number, controller in enumerate(controllers):
        rows = paths[paths["controller"] == controller]
        colour, line = PALETTE[number % len(PALETTE)], LINES[number // len(PALETTE) % len(LINES)]
        x, y = rows["time_seconds"] / unit, rows["median"]
        panel.plot(x, y, color=colour, linestyle=line, linewidth=1.1, label=str(controller))
    panel.set_title(curve)
    panel.set_yscale("log", base=2)
    panel.set_ylim(SMALLEST, LARGEST)
    panel.yaxis.set_major_formatter("{x:g}")
    panel.set_xlabel("time (d)" if days else "time (h)")


def _build_answers(rows: pd.DataFrame) -> str:
    """A line per controller, a column per measure: mean and interval."""
    shown = rows.assign(
        text=[
            f"{estimate:.4g} [{low:.4g}, {high:.4g}]"
            for estimate, low, high in rows[["estimate", "low", "high"]].to_numpy()
        ]
    )
    table = shown.pivot_table(index="controller", columns="measure", values="text", aggfunc="first", sort=False)
    return page.build_table(table.rename_axis(None, axis=1).reset_index())
