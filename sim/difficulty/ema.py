"""Difficulty as an exponential average of all epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from sim.difficulty import controllers
from sim.difficulty.base import Target
from sim.protocol.state import EpochObservation


@controllers.register("ema")
@dataclass(frozen=True)
class ExponentialAverage:
    """Averages the rate of work, in continuous time: an instant's weight falls by a factor e in `lifetime` epochs.

    Law: E' = E · e^(-t/τ) + (D · n / t) · (1 - e^(-t/τ)), D' = E', τ = `lifetime`, n = found / wanted, t = time /
    wanted time (1 in an epoch), from the first epoch's ideal difficulty on. Stable for every τ > 0. Memory: all epochs.
    Noise under constant compute: σ(D)/D = 1 / √(N · wanted), that of a simple average over N = coth(1 / 2τ) epochs,
    nearly 2τ. Source: J. Eliosoff (2017), "ema" in the study of J. Toomim (github.com/jtoomim/difficulty); exponential
    smoothing, R. G. Brown (1959).
    """

    target: Target
    lifetime: Annotated[float, Field(gt=0.0, le=1e6, description="mean age of what is averaged, in epochs")] = 4.0

    def next_difficulty(self, history: Sequence[EpochObservation]) -> float:
        """Return the estimate after the last epoch."""
        estimate = self.target.compute_ideal(history[0])
        for observation in history[1:]:
            kept = math.exp(-observation.time_ratio / self.lifetime)
            estimate = estimate * kept + self.target.compute_ideal(observation) * (1.0 - kept)
        return estimate
