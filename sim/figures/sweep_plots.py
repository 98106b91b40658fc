"""Figures of a sweep, from the tables that `sim.studies.compare` makes: estimates with intervals -> matplotlib."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from sim.errors import UserError, did_you_mean
from sim.figures.style import BLUE, GREY, PALETTE, house_style, new_figure

MOST_LABELLED_CELLS = 120
LOGARITHMIC_FROM = 50  # an axis whose largest value is so many times its smallest is drawn logarithmically


def plot_measure(
    summary: pd.DataFrame, measure: str, axis: str, *, by: str | None = None, where: Mapping[str, Any] | None = None
) -> Figure:
    """A measure against one axis with the bands of its intervals, a line per value of a second axis.

    `summary` comes from `summarise_sweep`; `where` keeps points with the given values of other axes. Points of which
    a further axis varies are not joined by a line. Raises `UserError` where a name is unknown.
    """
    rows = _choose(summary, measure, [axis, *([by] if by else [])], where)
    varying = _find_varying(rows, axis, by)
    is_joined = is_number(rows[axis]) and not varying
    with house_style():
        figure, axes = new_figure(_make_title(rows, measure, where, varying), axis, measure + _get_unit(rows))
        positions = _place(axes, rows[axis])
        groups = [("", rows)] if by is None else [(str(value), part) for value, part in rows.groupby(by, sort=False)]
        for colour, (name, part) in zip(itertools.cycle(PALETTE), groups, strict=False):
            x = part[axis].map(positions).to_numpy(dtype=np.float64)
            _draw_band(axes, x, part, colour, name, is_joined=is_joined)
        if by is not None:
            axes.legend(title=by)
        axes.margins(y=0.1)
    return figure


def plot_heat_map(
    summary: pd.DataFrame, measure: str, x: str, y: str, *, where: Mapping[str, Any] | None = None
) -> Figure:
    """A measure over two axes as coloured cells, each with its estimate and half width.

    Cells that no point fills stay empty. Raises `UserError` where a name is unknown or two points fall into one cell.
    """
    rows = _choose(summary, measure, [x, y], where)
    if rows.duplicated([x, y]).any():
        raise UserError(f"several points have the same {x} and {y}: keep some of them with where=")
    columns, lines = _sort_values(rows[x]), _sort_values(rows[y])
    cells = np.full((len(lines), len(columns)), np.nan)
    for row in rows.to_dict("records"):
        cells[lines.index(row[y]), columns.index(row[x])] = row["estimate"]
    with house_style():
        figure, axes = new_figure(_make_title(rows, measure, where), x, y)
        image = axes.imshow(cells, cmap="cividis", aspect="auto", origin="lower")
        axes.set_xticks(range(len(columns)), [_format(value).replace(" ", "\n") for value in columns])
        axes.set_yticks(range(len(lines)), [_format(value) for value in lines])
        axes.grid(visible=False)
        figure.colorbar(image, ax=axes, label=measure + _get_unit(rows))
        if cells.size <= MOST_LABELLED_CELLS:
            middle = (np.nanmin(cells) + np.nanmax(cells)) / 2
            for row in rows.to_dict("records"):
                is_dark = row["estimate"] < middle
                _label_cell(axes, columns.index(row[x]), lines.index(row[y]), row, is_dark=is_dark)
    return figure


def plot_differences(comparison: pd.DataFrame, measure: str, *, where: Mapping[str, Any] | None = None) -> Figure:
    """Paired differences of one measure as a forest: a line per point, grey where the interval includes 0.

    `comparison` comes from `compare` or `compare_points`.
    """
    rows = _choose(comparison, measure, [], where)
    names = [axis for axis in get_axes(rows) if rows[axis].nunique() > 1] or get_axes(rows)
    labels = [_tell(row, names) or measure for row in rows.to_dict("records")]
    positions = np.arange(len(rows))[::-1]
    with house_style():
        figure, axes = new_figure(
            f"Paired differences of {measure}, {100 * rows['level'].iloc[0]:.4g} % interval",
            f"difference{_get_unit(rows)}",
            "",
        )
        figure.set_size_inches(7.2, max(1.8, 1.2 + 0.3 * len(rows)))
        axes.axvline(0, color=GREY, linewidth=1)
        for position, row in zip(positions, rows.to_dict("records"), strict=True):
            colour = BLUE if row["resolved"] else GREY
            if np.isfinite(row["low"]) and np.isfinite(row["high"]):
                axes.plot([row["low"], row["high"]], [position, position], color=colour, linewidth=2)
            axes.plot(row["difference"], position, "o", color=colour, fillstyle="full" if row["resolved"] else "none")
        axes.set_yticks(positions, labels)
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.grid(axis="y", visible=False)
    return figure


def _choose(frame: pd.DataFrame, measure: str, names: Sequence[str], where: Mapping[str, Any] | None) -> pd.DataFrame:
    """Rows of one measure that has a value, with the wanted values of the axes; the names are checked."""
    known = get_axes(frame)
    for name in (*names, *(where or {})):
        if name not in known:
            raise UserError(f'unknown axis "{name}".{did_you_mean(name, known)}')
    rows = frame[frame["measure"] == measure]
    if rows.empty:
        raise UserError(f'unknown measure "{measure}".{did_you_mean(measure, frame["measure"].unique())}')
    for name, value in (where or {}).items():
        rows = rows[rows[name] == value]
    value = "estimate" if "estimate" in rows else "difference"
    rows = rows[rows[value].notna()]
    if rows.empty:
        raise UserError(f"{measure} has no value {'at the chosen points' if where else 'at any point'}")
    return rows


def get_axes(frame: pd.DataFrame) -> list[str]:
    """Return the axes of a summary or a comparison: its columns before `measure`, without the point's number."""
    columns = [str(column) for column in frame.columns]
    return [column for column in columns[: columns.index("measure")] if column != "point"]


def _find_varying(rows: pd.DataFrame, axis: str, by: str | None) -> list[str]:
    return [name for name in get_axes(rows) if name not in (axis, by) and rows[name].nunique() > 1]


def is_number(values: pd.Series) -> bool:
    """Whether an axis has numbers, which have an order and distances."""
    return bool(pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values))


def _place(axes: Axes, values: pd.Series) -> dict[Any, float]:
    """Position of each value: the number itself, or for other values the place in the order of appearance."""
    found = _sort_values(values)
    if not is_number(values):
        axes.set_xticks(range(len(found)), [str(value).replace(" ", "\n") for value in found])
        axes.margins(x=0.1)
        return {value: float(number) for number, value in enumerate(found)}
    if found[0] > 0 and found[-1] >= LOGARITHMIC_FROM * found[0]:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _format(value)))
        if len(found) <= 8:
            axes.set_xticks(found)
            axes.xaxis.set_minor_locator(NullLocator())
    elif pd.api.types.is_integer_dtype(values):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return {value: float(value) for value in found}


def _draw_band(axes: Axes, x: Any, part: pd.DataFrame, colour: str, name: str, *, is_joined: bool) -> None:
    """Draw a line with its band, or points with bars where neighbours are no steps of one axis."""
    order = np.argsort(x, kind="stable")
    x, estimate = x[order], part["estimate"].to_numpy()[order]
    low, high = (part[end].to_numpy(dtype=np.float64)[order] for end in ("low", "high"))
    known = np.isfinite(low) & np.isfinite(high)
    if is_joined:
        axes.plot(x, estimate, "o-", color=colour, label=name, markersize=4)
        axes.fill_between(x, low, high, where=known, color=colour, alpha=0.18, linewidth=0)
    else:
        axes.plot(x, estimate, "o", color=colour, label=name, markersize=4)
    axes.vlines(x[known], low[known], high[known], color=colour, linewidth=1, alpha=0.8)


def _label_cell(axes: Axes, column: int, line: int, row: Mapping[str, Any], *, is_dark: bool) -> None:
    half = (row["high"] - row["low"]) / 2
    text = f"{row['estimate']:.3g}" + (f"\n± {half:.2g}" if np.isfinite(half) else "")
    axes.text(column, line, text, ha="center", va="center", fontsize=8, color="white" if is_dark else "black")


def _make_title(rows: pd.DataFrame, measure: str, where: Mapping[str, Any] | None, varying: Sequence[str] = ()) -> str:
    """Name the measure, the runs behind a point, the axes that are fixed and those that vary besides."""
    fewest, most, level = int(rows["n"].min()), int(rows["n"].max()), 100 * rows["level"].iloc[0]
    runs = f"{fewest} to {most}" if fewest < most else f"{most}"
    kept = "".join(f", {name} = {_format(value)}" for name, value in (where or {}).items())
    also = f"\n(the points differ in {', '.join(varying)} as well)" if varying else ""
    return f"{measure}: mean of {runs} runs, {level:.4g} % interval{kept}{also}"


def _get_unit(rows: pd.DataFrame) -> str:
    unit = rows["unit"].iloc[0]
    return f" ({unit})" if unit else ""


def _tell(row: Mapping[Any, Any], names: Sequence[str]) -> str:
    return ", ".join(f"{name.rpartition('.')[2]} = {_format(row[name])}" for name in names)


def _sort_values(values: pd.Series) -> list[Any]:
    """Different values: numbers in their order, others as they appear."""
    found = list(dict.fromkeys(values.tolist()))
    return sorted(found) if all(isinstance(value, int | float) for value in found) else found


def _format(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
