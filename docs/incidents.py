"""What happened to the network, as pairs of scenarios: the harm, and the same run repaired (docs/incidents.md).

`.venv/bin/python docs/incidents.py [--once] [NAME ...]` prints effects, with `--once` of one seed; `docs/refresh.py
incidents` puts tables and figures into the page. An incident is two files in scenarios/incidents that differ in
`protocol`, and a row of `INCIDENTS`: a function that reads one curve from a run, and the part of the curve that
measures the harm. Both files run with the same seeds, so that the effect is a mean of differences.
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
from matplotlib.lines import Line2D
from tables import write_table

import sim
from sim.figures.style import BLUE, GREY, ORANGE, house_style, use_epoch_axis
from sim.metrics.intervals import ConfidenceInterval, compute_paired_interval

FOLDER = Path(__file__).resolve().parent.parent / "scenarios" / "incidents"
COLUMNS = ["quantity", "as it was", "repaired", "difference, 95 % interval", "published"]

gain, pay = read.read_gain, read.read_pay
INCIDENTS = {
    "short-validation": Incident("checks and claims (%)", read.read_window, at=(read.ACCEPTED,)),
    "member-page": Incident(
        "pay per weight by place (% of the first 100's)", read.read_page, at=(read.PLACE_NAMES[-1],)
    ),
    "duplicate-nonces": Incident(
        "weight per work of the copier (% of honest)", partial(gain, who="copier", others="honest"), n_seeds=4
    ),
    "overlapping-ranges": Incident(
        "nonces that count, per hundred different ones", read.read_counted_twice, at=(3, 4), n_seeds=4
    ),
    "predictable-sample": Incident(
        "weight per work of the host that knows (% of honest)", partial(gain, who="knows", others="honest"), n_seeds=4
    ),
    "tiny-claims": Incident("members that compute nothing (%)", read.read_idle_members),
    "silenced-validator": Incident("honest claims accepted (%)", partial(read.read_accepted, group="honest")),
    "skipped-layers": Incident(
        "weight per work of the host that skips (% of honest)", partial(gain, who="skips", others="honest"), n_seeds=4
    ),
    "unproven-weight": Incident(
        "weight without proof (%)", read.read_unproven, at=(3, 4, 5), published=(100 * 50 / 124, None), n_seeds=3
    ),
    "slot-hogging": Incident("preserved ML nodes that were preserved before too (%)", read.read_kept_slots, n_seeds=4),
    "alphabetical-slots": Incident(
        "proofs that a machine skips (%)", read.read_slots, at=tuple(f"abel-{number}" for number in range(6))
    ),
    "rented-hardware": Incident(
        "pay per weight of the tenant (% of an owner's)", partial(pay, who="tenant", others="owner")
    ),
    "empty-confirmation": Incident(
        "pay per weight of the silent host (% of honest)",
        partial(pay, who="silent", others="honest"),
        published=(100, None),
    ),
    "unscaled-r-target": Incident(
        "weight of a tried nonce (% of that before)",
        read.read_weight_of_work,
        at=(4, 5),
        published=(100 / 2.536, 250 / 2.536),
        n_seeds=3,
    ),
    "truncated-batches": Incident(
        "weight of a counted nonce (% of 2.5)", read.read_scaled, at=("rate-5",), published=(87.4, None), n_seeds=3
    ),
    "silent-third": Incident("votes and claims (%)", partial(read.read_ballot, epoch=2), at=(read.ACCEPTED,)),
    "hardware-added-late": Incident("late claims accepted (%)", partial(read.read_accepted, group="late"), at=(2, 3)),
    "cap-collapse": Incident(
        "weight that the cap leaves (%)", read.read_capped, at=(2,), published=(0, 100 * 61_190 / 81_702), n_seeds=4
    ),
    "weight-jump": Incident("the tenant's votes on blocks (%)", partial(read.read_votes, who="tenant"), at=(3,)),
}
"""By the name of their first file, in the order of the network's history."""


def run_twins(name: str, n_seeds: int | None = None) -> Twins:
    """Run both files of an incident with its seeds, or with the first few, and read their curves."""
    seeds = range(1, (n_seeds or INCIDENTS[name].n_seeds) + 1)
    return Twins(*(_run(name, FOLDER / f"{file}.yaml", seeds) for file in (name, f"{name}-fixed")))


def _run(name: str, file: Path, seeds: range) -> pd.DataFrame:
    return pd.DataFrame({seed: INCIDENTS[name].trace(sim.run(file, seed=seed)) for seed in seeds})


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
        handles, labels = axes.get_legend_handles_labels()
        if any(value is not None for value in incident.published):
            handles, labels = [*handles, Line2D([], [], color=GREY, linestyle=":")], [*labels, "published"]
        axes.set_title(incident.label, fontsize=10)
        axes.set_ylim(0, None)
        figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=9)
    return figure


def _draw_lines(axes: Axes, curves: pd.DataFrame, place: int, color: str, label: str) -> None:
    axes.plot(
        curves.index, curves.mean(axis=1), color=color, marker="os"[place], markersize=4, label=label, clip_on=False
    )
    axes.fill_between(curves.index, curves.min(axis=1), curves.max(axis=1), color=color, alpha=0.15, linewidth=0)
    axes.set_xlabel("epoch")
    use_epoch_axis(axes)


def _draw_bars(axes: Axes, curves: pd.DataFrame, place: int, color: str, label: str) -> None:
    mean = curves.mean(axis=1)
    errors = [(mean - curves.min(axis=1)).clip(lower=0), (curves.max(axis=1) - mean).clip(lower=0)]
    spots = [spot + 0.4 * place - 0.2 for spot in range(len(mean))]
    axes.bar(spots, mean, 0.38, color=color, label=label, yerr=errors, error_kw={"linewidth": 0.8, "ecolor": GREY})
    axes.set_xticks(range(len(mean)), list(mean.index), fontsize=8)
    axes.grid(visible=False, axis="x")


def write_effect(name: str, twins: Twins) -> str:
    """Return the effect of a repair as a table of the page."""
    incident, effect = INCIDENTS[name], compute_effect(name, twins)
    harmed, fixed = (incident.measure(curves).mean() for curves in (twins.harmed, twins.fixed))
    difference = f"{effect.estimate:+.3g} ({effect.low:+.3g} to {effect.high:+.3g})"
    row = [incident.quantity, f"{harmed:.3g}", f"{fixed:.3g}", difference, incident.write_published()]
    return write_table(COLUMNS, [row])


def write_incidents(images: Path) -> Iterator[tuple[str, str]]:
    """Draw every incident into a folder of images; yield each with its table."""
    for name in INCIDENTS:
        twins = run_twins(name)
        draw(name, twins).savefig(images / f"incident_{name.replace('-', '_')}.png", dpi=110)
        yield name, write_effect(name, twins)


if __name__ == "__main__":
    wanted = [name for name in sys.argv[1:] if name != "--once"]
    for asked in wanted or INCIDENTS:
        print(f"{asked}\n\n{write_effect(asked, run_twins(asked, 1 if '--once' in sys.argv else None))}\n", flush=True)
