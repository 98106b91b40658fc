"""The price of a coin: constant, a random path with jumps, or recorded in a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy import special

from sim.economy import prices
from sim.economy.base import (
    CurveError,
    Floats,
    PriceValue,
    Span,
    Steps,
    at,
    check_n_steps,
    join,
    walk,
    warn_of_end,
)
from sim.economy.from_csv import PRICE, CsvFile, MaxGap, read_steps
from sim.units import Seconds

MOST_JUMPS = 100.0  # expected in one step

PriceLevel = Annotated[PriceValue, Field(description="money per coin at the beginning")]


@prices.register("constant")
@dataclass(frozen=True)
class ConstantPrice:
    """A price that never changes: hosts come and go by the difficulty alone."""

    level: PriceLevel = 1.0

    def lay_out(self, horizon_seconds: float, generator: np.random.Generator) -> Steps:
        """Return one step."""
        return join(at(0.0, self.level))


@prices.register("jump_diffusion")
@dataclass(frozen=True)
class JumpDiffusion:
    """Geometric Brownian motion with jumps, seen at every `every`: each replication has its own path.

    In each step ln price grows by `drift` + `volatility` · noise, and by as many jumps as a Poisson law with mean
    `every` / `jump_every` gives, each normal with `jump_mean` and `jump_sd`. A step's change therefore has the mean
    drift + λ · jump_mean and the variance volatility² + λ · (jump_mean² + jump_sd²), λ = every / jump_every. Before
    `noise`, the price stays within a factor 10⁹ of its level. Source: R. C. Merton, Option pricing when underlying
    stock returns are discontinuous (Journal of Financial Economics 3, 1976).
    """

    level: PriceLevel = 1.0
    volatility: Annotated[float, Field(ge=0.0, le=10.0, description="sd of ln price's change in a step, no jumps")] = (
        0.01
    )
    drift: Annotated[float, Field(ge=-10.0, le=10.0, description="mean of the same")] = 0.0
    every: Annotated[Span, Field(description="time from one step to the next")] = 3600.0
    jump_every: Annotated[
        Annotated[Seconds, Field(gt=0.0)] | None,
        Field(description="mean time from one jump to the next; absent: no jumps"),
    ] = None
    jump_mean: Annotated[float, Field(ge=-10.0, le=10.0, description="mean of ln price's change in a jump")] = 0.0
    jump_sd: Annotated[float, Field(ge=0.0, le=10.0, description="standard deviation of the same")] = 0.1
    noise: Annotated[
        float, Field(ge=0.0, le=1.0, description="sd of what comes on top of ln price in a step and then is gone: fees")
    ] = 0.0

    def lay_out(self, horizon_seconds: float, generator: np.random.Generator) -> Steps:
        """Return one path, the same from the start whatever the horizon."""
        n_steps = check_n_steps(horizon_seconds, self.every)
        diffusion, luck, sizes, passing = generator.standard_normal((n_steps, 4)).T
        n_jumps = self._count_jumps(luck)
        jumps = n_jumps * self.jump_mean + np.sqrt(n_jumps) * self.jump_sd * sizes
        moves = self.drift + self.volatility * diffusion + jumps
        return walk(self.level, moves, self.every, self.noise * passing)

    def _count_jumps(self, luck: Floats) -> Floats:
        """Turn normal numbers into Poisson ones, quantile by quantile."""
        if self.jump_every is None:
            return np.zeros_like(luck)
        mean = self.every / self.jump_every
        if mean > MOST_JUMPS:
            raise CurveError(f"{mean:g} jumps in a step of {self.every:g} s; at most {MOST_JUMPS:g}")
        reached = special.pdtr(np.arange(20 + int(3 * mean)), mean)
        counts: Floats = np.searchsorted(reached, special.ndtr(luck)).astype(np.float64)
        return counts


@prices.register("csv")
@dataclass(frozen=True)
class PriceFromCsv:
    """A file with two columns, time and price: `time (h),price`. The price is money per coin, of whatever currency.

    Each value holds until the next line's time. Times count from the first one. Blank lines are passed over. Gaps,
    times that do not grow and prices that no YAML file could give either are refused with file, line and column. A file
    that ends before the race is told.
    """

    path: CsvFile
    max_gap: MaxGap = None

    def lay_out(self, horizon_seconds: float, generator: np.random.Generator) -> Steps:
        """Return the file's steps, whatever the horizon."""
        return read_steps(self.path, self.max_gap, PRICE)

    def find_warnings(self, race_seconds: float) -> Iterator[str]:
        """Tell of a file that ends before the race."""
        steps = read_steps(self.path, self.max_gap, PRICE)
        yield from warn_of_end(self.path, steps.times[-1], steps.values[-1], race_seconds)
