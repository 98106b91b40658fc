"""The figure of `powsim detect`: chances of acceptance, and of losing honest claims, along one option."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.figures.style import PALETTE, SIZE_INCHES, house_style

LEAST_SHOWN = 1e-15
MOST_CURVES = len(PALETTE)


@dataclass(frozen=True)
class DetectionCurve:
    """Chances along one option, the others fixed."""

    label: str
    x: Sequence[float]
    accepted: Sequence[float]
    rejected_honest: Sequence[float]
    marked: Mapping[float, float] = field(default_factory=dict)
    """Points of the table: x -> chance of acceptance."""
    simulated: Mapping[float, tuple[float, float, float]] = field(default_factory=dict)
    """x -> share of accepted claims in runs, and its interval."""


def plot_detection(curves: Sequence[DetectionCurve], xlabel: str) -> Figure:
    """Draw claims with invented entries above, honest ones below."""
    with house_style():
        figure = Figure(figsize=(SIZE_INCHES[0], 1.4 * SIZE_INCHES[1]), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        for curve, colour in zip(curves, PALETTE, strict=False):
            _draw(upper, lower, curve, colour)
        upper.set_title("A claim with invented entries is accepted")
        lower.set_title(f"An honest claim is not accepted (drawn as {LEAST_SHOWN:g} where it is less)")
        for axes in (upper, lower):
            axes.set_ylabel("chance")
        upper.set_ylim(-0.02, 1.02)
        lower.set_yscale("log")
        lower.set_ylim(LEAST_SHOWN / 30, 30.0)
        lower.set_xlabel(xlabel)
        if len(curves) > 1 or any(curve.simulated for curve in curves):
            upper.legend()
    return figure


def _draw(upper: Axes, lower: Axes, curve: DetectionCurve, colour: str) -> None:
    upper.plot(curve.x, curve.accepted, color=colour, label=curve.label)
    upper.plot(list(curve.marked), list(curve.marked.values()), "o", color=colour, markersize=3.5)
    lower.plot(curve.x, [max(each, LEAST_SHOWN) for each in curve.rejected_honest], color=colour)
    if curve.simulated:
        shares, lows, highs = zip(*curve.simulated.values(), strict=True)
        errors = [
            [s - low for s, low in zip(shares, lows, strict=True)],
            [h - s for s, h in zip(shares, highs, strict=True)],
        ]
        x = list(curve.simulated)
        upper.errorbar(x, shares, yerr=errors, fmt="D", color=colour, capsize=3, label="runs, 95 % interval")
