"""The HTML page of a lab's folder, and its figure of paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from sim.figures import page
from sim.figures.lab_paths import draw_paths
from sim.results import PROVENANCE_FILE


def write_lab_report(
    folder: Path,
    name: str,
    ranks: Sequence[pd.DataFrame],
    notes: Sequence[str],
    answers: pd.DataFrame,
    paths: pd.DataFrame,
) -> Path:
    """Write `figures/paths*.png` and `report.html` into a lab's folder; return the page.

    `ranks`: the ranking over curves and, with several, that of each curve, as texts; `notes`: sentences below them.
    """
    figures = draw_paths(paths)
    return page.save_report(folder, figures, lambda: _build_page(folder, name, ranks, notes, answers, figures), dpi=110)


def _build_page(
    folder: Path,
    name: str,
    ranks: Sequence[pd.DataFrame],
    notes: Sequence[str],
    answers: pd.DataFrame,
    figures: Mapping[str, Figure],
) -> str:
    counts = (answers["controller"].nunique(), answers["curve"].nunique(), answers["n"].max())
    lead = "{} controllers on {} curves, {} replications each, with common random numbers.".format(*counts)
    by_curve = answers.groupby("curve", sort=False)
    parts = (
        *(
            page.build_section(heading, page.build_table(table))
            for heading, table in zip(("Best first", "Curve by curve"), ranks, strict=False)
        ),
        page.build_lines(notes),
        *(page.build_figure(figure) for figure in figures.values()),
        *(page.build_section(str(curve), _build_answers(rows)) for curve, rows in by_curve),
        page.build_files(folder, {"Lab": "lab.yaml", "Provenance": PROVENANCE_FILE}),
    )
    return page.build_page(name, lead, parts)


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
