"""The chain's pace: height over time, and the time between blocks, with faults behind them."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from sim.figures.style import BLUE, GREEN, GREY, ORANGE, RED, house_style
from sim.results import Result

SHADES = {
    "partition": RED,
    "crash": GREY,
    "churn": GREEN,
    "latency": ORANGE,
    "loss": "#8d5a97",
    "bandwidth": "#c9a227",
    "api": "#5fa8d3",
}


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
        lower.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        lower.yaxis.set_minor_locator(NullLocator())
        lower.set_title("Time between blocks")
        lower.set_xlabel("simulated time (min)")
        lower.set_ylabel("seconds since the block before")
        lower.legend()
        for axes in (upper, lower):
            _shade_faults(axes, result)
        if result.frames["faults"]["start_seconds"].notna().any():
            upper.legend()
    return figure


def _shade_faults(axes: Axes, result: Result) -> None:
    """Shade the time from the beginning to the end of every fault that happened; each kind is labelled once."""
    faults = result.frames["faults"].dropna(subset="start_seconds")
    last = result.frames["blocks"]["time_seconds"].max()
    for kind, rows in faults.groupby("kind", sort=False):
        spans = zip(rows["start_seconds"], rows["end_seconds"].fillna(last).clip(upper=last), strict=True)
        for number, (start, end) in enumerate(spans):
            label = "" if number else str(kind)
            axes.axvspan(start / 60, end / 60, color=SHADES.get(kind, GREY), alpha=0.25, lw=0, label=label)
