"""One epoch's seeds, from the commitment to the claim that reveals them."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from sim.figures.style import BLUE, GREEN, GREY, ORANGE, house_style, new_figure
from sim.results import Result

MOST_HOSTS = 40
FIRST_SECONDS = 1e-3  # a delay of 0 has no place on a logarithmic axis
STEPS = (
    ("known_half_seconds", "half of the others know it", BLUE, "|"),
    ("known_most_seconds", "90 % know it", BLUE, "4"),
    ("known_all_seconds", "all know it", BLUE, "o"),
    ("in_block_seconds", "in a block", ORANGE, "s"),
    ("claimed_seconds", "revealed with its claim", GREEN, "D"),
)


def plot_seeds(result: Result) -> Figure:
    """Draw for each host when its seed of one epoch was known, in a block, and revealed: the last epoch with claims."""
    seeds, blocks = result.frames["seeds"], result.frames["blocks"]
    claimed = seeds[seeds["claim_height"].notna()]
    epoch = (claimed if len(claimed) else seeds)["epoch"].max()
    shown = seeds[seeds["epoch"] == epoch].reset_index(drop=True)
    n_seeds = len(shown)
    shown = (
        shown.iloc[np.unique(np.linspace(0, n_seeds - 1, MOST_HOSTS).astype(int))] if n_seeds > MOST_HOSTS else shown
    )
    times = blocks.set_index("height")["time_seconds"]
    shown = shown.assign(
        in_block_seconds=shown["included_seconds"] - shown["sent_seconds"],
        claimed_seconds=shown["claim_height"].map(times).astype("float64") - shown["sent_seconds"],
    )
    chosen = "" if len(shown) == n_seeds else f", {len(shown)} of {n_seeds} hosts"
    with house_style():
        figure, axes = new_figure(f"The life of a seed: epoch {epoch}{chosen}", "seconds since it was sent", "")
        figure.set_size_inches(7.2, max(3.0, 1.4 + 0.2 * len(shown)))
        places = np.arange(len(shown))
        last = shown[[name for name, *_ in STEPS]].max(axis=1).to_numpy()
        axes.hlines(places, FIRST_SECONDS, last, color=GREY, linewidth=0.6)
        for name, label, colour, marker in STEPS:
            axes.plot(np.maximum(shown[name], FIRST_SECONDS), places, marker, color=colour, label=label, ms=6)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds:g}"))
        axes.set_yticks(places, [f"{row.participant}: {row.fate}" for row in shown.itertuples()], fontsize="small")
        axes.grid(axis="y", visible=False)
        figure.legend(loc="outside lower center", ncols=3, fontsize="small")
    return figure
