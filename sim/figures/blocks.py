"""The chain's pace: height over time, and the time between blocks, with faults behind them."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from sim.figures.style import BLUE, GREEN, GREY, ORANGE, RED, house_style
from sim.results import Result

SHADES = {"partition": RED, "crash": GREY, "churn": GREEN, "latency": ORANGE, "loss": "#8d5a97", "bandwidth": "#c9a227"}


def plot_blocks(result: Result) -> Figure:
    """Height over time above, time between blocks below; blocks that took more than one round are marked."""
    blocks = result.frames["blocks"]
    minutes = blocks["time_seconds"].to_numpy() / 60
    intervals = np.diff(blocks["time_seconds"], prepend=0.0)
    later = blocks["round"].to_numpy() > 0
    with house_style():
        figure = Figure(figsize=(7.2, 5.2), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True)
        upper.step(minutes, blocks["height"], where="post", color=BLUE)
        upper.set_title("The chain's height")
        upper.set_ylabel("blocks agreed")
        lower.plot(minutes[~later], intervals[~later], ".", ms=3, color=BLUE, label="agreed in the first round")
        if later.any():
            lower.plot(minutes[later], intervals[later], "x", ms=5, color=ORANGE, label="in a later round")
        lower.set_yscale("log")
        lower.yaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds:g}"))
        lower.yaxis.set_minor_formatter(FuncFormatter(lambda seconds, _: f"{seconds:g}"))
        lower.set_title("Time between blocks")
        lower.set_xlabel("simulated time (min)")
        lower.set_ylabel("seconds since the block before")
        for axes in (upper, lower):
            _shade_faults(axes, result, is_named=axes is upper)
        lower.legend()
    return figure


def _shade_faults(axes: Axes, result: Result, *, is_named: bool) -> None:
    """Grey spans from the beginning to the end of every fault that happened; a legend names their kinds."""
    faults = result.frames["faults"].dropna(subset="start_seconds")
    end = result.frames["blocks"]["time_seconds"].max()
    for kind, rows in faults.groupby("kind", sort=False):
        for number, row in enumerate(rows.itertuples()):
            span = (row.start_seconds / 60, min(np.nan_to_num(row.end_seconds, nan=end), end) / 60)
            axes.axvspan(*span, color=SHADES.get(kind, GREY), alpha=0.25, lw=0, label="" if number else kind)
    if is_named and len(faults):
        axes.legend()
