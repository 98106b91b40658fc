"""Compute along a random path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from sim.economy import curves
from sim.economy.base import LARGEST_FACTOR, Level, Span, Steps, check_n_steps, join


@curves.register("random_walk")
@dataclass(frozen=True)
class RandomWalk:
    """Geometric Brownian motion, seen at every `every`: each replication has its own path.

    ln h grows by `drift` + `volatility` · noise in each step, and stays within a factor 10⁹ of its level. Every
    controller meets the same paths.
    """

    level: Level = 100.0
    volatility: Annotated[float, Field(gt=0.0, le=10.0, description="sd of ln compute's change in one step")] = 0.05
    drift: Annotated[float, Field(ge=-10.0, le=10.0, description="mean of ln compute's change in one step")] = 0.0
    every: Annotated[Span, Field(description="time from one step to the next")] = 3600.0

    def lay_out(self, horizon_seconds: float, generator: np.random.Generator) -> Steps:
        """Return one path, the same from the start whatever the horizon."""
        n_steps = check_n_steps(horizon_seconds, self.every)
        moves = self.drift + self.volatility * generator.standard_normal(n_steps)
        limit = np.log(LARGEST_FACTOR)
        logarithms = np.clip(np.concatenate([[0.0], np.cumsum(moves)]), -limit, limit)
        times = self.every * np.arange(n_steps + 1, dtype=np.float64)
        return join((times, self.level * np.exp(logarithms)))
