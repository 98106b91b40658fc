"""Difficulty that moves by a share of the last relative error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from sim.difficulty import controllers
from sim.difficulty.base import Target
from sim.protocol.state import EpochObservation


@controllers.register("wtema")
@dataclass(frozen=True)
class RelativeError:
    """Multiplies the difficulty by 1 + (found / wanted - 1) / `lifetime`: all memory is in the difficulty itself.

    Law: D' = D · (1 + (found / wanted - 1) / τ), τ = `lifetime` in epochs. Under constant compute the relative error
    shrinks by 1 - 1/τ an epoch near the setpoint: stable for τ > 1/2, without overshoot from τ = 1 on. It falls at most
    to 1 - 1/τ of itself in an epoch. Counted per epoch it is `ema`, started from the first difficulty in force. Per
    block, with solve times, it is wtema ("weighted-target exponential moving average", J. Toomim, M. Lundeberg, 2019).
    """

    target: Target
    lifetime: Annotated[float, Field(gt=1.0, le=1e6, description="epochs over which an error is answered")] = 4.0

    @property
    def setpoint(self) -> float | None:
        """Wanted valid nonces per epoch."""
        return self.target.setpoint

    def next_difficulty(self, history: Sequence[EpochObservation]) -> float:
        """Return the moved difficulty of the last epoch."""
        last = history[-1]
        return last.difficulty * (1.0 + (self.target.compute_ratio(last) - 1.0) / self.lifetime)
