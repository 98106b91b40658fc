"""One look for all figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sim.process import ALONE

BLUE, ORANGE, GREEN, RED, GREY = "#2a6f97", "#e07a2f", "#4c956c", "#b5323e", "#6c757d"
DARK = "#333333"
PALETTE = (BLUE, ORANGE, GREEN, "#8d5a97", "#c9a227", "#5fa8d3", "#7a5c43", GREY)  # red is kept for failures
SIZE_INCHES = (7.2, 4.0)


@contextmanager
def house_style() -> Iterator[None]:
    """Quiet axes, text kept as text in SVG, ids that do not change between runs."""
    settings: dict[Any, Any] = {
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#e5e5e5",
        "axes.axisbelow": True,
        "axes.titlelocation": "left",
        "axes.titlesize": 11,
        "legend.frameon": False,
        "figure.dpi": 110,
        "svg.fonttype": "none",
        "svg.hashsalt": "powsim",
    }
    with ALONE, mpl.rc_context(settings):
        yield


def new_figure(title: str, xlabel: str, ylabel: str) -> tuple[Figure, Axes]:
    """Return a figure that no global state knows (it needs no closing)."""
    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    return figure, axes


def use_epoch_axis(axes: Axes) -> None:
    """Epochs are integers: no ticks between them."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def draw_steps(axes: Axes, epochs: Sequence[int], values: Sequence[float], color: str, label: str = "") -> None:
    """Draw a value that holds during each epoch, from half an epoch before to half an epoch after."""
    edges = [*(epoch - 0.5 for epoch in epochs), *(epoch + 0.5 for epoch in epochs[-1:])]
    axes.stairs(values, edges, baseline=None, color=color, label=label, linewidth=1.5)
