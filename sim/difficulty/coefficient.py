"""Difficulty by the rule that steps the live network's coefficients since 2026."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from sim.difficulty import controllers
from sim.difficulty.base import Interval, Numbers, Target, clamp

Step = Annotated[float, Field(gt=0.0, lt=1.0)]
ROUNDING = 1e-12
"""A share on the edge of the zone lies within it, whatever floats make of 1 - 1.05. The chain counts in fractions."""


class CoefficientState(NamedTuple):
    """Memory of `coefficient`."""

    first: Numbers
    """Difficulty of the first interval."""
    coefficient: Numbers
    step: Numbers
    direction: Numbers
    """Of the last move: -1, 0 (none) or +1."""


@controllers.register("coefficient")
@dataclass(frozen=True)
class Coefficient:
    """Steps a coefficient within a corridor whenever the found share of the wanted lies outside a zone.

    The network rules coefficients of models, which draw work; here one coefficient c makes nonces cheaper: D' = D₀ / c,
    D₀ in force in the first epoch, c = 1 in it. The share is n / t (n = found / wanted, t = time / wanted time), its
    target 1. Law: within `zone` of it c rests; outside c' = c · (1 ± s), towards it, within [`low`, `high`]; s doubles
    up to `step_ceiling` while the direction stays and halves down to `step_floor` when it turns. A share below
    `bootstrap_share` may take steps up to `bootstrap_ceiling`. The size of an error does not matter, only its sign:
    always bounded; without noise and change it comes to rest if step_ceiling · (1 + zone) <= 2 · zone, and without zone
    it circles the target by `step_floor`. Twice the compute takes ln 2 / -ln(1 - step_ceiling) epochs, 14 of the
    network's. With noise beyond the zone it meets the median, not the mean: single blocks take 1 / ln 2 = 1.44 times
    the wanted time on average. Memory: c, s and the last direction. Dilution is no part of it: it divides pay, not
    work. Source: the network's dynamic coefficients (v0.2.16, 2026). Reference: mechanisms 1.2.
    """

    target: Target
    low: Annotated[float, Field(gt=0.0, le=1.0, description="smallest coefficient: D at most D₀ / low")] = 0.1
    high: Annotated[float, Field(ge=1.0, le=1e6, description="largest coefficient: D at least D₀ / high")] = 10.0
    zone: Annotated[float, Field(ge=0.0, lt=1.0, description="distance of a share from 1 that is left alone")] = 0.05
    step_floor: Annotated[Step, Field(description="smallest step after a reversal")] = 0.005
    step_ceiling: Annotated[Step, Field(description="largest step")] = 0.05
    bootstrap_ceiling: Annotated[Step, Field(description="largest step for a share below `bootstrap_share`")] = 0.25
    bootstrap_share: Annotated[float, Field(ge=0.0, lt=1.0, description="share that counts as next to nothing")] = 0.01

    def start(self, first: Interval) -> CoefficientState:
        """Begin at rest, with the coefficient 1."""
        return CoefficientState(first.difficulty, 1.0, self.step_ceiling / 2, 0.0)

    def decide(self, state: CoefficientState, interval: Interval) -> tuple[CoefficientState, Numbers]:
        """Return the first difficulty over the coefficient, which has moved by one step at most."""
        error = 1.0 - interval.speed
        direction = np.where(np.abs(error) <= self.zone + ROUNDING, 0.0, np.sign(error))
        step = self._move_step(state, direction, interval.speed)
        coefficient = clamp(state.coefficient * (1.0 + direction * step), self.low, self.high)
        kept = np.where(direction == 0.0, self.step_ceiling / 2, step)
        return CoefficientState(state.first, coefficient, kept, direction), state.first / coefficient

    def _move_step(self, state: CoefficientState, direction: Numbers, share: Numbers) -> Numbers:
        """Double the step, or halve it where the direction turns."""
        ceiling = np.where(share < self.bootstrap_share, self.bootstrap_ceiling, self.step_ceiling)
        halved = np.maximum(state.step / 2, self.step_floor)
        step: Numbers = np.minimum(np.where(state.direction * direction < 0.0, halved, state.step * 2), ceiling)
        return step
