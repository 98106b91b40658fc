"""Difficulty that moves by a share of the last relative error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from sim.difficulty import controllers
from sim.difficulty.base import Interval, Numbers, Target


@controllers.register("wtema")
@dataclass(frozen=True)
class Wtema:
    """Moves the difficulty by 1 / `lifetime` of the last relative error: all memory is in the difficulty itself.

    Law: D' = D · (1 + (n - 1) / τ) / (1 + (t - 1) / τ), τ = `lifetime` in epochs, n = found / wanted, t = time / wanted
    time; for τ > 1 both factors are above 0. Under constant compute the relative error shrinks by 1 - 1/τ an epoch near
    the setpoint: stable for τ > 1/2, without overshoot from τ = 1 on. In an epoch it falls at most to 1 - 1/τ of
    itself. Counted per epoch it is an exponential average of ideal difficulties, started from the first one in force.
    Per block it averages the target 1 / D, so that the mean interval is about 1 + 1 / 2τ times the wanted one. Noise
    under constant compute: that of a simple average over 2τ - 1 epochs. Source: "weighted-target exponential moving
    average", J. Toomim, M. Lundeberg (2019).
    """

    target: Target
    lifetime: Annotated[float, Field(gt=1.0, le=1e6, description="epochs over which an error is answered")] = 4.0

    def start(self, first: Interval) -> None:
        """No memory but the difficulty in force."""

    def decide(self, state: None, interval: Interval) -> tuple[None, Numbers]:
        """Return the moved difficulty of the last epoch."""
        share = 1.0 / self.lifetime
        rise, fall = interval.ratio * share + (1.0 - share), interval.time * share + (1.0 - share)
        return None, interval.difficulty * rise / fall
