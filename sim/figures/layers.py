"""The figure of `powsim kernel layers`: cost and saving of skipped layers."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pow.layers import SkippedLayers
from sim.figures.style import BLUE, GREY, ORANGE, house_style, new_figure


def plot_layers(rows: Sequence[SkippedLayers]) -> Figure:
    """Share of the valid nonces that a host claims against the layers that it computes, beside its operations."""
    with house_style():
        figure, axes = new_figure("A host that skips layers", "layers computed", "share of an honest host's (%)")
        for unit_gains, colour, label in ((False, BLUE, "pool's norm gains"), (True, ORANGE, "norm gains of 1")):
            chosen = [row for row in rows if row.unit_gains is unit_gains]
            shares = [100 * row.claimed_share for row in chosen]
            axes.plot([row.n_layers for row in chosen], shares, "o-", color=colour, label=f"valid nonces, {label}")
        work = {row.n_layers: 100 * row.work for row in rows}
        axes.plot(list(work), list(work.values()), "--", color=GREY, label="operations")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylim(0, 105)
        axes.legend()
    return figure
