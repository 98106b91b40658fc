"""What closes the gap between simulated and measured propagation: a table and a figure for docs/is_it_true.md.

`.venv/bin/python docs/propagation.py` prints the table in a minute; `docs/refresh.py propagation` puts table and figure
into the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator
from tables import write_table

from sim.figures.style import BLUE, GREY, ORANGE, house_style
from sim.theory.propagation import (
    BLOCK,
    PERCENTILES,
    TRANSACTION,
    Percentiles,
    PropagationConditions,
    compute_measured,
    compute_percentiles,
    load_measured_days,
)

N_HOSTS, N_MESSAGES = 400, 40
SLOW = 2.0  # log-normal sigma: every sixth uplink has less than a seventh of its region's rate
STEPS: Mapping[str, Mapping[str, PropagationConditions]] = {
    "block": {
        "500 kB, sent at once, not checked": replace(BLOCK, is_announced=False, hop_validation_seconds=0.0),
        "announced first": replace(BLOCK, hop_validation_seconds=0.0),
        "and checked for 0.25 s a hop: rows of `powsim theory`": BLOCK,
        "these rows, checked for 1 s a hop": replace(BLOCK, hop_validation_seconds=1.0),
        "these rows with 250 kB": replace(BLOCK, size_bytes=250_000),
        "and uplinks that differ, σ = 1": replace(BLOCK, size_bytes=250_000, upload_spread=1.0),
        "and uplinks that differ, σ = 2": replace(BLOCK, size_bytes=250_000, upload_spread=SLOW),
    },
    "tx": {
        "400 B, sent at once, not checked": replace(TRANSACTION, is_announced=False, hop_validation_seconds=0.0),
        "announced first, checked for 5 ms a hop: rows of `powsim theory`": TRANSACTION,
        "held back for 0.1 s a hop": replace(TRANSACTION, hop_validation_seconds=0.1),
        "and uplinks that differ, σ = 2": replace(TRANSACTION, hop_validation_seconds=0.1, upload_spread=SLOW),
    },
}
DRAWN = {"block": ("and uplinks that differ, σ = 2", BLOCK), "tx": ("held back for 0.1 s a hop", TRANSACTION)}
NAMES = {"block": "block", "tx": "transaction"}


def compute_steps() -> dict[str, dict[str, Percentiles]]:
    """Return the percentiles of every step, by kind and name."""
    return {
        kind: {name: compute_percentiles(step, n_hosts=N_HOSTS, n_messages=N_MESSAGES) for name, step in steps.items()}
        for kind, steps in STEPS.items()
    }


def write_steps(found: Mapping[str, Mapping[str, Percentiles]]) -> str:
    """Return the table: seconds at every percentile, in brackets the ratio to the measured one."""
    rows = [row for kind, steps in found.items() for row in _write_kind(kind, steps)]
    return write_table(["", *(f"p{percentile} (s)" for percentile in PERCENTILES)], rows)


def _write_kind(kind: str, steps: Mapping[str, Percentiles]) -> Iterator[list[str]]:
    for day in load_measured_days():
        if day.kind == kind:
            yield [f"**{NAMES[kind]}s measured on {day.date}**", *(f"{seconds:.2f}" for seconds in day.seconds)]
    measured = compute_measured(kind)
    for name, ours in steps.items():
        yield [name, *(f"{a:.2f} ({a / b:.2f})" for a, b in zip(ours, measured, strict=True))]


def plot_steps(found: Mapping[str, Mapping[str, Percentiles]]) -> Figure:
    """Delay at every percentile, measured and ours, blocks beside transactions."""
    with house_style():
        figure = Figure(figsize=(7.2, 3.9), layout="constrained")
        figure.suptitle("Slow uplinks explain the long tail of blocks; that of transactions stays open", size=11)
        panels = figure.subplots(1, 2, sharey=True)
        for axes, (kind, steps) in zip(panels, found.items(), strict=True):
            _plot_kind(axes, kind, steps)
        panels[0].set_ylabel("share of the hosts reached (%)")
    return figure


def _plot_kind(axes: Axes, kind: str, steps: Mapping[str, Percentiles]) -> None:
    axes.set_title(f"{NAMES[kind]}s")
    best, base = DRAWN[kind]
    days = [day.seconds for day in load_measured_days() if day.kind == kind]
    for day, label in zip(days, ("measured, two days of 2014", None), strict=True):
        axes.plot(day, PERCENTILES, "o--", color=GREY, label=label)
    rows_above = next(name for name, step in STEPS[kind].items() if step == base)
    axes.plot(steps[rows_above], PERCENTILES, "o-", color=BLUE, label="ours, the rows of powsim theory")
    label = "ours, 250 kB and slow uplinks" if kind == "block" else "ours, held back 0.1 s a hop"
    axes.plot(steps[best], PERCENTILES, "o-", color=ORANGE, label=label)
    ticks = (2, 5, 10, 20, 50) if kind == "block" else (0.2, 0.5, 1, 2, 5)
    axes.set_xscale("log")
    axes.set_xlim(ticks[0], ticks[-1] * 1.1)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_major_locator(FixedLocator(PERCENTILES))
    axes.set_ylim(45, 97)
    axes.set_xlabel("delay (s)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize=9)


def write_all(figure: Path) -> str:
    """Draw the figure into the file; return the table."""
    found = compute_steps()
    plot_steps(found).savefig(figure, dpi=150)
    return write_steps(found)


if __name__ == "__main__":
    print(write_steps(compute_steps()))
