"""What the figures of the questions share, see `questions`."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure


def put_legend(figure: Figure, axes: Axes, n_columns: int) -> None:
    """Put the legend of a panel below the figure."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=n_columns, fontsize=9)
