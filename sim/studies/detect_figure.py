"""Curves of `powsim detect --figure`: along the longest list of numbers, one for each combination of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from sim.errors import UserError
from sim.studies.detect import KEYS, MORE_KEYS, Chances, Design, list_varying
from sim.studies.detect_tables import Found
from sim.terminal import format_value

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEXTS = ("scheme", "version", "majority")
N_STEPS, WIDEST = 120, Fraction(1, 10)
LABELS = {
    "sample": "entries that a validator checks",
    "fabricated": "share of the claim's entries that was invented",
    "mismatch": "chance that an honest entry is contradicted",
    "p": "mismatch chance that the fraud test assumes",
    "threshold": "p-value below which a claim is a fraud",
    "validators": "validators",
    "silent": "share of the voting power that is silent",
    "colluding": "share of the voting power that colludes",
    "slots": "slots of the committee",
    "claim": "entries of the claim",
    "distance": "largest distance that passes",
}


def draw(points: Sequence[tuple[Design, Chances]], found: Found) -> Figure:
    """Return the figure of some points, with what runs have shown of them. Raises UserError for too many curves."""
    from sim.figures.detection import MOST_CURVES, DetectionCurve, plot_detection

    designs = [design for design, _ in points]
    along = choose_axis(designs)
    others = [key for key in list_varying(designs, (*KEYS, *MORE_KEYS)) if key != along]
    groups: dict[tuple[object, ...], list[int]] = {}
    for place, design in enumerate(designs):
        groups.setdefault(tuple(getattr(design, key) for key in others), []).append(place)
    if len(groups) > MOST_CURVES:
        raise UserError(f"--figure: {len(groups)} curves; there may be at most {MOST_CURVES}: shorten a list")
    curves = []
    for values, places in groups.items():
        places.sort(key=lambda place: float(getattr(designs[place], along)))
        x = [float(getattr(designs[place], along)) for place in places]
        accepted = [points[place][1].accepted for place in places]
        dense = _fill(designs, places, along) if along == "fabricated" else [points[place] for place in places]
        curves.append(
            DetectionCurve(
                label=", ".join(_name(key, value) for key, value in zip(others, values, strict=True)) or "exact",
                x=[float(getattr(design, along)) for design, _ in dense],
                accepted=[chances.accepted for _, chances in dense],
                rejected_honest=[chances.rejected_honest for _, chances in dense],
                marked=dict(zip(x, accepted, strict=True)),
                simulated={
                    value: (found[place]["simulated"], found[place]["low"], found[place]["high"])
                    for value, place in zip(x, places, strict=True)
                    if found
                },
            )
        )
    return plot_detection(curves, LABELS[along])


def choose_axis(designs: Sequence[Design]) -> str:
    """Return the key with the most values among those of numbers; of equals, and where nothing varies, `fabricated`."""
    keys = ["fabricated", *(key for key in (*KEYS, *MORE_KEYS) if key not in ("fabricated", *TEXTS))]
    return max(keys, key=lambda key: len({getattr(design, key) for design in designs}))


def _fill(designs: Sequence[Design], places: Sequence[int], along: str) -> list[tuple[Design, Chances]]:
    """Return points from nothing invented to the largest share, close enough for a smooth curve."""
    last = max(getattr(design, along) for design in designs)
    end = last if len(places) > 1 else max(WIDEST, last)
    steps = [replace(designs[places[0]], fabricated=end * step / N_STEPS) for step in range(N_STEPS + 1)]
    return [(design, design.compute()) for design in steps]


def _name(key: str, value: object) -> str:
    shown = float(value) if isinstance(value, Fraction) else value
    return str(shown) if key in ("scheme", "version") else f"{key} {format_value(shown)}"
