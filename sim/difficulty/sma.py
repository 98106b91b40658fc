"""Difficulty as a simple average over the last epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sim.difficulty import controllers
from sim.difficulty.base import Target, Window
from sim.protocol.state import EpochObservation


@controllers.register("sma")
@dataclass(frozen=True)
class SimpleMovingAverage:
    """Takes the mean of the last `window` epochs' ideal difficulties.

    Law: D' = (1/N) · Σ D_i · found_i / wanted, over N = `window` epochs. Stable for every N: what is averaged does
    not depend on the difficulty in force. Memory: N epochs; a step in compute is fully answered after N. Noise under
    constant compute: σ(D)/D = 1 / √(N · wanted). The per-block twin is the "simple moving average" of Bitcoin Cash's
    2017 rule (cw-144). Source: M. Lundeberg, Static difficulty adjustments with absolutely scheduled exponentially
    rising targets (2020), section 2.
    """

    target: Target
    window: Window = 6

    @property
    def setpoint(self) -> float | None:
        """Wanted valid nonces per epoch."""
        return self.target.setpoint

    def next_difficulty(self, history: Sequence[EpochObservation]) -> float:
        """Return the mean of the ideal difficulties; fewer epochs where there are no more."""
        ideals = [self.target.compute_ideal(observation) for observation in history[-self.window :]]
        return sum(ideals) / len(ideals)
