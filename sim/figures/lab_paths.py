"""The figure of a lab: how difficulty follows compute, a small panel for every controller on every curve."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sim.economy.base import Floats
from sim.figures.style import BLUE, GREY, RED, house_style

DAY_SECONDS, HOUR_SECONDS = 86_400.0, 3600.0
MOST_DOUBLINGS = 2.0  # of difficulty / ideal, either way: a rule that never answers must not squeeze all others
TICKS = {-2.0: "¼", -1.0: "½", 0.0: "1", 1.0: "2", 2.0: "4"}
MOST_LINES = 4  # of a controller's name beside a panel, in full size
MOST_COLUMNS, MOST_ROWS = 6, 12  # of panels in one figure
WRAPPED_COLUMNS = 4  # of controllers on one curve
PANEL_INCHES, LARGE_INCHES = (1.85, 0.85), (2.3, 1.25)
LETTER_INCHES = 0.075
TICKS_INCHES, TITLE_INCHES, FOOT_INCHES, GAP_INCHES = 0.5, 0.42, 0.95, 0.13
NARROWEST_INCHES = 7.2  # for the legend
LINE_POINTS = 13  # compute's value stands a line apart from difficulty's
BAND = 0.25  # opacity


@dataclass(frozen=True)
class _Grid:
    """Panels of one figure: a controller and a curve in each, None where a place stays empty."""

    cells: Sequence[Sequence[tuple[str, str] | None]]
    is_wrapped: bool
    """One curve: each panel has its controller as title. Otherwise a row is a controller and a column a curve."""


def draw_paths(paths: pd.DataFrame) -> dict[str, Figure]:
    """Return figures by the names of their files: `paths`, and `paths-2`... where the panels are too many for one.

    `paths`: per curve, controller and time, quantiles of difficulty / ideal (`low`, `median`, `high`), and `compute` /
    its first value.
    """
    curves, controllers = ([str(each) for each in paths[name].unique()] for name in ("curve", "controller"))
    known = {(str(who), str(where)): rows for (where, who), rows in paths.groupby(["curve", "controller"], sort=False)}
    figures = {}
    with house_style():
        for number, grid in enumerate(_lay_out(curves, controllers), start=1):
            figures["paths" if number == 1 else f"paths-{number}"] = _draw(grid, known)
    return figures


def _lay_out(curves: Sequence[str], controllers: Sequence[str]) -> Iterator[_Grid]:
    if len(curves) == 1:
        n_columns = math.ceil(len(controllers) / math.ceil(len(controllers) / WRAPPED_COLUMNS))
        places = [*((each, curves[0]) for each in controllers), *[None] * (-len(controllers) % n_columns)]
        rows = [places[start : start + n_columns] for start in range(0, len(places), n_columns)]
        yield from (_Grid(rows[start : start + MOST_ROWS], True) for start in range(0, len(rows), MOST_ROWS))
        return
    for top in range(0, len(controllers), MOST_ROWS):
        for left in range(0, len(curves), MOST_COLUMNS):
            columns = curves[left : left + MOST_COLUMNS]
            yield _Grid([[(who, where) for where in columns] for who in controllers[top : top + MOST_ROWS]], False)


def _draw(grid: _Grid, known: dict[tuple[str, str], pd.DataFrame]) -> Figure:
    figure, panels = _open_figure(grid)
    longest = max(rows["time_seconds"].max() for rows in known.values())
    is_long = longest > 2 * DAY_SECONDS
    unit, unit_seconds = ("time (d)", DAY_SECONDS) if is_long else ("time (h)", HOUR_SECONDS)
    for column in panels[0]:
        column.set_xlim(0.0, longest / unit_seconds)
    for row, cells in zip(panels, grid.cells, strict=True):
        for panel, cell in zip(row, cells, strict=True):
            if cell is None or cell not in known:
                panel.set_visible(False)
                continue
            _draw_panel(panel, known[cell], unit_seconds)
            if grid.is_wrapped:
                panel.set_title(cell[0], fontsize=9)
    for column in panels.T:
        for lowest in [panel for panel in column if panel.get_visible()][-1:]:
            lowest.tick_params(labelbottom=True)
            lowest.set_xlabel(unit, fontsize=8)
    if not grid.is_wrapped:
        _name_rows_and_columns(panels, grid)
    _write_legend(figure)
    return figure


def _open_figure(grid: _Grid) -> tuple[Figure, np.ndarray]:
    """Return a figure with room for all names, and its panels, (rows, columns)."""
    n_rows, n_columns = len(grid.cells), len(grid.cells[0])
    width, height = LARGE_INCHES if grid.is_wrapped else PANEL_INCHES
    names = [] if grid.is_wrapped else [part for row in grid.cells if row[0] for part in row[0][0].split(" ")]
    left = TICKS_INCHES + LETTER_INCHES * max(map(len, names), default=0)
    gap = GAP_INCHES + (0.3 if grid.is_wrapped else 0.0)
    size = (
        max(NARROWEST_INCHES, left + n_columns * (width + GAP_INCHES)),
        TITLE_INCHES + n_rows * (height + gap) + FOOT_INCHES,
    )
    figure = Figure(figsize=size)
    panels = figure.subplots(n_rows, n_columns, squeeze=False, sharey=True, sharex="col")
    figure.subplots_adjust(
        left=left / size[0],
        right=1.0 - GAP_INCHES / size[0],
        top=1.0 - TITLE_INCHES / size[1],
        bottom=(FOOT_INCHES) / size[1],
        wspace=GAP_INCHES / width,
        hspace=gap / height,
    )
    for panel in panels.flat:  # axes that look at each other for every line drawn take longer than the lines
        panel.set_autoscale_on(False)
    panels[0, 0].set_ylim(-MOST_DOUBLINGS, MOST_DOUBLINGS)
    panels[0, 0].set_yticks(list(TICKS), list(TICKS.values()))
    return figure, panels


def _draw_panel(panel: Axes, rows: pd.DataFrame, unit_seconds: float) -> None:
    """The median with the band of 80 % of the races; compute in grey; what lies beyond the axis, at its edge."""
    x = rows["time_seconds"].to_numpy() / unit_seconds
    with np.errstate(divide="ignore"):  # compute may be 0 for a while
        low, median, high, compute = (np.log2(rows[name].to_numpy()) for name in ("low", "median", "high", "compute"))
    panel.plot(x, compute, color=GREY, alpha=0.5, linewidth=2)
    panel.fill_between(x, low, high, color=BLUE, alpha=BAND, linewidth=0)
    panel.plot(x, median, color=BLUE, linewidth=1.1)
    panel.tick_params(labelsize=8)
    _mark_outside(panel, x, compute, GREY)
    _mark_outside(panel, x, median, RED)
    known = np.flatnonzero(np.isfinite(median))
    if known.size and known[-1] < len(x) - 1:
        last = known[-1]
        panel.plot(
            x[last],
            np.clip(median[last], -MOST_DOUBLINGS, MOST_DOUBLINGS),
            "|",
            color=BLUE,
            markersize=9,
            markeredgewidth=1.6,
        )


def _mark_outside(panel: Axes, x: Floats, values: Floats, colour: str) -> None:
    """Draw a bar along the edge while values (log2) lie beyond it, and write the most extreme one beside it."""
    top = MOST_DOUBLINGS
    for edge, is_out, pick, sign in ((top, values > top, np.nanargmax, -1), (-top, values < -top, np.nanargmin, 1)):
        if not is_out.any():
            continue
        panel.plot(x, np.where(is_out, edge, np.nan), color=colour, linewidth=5, solid_capstyle="butt")
        most = int(pick(values))
        furthest = 2.0 ** values[most]
        right = x[most] > (x[0] + x[-1]) / 2
        panel.annotate(
            f"{furthest:.0f}" if furthest >= 10.0 else f"{furthest:.2g}",
            (x[most], edge),
            xytext=(-3 if right else 3, (LINE_POINTS if colour == GREY else 4) * sign),
            textcoords="offset points",
            ha="right" if right else "left",
            va="bottom" if sign > 0 else "top",
            color=colour,
            fontsize=8,
        )


def _name_rows_and_columns(panels: np.ndarray, grid: _Grid) -> None:
    for panel, (who, _) in zip(panels[:, 0], filter(None, (row[0] for row in grid.cells)), strict=True):
        lines = who.split(" ")
        size = 9 if len(lines) <= MOST_LINES else 9 * MOST_LINES / len(lines)
        panel.set_ylabel("\n".join(lines), rotation=0, ha="right", va="center", fontsize=size)
    for panel, (_, where) in zip(panels[0], filter(None, grid.cells[0]), strict=True):
        panel.set_title(where.replace(" ", "\n"), fontsize=9)


def _write_legend(figure: Figure) -> None:
    handles = [
        Line2D([], [], color=BLUE, linewidth=1.1, label="difficulty / ideal, median"),
        Patch(color=BLUE, alpha=BAND, linewidth=0, label="80 % of the races"),
        Line2D([], [], color=GREY, alpha=0.5, linewidth=2, label="compute / its first value"),
        Line2D([], [], color=RED, linewidth=5, label="beyond the axis, with the furthest value"),
        Line2D([], [], color=BLUE, marker="|", linestyle="", markersize=9, label="half of the races have ended"),
    ]
    figure.legend(handles=handles, loc="lower center", ncols=3, fontsize=8)
