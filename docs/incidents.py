"""What happened to the network, as pairs of scenarios: the harm, and the same run repaired (docs/incidents.md).

`.venv/bin/python docs/incidents.py [NAME ...]` prints the effects; `docs/refresh.py incidents` puts tables and figures
into the page. An incident is two files in scenarios/incidents that differ in `protocol`, and a row of `INCIDENTS`: a
function that reads one curve from a run, and the part of the curve that measures the harm. Both files run with the same
seeds, so that the effect is a mean of differences.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import incident_readings as read
import pandas as pd
from incident_kind import Incident, Twins
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from tables import write_table

import sim
from sim.figures.style import BLUE, GREY, ORANGE, house_style, use_epoch_axis
from sim.metrics.intervals import ConfidenceInterval, compute_paired_interval

FOLDER = Path(__file__).resolve().parent.parent / "scenarios" / "incidents"
COLUMNS = ["quantity", "as it was", "repaired", "difference, 95 % interval", "published"]

INCIDENTS = {
    "short-validation": Incident("honest claims accepted (%)", read.read_accepted, at=(1,)),
    "member-page": Incident("pay per weight of members beyond the page (% of the others')", read.read_page, at=(1, 2)),
    "overlapping-ranges": Incident("counted nonces per hundred different ones", read.read_counted_twice, at=(3, 4)),
    "unscaled-r-target": Incident(
        "weight of a tried nonce (% of that before)",
        read.read_weight_of_work,
        at=(4, 5),
        published=(100 / 2.536, 250 / 2.536),
    ),
    "rented-hardware": Incident(
        "pay per weight of a rented host (% of an owner's)", partial(read.read_pay, who="tenant", others="owner")
    ),
    "unproven-weight": Incident("weight without proof (%)", read.read_unproven, at=(3, 4, 5), published=(40, None)),
    "slot-hogging": Incident("preserved ML nodes that were preserved before (%)", read.read_kept_slots),
    "alphabetical-slots": Incident("epochs preserved, of 6 and two ML nodes (%)", read.read_slots, at=("abel-0",)),
    "hardware-added-late": Incident(
        "late claims accepted (%)", partial(read.read_accepted, group="late"), at=(2, 3, 4)
    ),
    "weight-jump": Incident("the tenant's votes on blocks (%)", partial(read.read_votes, who="tenant"), at=(3,)),
    "cap-collapse": Incident(
        "weight that the cap leaves (%)", read.read_capped, at=(2,), published=(0, 100 * 61_190 / 81_702)
    ),
    "empty-confirmation": Incident(
        "pay per weight of the silent host (% of the honest)",
        partial(read.read_pay, who="silent", others="honest"),
        published=(100, None),
    ),
}


def run_twins(name: str) -> Twins:
    """Run both files of an incident with its seeds, and read their curves."""
    incident = INCIDENTS[name]
    curves = {
        file: pd.DataFrame(
            {seed: incident.trace(sim.run(FOLDER / f"{file}.yaml", seed=seed)) for seed in incident.seeds}
        )
        for file in (name, f"{name}-fixed")
    }
    return Twins(curves[name], curves[f"{name}-fixed"])


def compute_effect(name: str, twins: Twins) -> ConfidenceInterval:
    """Return what the repair changes: the mean difference over seeds, repaired - as it was, with its interval."""
    incident = INCIDENTS[name]
    return compute_paired_interval(incident.measure(twins.harmed), incident.measure(twins.fixed))


def draw(name: str, twins: Twins) -> Figure:
    """Draw both curves: lines over epochs, or bars over names; a band or a bar's line spans all seeds."""
    incident = INCIDENTS[name]
    with house_style():
        figure = Figure(figsize=(5.6, 2.9), layout="constrained")
        axes = figure.subplots()
        is_named = pd.api.types.is_string_dtype(twins.harmed.index)
        for place, (label, color, curves) in enumerate(
            (("as it was", ORANGE, twins.harmed), ("repaired", BLUE, twins.fixed))
        ):
            (_draw_bars if is_named else _draw_lines)(axes, curves, place, color, label)
        for value, color in zip(incident.published, (ORANGE, BLUE), strict=True):
            if value is not None:
                axes.axhline(value, color=color, linewidth=1.0, linestyle=":")
        if any(value is not None for value in incident.published):
            axes.plot([], [], color=GREY, linewidth=1.0, linestyle=":", label="published")
        axes.set_title(incident.label, fontsize=10)
        axes.set_ylim(0, None)
        figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    return figure


def _draw_lines(axes: Axes, curves: pd.DataFrame, place: int, color: str, label: str) -> None:
    axes.plot(curves.index, curves.mean(axis=1), color=color, marker="os"[place], markersize=4, label=label)
    axes.fill_between(curves.index, curves.min(axis=1), curves.max(axis=1), color=color, alpha=0.15, linewidth=0)
    axes.set_xlabel("epoch")
    use_epoch_axis(axes)


def _draw_bars(axes: Axes, curves: pd.DataFrame, place: int, color: str, label: str) -> None:
    mean = curves.mean(axis=1)
    errors = [mean - curves.min(axis=1), curves.max(axis=1) - mean]
    spots = [spot + 0.4 * place - 0.2 for spot in range(len(mean))]
    axes.bar(spots, mean, 0.38, color=color, label=label, yerr=errors, error_kw={"linewidth": 0.8, "ecolor": GREY})
    axes.set_xticks(range(len(mean)), list(mean.index), fontsize=8)
    axes.grid(visible=False, axis="x")


def write_effect(name: str, twins: Twins) -> str:
    """Return the effect of a repair as a table of the page."""
    incident, effect = INCIDENTS[name], compute_effect(name, twins)
    harmed, fixed = (incident.measure(curves).mean() for curves in (twins.harmed, twins.fixed))
    difference = f"{effect.estimate:+.3g} ({effect.low:+.3g} to {effect.high:+.3g})"
    row = [incident.label, f"{harmed:.3g}", f"{fixed:.3g}", difference, incident.write_published()]
    return write_table(COLUMNS, [row])


def write_incidents(images: Path) -> Iterator[tuple[str, str]]:
    """Draw every incident into a folder of images; yield each with its table."""
    for name in INCIDENTS:
        twins = run_twins(name)
        draw(name, twins).savefig(images / f"incident_{name.replace('-', '_')}.png", dpi=110)
        yield name, write_effect(name, twins)


if __name__ == "__main__":
    for asked in sys.argv[1:] or INCIDENTS:
        print(f"{asked}\n\n{write_effect(asked, run_twins(asked))}\n")
