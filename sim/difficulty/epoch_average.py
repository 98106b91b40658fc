"""Difficulty that is renewed once in a period, as in Bitcoin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from sim.difficulty import controllers
from sim.difficulty.base import Target
from sim.protocol.state import EpochObservation


@controllers.register("epoch_average")
@dataclass(frozen=True)
class PeriodicAverage:
    """Every `period` epochs, multiplies the difficulty by the period's found / wanted, by at most `max_step` either
    way.

    Law: D' = D · clamp(Σ n_i / Σ t_i, 1 / max_step, max_step) at the end of a period, n = found / wanted, t = time /
    wanted time, D' = D within it. Stable; a step in compute is answered at the first period's end that lies wholly
    behind it. Noise under constant compute: σ(D)/D = 1 / √(period · wanted). Source: S. Nakamoto, Bitcoin (2008 and the
    code of 2009: 2016 blocks, clamp 4).
    """

    target: Target
    period: Annotated[int, Field(ge=1, le=100_000, description="epochs from one renewal to the next")] = 4
    max_step: Annotated[float, Field(gt=1.0, le=1000.0, description="largest factor of one renewal")] = 4.0

    def next_difficulty(self, history: Sequence[EpochObservation]) -> float:
        """Return the renewed difficulty at a period's end, else that of the last epoch."""
        last = history[-1]
        if len(history) % self.period:
            return last.difficulty
        seen = history[-self.period :]
        found = sum(self.target.compute_ratio(observation) for observation in seen)
        speed = found / sum(observation.time_ratio for observation in seen)
        return last.difficulty * min(max(speed, 1.0 / self.max_step), self.max_step)
