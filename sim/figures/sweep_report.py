"""The figures that a sweep's folder gets by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from sim.figures.sweep_plots import get_axes, is_number, plot_heat_map, plot_measure

HEADLINES = (
    *("success_rate", "accepted_nonces_mean", "difficulty_last", "controller_error", "cheater_accepted_share"),
    *("honest_rejected_share", "votes_out_of_time_share", "weight_gini", "gossip_delay_median_seconds"),
)


def write_sweep_figures(summary: pd.DataFrame, folder: Path, *, measures: Iterable[str] = HEADLINES) -> list[Path]:
    """Write PNG files into `folder`/figures and return them: each measure that differs between points.

    One axis: its band. Two axes: a line per value of the second one, and a heat map. More: points against each axis.
    """
    wanted = [measure for measure in measures if _differs(summary, measure)]
    target = folder / "figures"
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for measure in wanted:
        for name, figure in _draw(summary, measure):
            written.append(target / f"{name}.png")
            figure.savefig(written[-1], dpi=150)
    return written


def _differs(summary: pd.DataFrame, measure: str) -> bool:
    return bool(summary.loc[summary["measure"] == measure, "estimate"].nunique() > 1)


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
