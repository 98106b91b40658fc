"""Difficulty as a simple average over the last epochs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.difficulty import controllers
from sim.difficulty.base import Interval, Numbers, Target, Window
from sim.difficulty.windows import MovingSum


@controllers.register("sma")
@dataclass(frozen=True)
class Sma:
    """Takes the work of the last `window` epochs over their time: the mean of their ideal difficulties.

    Law: D' = Σ D_i · n_i / Σ t_i over N = `window` epochs, n = found / wanted, t = time / wanted time. Stable for every
    N: the averaged values do not depend on the difficulty in force. Memory: N epochs; a step in compute is fully
    answered after N. Noise under constant compute: σ(D)/D = 1 / √(N · wanted). Per block the mean interval is about 1 +
    1 / 2N times the wanted one, for lucky blocks are short. The per-block twin is the "simple moving average" of
    Bitcoin Cash's 2017 rule (cw-144). Source: M. Lundeberg, Static difficulty adjustments with absolutely scheduled
    exponentially rising targets (2020), section 2.
    """

    target: Target
    window: Window = 6

    def start(self, first: Interval) -> MovingSum:
        """Begin with an empty window."""
        return MovingSum(self.window)

    def decide(self, state: MovingSum, interval: Interval) -> tuple[MovingSum, Numbers]:
        """Return work over time; of fewer epochs where there are no more."""
        seen = state.push(np.array([interval.work, interval.time]))
        work, time = seen.total
        return seen, work / time
