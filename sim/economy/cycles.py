"""Compute that comes and goes, and comes again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from sim.economy import curves
from sim.economy.base import Level, Span, Steps, at, check_n_steps, join, sample

N_PHASES = 64  # steps of one period of a sine

Period = Annotated[Span, Field(description="time from one cycle to the next")]


@curves.register("sine")
@dataclass(frozen=True)
class Sine:
    """Compute swings about its level, as with the price of power over a day; 64 steps a period."""

    level: Annotated[float, Field(gt=0.0, le=1e30, description="nonces per second in the middle")] = 100.0
    amplitude: Annotated[float, Field(gt=0.0, lt=1.0, description="largest deviation / level")] = 0.3
    period: Period = 86_400.0

    def lay_out(self, horizon_seconds: float, generator: np.random.Generator) -> Steps:
        """Return whole periods until the horizon."""
        n_steps = N_PHASES * -(-check_n_steps(horizon_seconds, self.period / N_PHASES) // N_PHASES)

        def value_at(time: np.ndarray) -> np.ndarray:
            return np.asarray(self.level * (1.0 + self.amplitude * np.sin(2 * np.pi * time / self.period)))

        return join(sample(value_at, 0.0, n_steps * self.period / N_PHASES, n_steps))


@curves.register("on_off")
@dataclass(frozen=True)
class OnOff:
    """Part of the compute comes and goes at fixed times, as hosts do that switch between networks.

    With a `factor` of 0 all of it goes: no block comes until it is back.
    """

    level: Level = 100.0
    factor: Annotated[float, Field(ge=0.0, le=1e6, description="compute in that part / before")] = 3.0
    period: Period = 86_400.0
    share: Annotated[float, Field(gt=0.0, lt=1.0, description="part of the period, at its end, with `factor`")] = 0.5

    def lay_out(self, horizon_seconds: float, generator: np.random.Generator) -> Steps:
        """Return two steps a period."""
        starts = self.period * np.arange(check_n_steps(horizon_seconds, self.period / 2) // 2 + 1)
        times = np.column_stack([starts, starts + self.period * (1.0 - self.share)]).ravel()
        cycles = times, np.tile([self.level, self.level * self.factor], len(starts))
        # After the last period compute stays as it was there, unless that would be never again.
        return join(cycles) if self.factor else join(cycles, at(starts[-1] + self.period, self.level))
