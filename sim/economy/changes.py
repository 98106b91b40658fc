"""Compute that changes once, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from sim.economy import curves
from sim.economy.base import (
    LARGEST_FACTOR,
    N_LEVELS,
    Factor,
    Level,
    Moment,
    Span,
    Steps,
    at,
    check_n_steps,
    join,
    sample,
)


@curves.register("constant")
@dataclass(frozen=True)
class Constant:
    """Compute that never changes: only chance is left."""

    level: Level = 100.0

    def lay_out(self, horizon_seconds: float, generator: np.random.Generator) -> Steps:
        """Return one step."""
        return join(at(0.0, self.level))


@curves.register("step")
@dataclass(frozen=True)
class Step:
    """Compute jumps to `factor` times as much, and stays there."""

    level: Level = 100.0
    factor: Factor = 2.0
    time: Moment = 86_400.0

    def lay_out(self, horizon_seconds: float, generator: np.random.Generator) -> Steps:
        """Return two steps."""
        return join(at(0.0, self.level), at(self.time, self.level * self.factor))


@curves.register("ramp")
@dataclass(frozen=True)
class Ramp:
    """Compute goes to `factor` times as much along a straight line, laid out as 256 steps."""

    level: Level = 100.0
    factor: Factor = 2.0
    time: Moment = 0.0
    over: Annotated[Span, Field(description="time that the change takes")] = 864_000.0

    def lay_out(self, horizon_seconds: float, generator: np.random.Generator) -> Steps:
        """Return the steps of the rise."""
        slope = self.level * (self.factor - 1.0) / self.over
        rise = sample(lambda t: self.level + slope * (t - self.time), self.time, self.time + self.over, N_LEVELS)
        return join(at(0.0, self.level), rise, at(self.time + self.over, self.level * self.factor))


@curves.register("exponential")
@dataclass(frozen=True)
class Exponential:
    """Compute grows (or shrinks) by `factor` in every `every`, laid out as 32 steps each, up to 10⁹ times as much."""

    level: Level = 100.0
    factor: Factor = 1.1
    every: Annotated[Span, Field(description="time in which compute is multiplied once")] = 86_400.0

    def lay_out(self, horizon_seconds: float, generator: np.random.Generator) -> Steps:
        """Return equal steps until the horizon."""
        limit = np.log(LARGEST_FACTOR)

        def value_at(time: np.ndarray) -> np.ndarray:
            return np.asarray(self.level * np.exp(np.clip(time / self.every * np.log(self.factor), -limit, limit)))

        return join(sample(value_at, 0.0, horizon_seconds, check_n_steps(horizon_seconds, self.every / 32)))


@curves.register("peak")
@dataclass(frozen=True)
class Peak:
    """Compute rises to `factor` times as much and falls back, along a bell of standard deviation `width`."""

    level: Level = 100.0
    factor: Factor = 3.0
    time: Annotated[Moment, Field(description="time of the peak")] = 432_000.0
    width: Annotated[Span, Field(description="standard deviation of the bell")] = 43_200.0

    def lay_out(self, horizon_seconds: float, generator: np.random.Generator) -> Steps:
        """Return 256 steps within five widths of the peak."""
        start, end = max(0.0, self.time - 5 * self.width), self.time + 5 * self.width

        def value_at(time: np.ndarray) -> np.ndarray:
            bell = np.exp(-(((time - self.time) / self.width) ** 2) / 2)
            return np.asarray(self.level * (1.0 + (self.factor - 1.0) * bell))

        return join(at(0.0, self.level), sample(value_at, start, end, N_LEVELS), at(end, self.level))
