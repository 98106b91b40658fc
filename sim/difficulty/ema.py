"""Difficulty as an exponential average of all epochs."""

from __future__ import annotations

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
    """Moves an estimate of the ideal difficulty by a share 1 / `lifetime` of its error, from the first epoch on.

    Law: E' = E + (ideal - E) / τ, D' = E', τ = `lifetime` in epochs. Stable for τ >= 1 (τ = 1: the last epoch alone).
    Memory: all epochs, weights fall by 1 - 1/τ an epoch. Noise under constant compute: σ(D)/D = 1 / √((2τ - 1) ·
    wanted), that of a simple average over 2τ - 1 epochs. Source: any text on exponential smoothing, R. G. Brown
    (1959).
    """

    target: Target
    lifetime: Annotated[float, Field(ge=1.0, le=1e6, description="mean lifetime of an epoch's weight, in epochs")] = 4.0

    @property
    def setpoint(self) -> float | None:
        """Wanted valid nonces per epoch."""
        return self.target.setpoint

    def next_difficulty(self, history: Sequence[EpochObservation]) -> float:
        """Return the estimate after the last epoch."""
        estimate = self.target.compute_ideal(history[0])
        for observation in history[1:]:
            estimate += (self.target.compute_ideal(observation) - estimate) / self.lifetime
        return estimate
