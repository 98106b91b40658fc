"""Difficulty as an exponential average of all epochs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from sim.difficulty import controllers
from sim.difficulty.base import Interval, Numbers, Target


@controllers.register("ema")
@dataclass(frozen=True)
class Ema:
    """Averages the rate of work, in continuous time: an instant's weight falls by a factor e in `lifetime` epochs.

    Law: E' = E · e^(-t/τ) + (D · n / t) · (1 - e^(-t/τ)), D' = E', τ = `lifetime`, n = found / wanted, t = time /
    wanted time (1 in an epoch), from the first epoch's ideal difficulty on. Stable for every τ > 0. Memory: all epochs.
    Noise under constant compute: σ(D)/D = 1 / √(N · wanted), that of a simple average over N = coth(1 / 2τ) epochs,
    nearly 2τ. Source: J. Eliosoff (2017), "ema" in the study of J. Toomim (github.com/jtoomim/difficulty); exponential
    smoothing, R. G. Brown (1959).
    """

    target: Target
    lifetime: Annotated[float, Field(gt=0.0, le=1e6, description="mean age of what is averaged, in epochs")] = 4.0

    def start(self, first: Interval) -> Numbers:
        """Begin at the first ideal difficulty."""
        return first.ideal

    def decide(self, state: Numbers, interval: Interval) -> tuple[Numbers, Numbers]:
        """Return the estimate after the interval, which is both memory and decision."""
        ideal, kept = interval.ideal, np.exp(interval.time * (-1.0 / self.lifetime))
        estimate = ideal + (state - ideal) * kept
        return estimate, estimate
