"""Difficulty from a damped average, bounded differently up and down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from sim.difficulty import controllers
from sim.difficulty.base import Target, Window
from sim.protocol.state import EpochObservation


@controllers.register("digishield")
@dataclass(frozen=True)
class Digishield:
    """Answers a share of the error of the last `window` epochs, from their mean difficulty, within two bounds.

    Law, with the time that the wanted nonces took, in epochs: t̄ = Σ t_i / Σ n_i (n = found / wanted, t = time / wanted
    time); damped t' = 1 + (t̄ - 1) / damping, bounded to [1 - max_rise, 1 + max_fall]; D' = D̄ / t', D̄ the harmonic
    mean of the window's difficulties. Memory: `window` epochs; damping and mean both delay, so that a step overshoots
    for a small damping and a long window. Source: Zcash protocol specification 7.7.3 (window 17, damping 4, 16 % up in
    speed, 32 % down), after Dogecoin's DigiShield v3.
    """

    target: Target
    window: Window = 17
    damping: Annotated[float, Field(ge=1.0, le=1000.0, description="an error is divided by this")] = 4.0
    max_rise: Annotated[float, Field(gt=0.0, lt=1.0, description="most that t' may lie below 1")] = 0.16
    max_fall: Annotated[float, Field(gt=0.0, le=100.0, description="most that t' may lie above 1")] = 0.32

    def next_difficulty(self, history: Sequence[EpochObservation]) -> float:
        """Return the damped and bounded difficulty."""
        seen = history[-self.window :]
        mean_difficulty = len(seen) / sum(1.0 / observation.difficulty for observation in seen)
        found = sum(self.target.compute_ratio(observation) for observation in seen)
        time = sum(observation.time_ratio for observation in seen) / found
        damped = 1.0 + (time - 1.0) / self.damping
        return mean_difficulty / min(max(damped, 1.0 - self.max_rise), 1.0 + self.max_fall)
