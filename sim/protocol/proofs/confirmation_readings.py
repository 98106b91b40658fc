"""What a confirmation reads of each member where the network has several models (network 2.11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from sim.protocol.proofs.confirmation import compute_ratio

ENOUGH = Fraction("0.909")
"""Share of the expected weight that counts as all of it, from v0.2.10 on."""
Scales = Mapping[str, Fraction]
"""Coefficients by model, frozen when the epoch was formed. A model without one counts nowhere."""


@dataclass(frozen=True)
class Reading:
    """One member in one confirmation, in units of its raw total."""

    shown: int
    expected: int

    def judge(self, enough: Fraction = ENOUGH) -> Fraction | None:
        """Return the ratio that alpha is compared with; None where nothing was expected, so that nobody is judged."""
        return compute_ratio(self.shown, self.expected, enough) if self.expected > 0 else None


def weigh_models(weights: Mapping[str, int], scales: Scales) -> int:
    """Sum over the models with a scale of trunc(scale · weight); of all ML nodes' weights it is the raw total.

    Reference: network 2.12.
    """
    return sum(int(scales[model] * weight) for model, weight in weights.items() if model in scales)


def read_member(
    nodes: Mapping[str, int], preserved: Mapping[str, int], measured: Mapping[str, int], scales: Scales
) -> Reading:
    """Read one member: what its preserved ML nodes keep and what was accepted, beside what all its nodes weigh.

    All are unscaled weights by model; `preserved` is of this episode. `scales` holds the models that voted: one that is
    missing lowers what is shown and what is expected, but not the weight so far. Reference: network 2.11.
    """
    return Reading(weigh_models(preserved, scales) + weigh_models(measured, scales), weigh_models(nodes, scales))
