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
    """Takes the work of the last `window` epochs over their time: the mean of their ideal difficulties.

    Law: D' = Σ D_i · n_i / Σ t_i over N = `window` epochs, n = found / wanted, t = time / wanted time. Stable for every
    N: what is averaged does not depend on the difficulty in force. Memory: N epochs; a step in compute is fully
    answered after N. Noise under constant compute: σ(D)/D = 1 / √(N · wanted). Per block the mean interval is about 1 +
    1 / 2N times the wanted one, for lucky blocks are short. The per-block twin is the "simple moving average" of
    Bitcoin Cash's 2017 rule (cw-144). Source: M. Lundeberg, Static difficulty adjustments with absolutely scheduled
    exponentially rising targets (2020), section 2.
    """

    target: Target
    window: Window = 6

    def next_difficulty(self, history: Sequence[EpochObservation]) -> float:
        """Return work over time; fewer epochs where there are no more."""
        seen = history[-self.window :]
        work = sum(self.target.compute_work(observation) for observation in seen)
        return work / sum(observation.time_ratio for observation in seen)
