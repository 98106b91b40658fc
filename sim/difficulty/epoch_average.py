"""Difficulty that is renewed once in a period, as in Bitcoin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, NamedTuple

from pydantic import Field

from sim.difficulty import controllers
from sim.difficulty.base import Interval, Numbers, Target, clamp


class EpochAverageState(NamedTuple):
    """Memory of `epoch_average`: sums over the period so far."""

    n_seen: int = 0
    found: Numbers = 0.0
    time: Numbers = 0.0


@controllers.register("epoch_average")
@dataclass(frozen=True)
class EpochAverage:
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

    def start(self, first: Interval) -> EpochAverageState:
        """Begin a period."""
        return EpochAverageState()

    def decide(self, state: EpochAverageState, interval: Interval) -> tuple[EpochAverageState, Numbers]:
        """Return the renewed difficulty at a period's end, else that of the last epoch."""
        seen = EpochAverageState(state.n_seen + 1, state.found + interval.ratio, state.time + interval.time)
        if seen.n_seen < self.period:
            return seen, interval.difficulty
        factor = clamp(seen.found / seen.time, 1.0 / self.max_step, self.max_step)
        return EpochAverageState(), interval.difficulty * factor
