"""One look for all figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from sim.errors import UserError
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


def check_figure_file(figure: Path) -> Path:
    """Return the place that a user chose for a figure; raises UserError for one in which no figure can be written."""
    from matplotlib.backend_bases import FigureCanvasBase

    known = sorted(FigureCanvasBase.get_supported_filetypes())
    if figure.suffix[1:].lower() not in known:
        raise UserError(f"--figure {figure}: its name must end with one of: {', '.join(known)}")
    if not figure.parent.is_dir():
        raise UserError(f"--figure {figure}: there is no folder {figure.parent}")
    return figure


def save_figure(figure: Figure, target: Any, **options: Any) -> None:
    """Save a figure in whose names a `$` is a dollar, not the begin of a formula, which may even be a broken one.

    Only axes on a logarithmic scale write their numbers as formulas. `target` and options are those of `savefig`.
    """
    for text in _find_names(figure):
        text.set_parse_math(False)
    figure.savefig(target, **options)


def _find_names(figure: Figure) -> Iterator[Text]:
    formulas = set[Any]()
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        if axis.get_scale() == "log":
            formulas.update(axis.get_ticklabels(which="both"))
        else:
            yield from axis.get_ticklabels(which="both")
    yield from (text for text in figure.findobj(Text) if text not in formulas)


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
