"""Difficulty from a damped average, bounded differently up and down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from sim.difficulty import controllers
from sim.difficulty.base import Interval, Numbers, Target, Window, clamp
from sim.difficulty.windows import MovingSum


class DigishieldState(NamedTuple):
    """Memory of `digishield`: the window's sums."""

    targets_and_times: MovingSum
    """Of 1 / D and t."""
    found: MovingSum
    """Of n: in a race one number for all replications."""


@controllers.register("digishield")
@dataclass(frozen=True)
class Digishield:
    """Answers a share of the error of the last `window` epochs, from their mean difficulty, within two bounds.

    Law, with the time that the wanted nonces took, in epochs: t̄ = Σ t_i / Σ n_i (n = found / wanted, t = time / wanted
    time); damped t' = 1 + (t̄ - 1) / damping, bounded to [1 - max_rise, 1 + max_fall]; D' = D̄ / t', D̄ the harmonic
    mean of the window's difficulties. Memory: `window` epochs; damping and mean both delay, so that a step overshoots
    for a small damping and a long window. Source: Zcash protocol specification 7.7.3 (window 17, damping 4, 16 % up in
    speed, 32 % down), after Dogecoin's DigiShield v3.
    """

    target: Target
    window: Window = 17
    damping: Annotated[float, Field(ge=1.0, le=1000.0, description="an error is divided by this")] = 4.0
    max_rise: Annotated[float, Field(gt=0.0, lt=1.0, description="most that t' may lie below 1")] = 0.16
    max_fall: Annotated[float, Field(gt=0.0, le=100.0, description="most that t' may lie above 1")] = 0.32

    def start(self, first: Interval) -> DigishieldState:
        """Begin with an empty window."""
        return DigishieldState(MovingSum(self.window), MovingSum(self.window))

    def decide(self, state: DigishieldState, interval: Interval) -> tuple[DigishieldState, Numbers]:
        """Return the damped and bounded difficulty."""
        found = state.found.push(np.asarray(interval.ratio))
        seen = state.targets_and_times.push(np.array([1.0 / interval.difficulty, interval.time]))
        targets, time = seen.total
        damped = time / (found.total * self.damping) + (1.0 - 1.0 / self.damping)
        decided = seen.n_seen / targets / clamp(damped, 1.0 - self.max_rise, 1.0 + self.max_fall)
        return DigishieldState(seen, found), decided
