"""Difficulty as an average in which recent epochs weigh more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.difficulty import controllers
from sim.difficulty.base import Interval, Numbers, Target, Window
from sim.difficulty.windows import RankedSum


@controllers.register("lwma")
@dataclass(frozen=True)
class Lwma:
    """Takes work over time of the last `window` epochs, weighted 1, 2, …, N towards the newest.

    Law: D' = Σ k · D_k · n_k / Σ k · t_k, n = found / wanted, t = time / wanted time. Stable for every N. Memory: N
    epochs, of mean age (N - 1) / 3. Noise under constant compute: σ(D)/D = √((4N + 2) / (3N (N + 1)) / wanted), as much
    as a simple average over 3N/4 epochs. Source: zawy12, LWMA difficulty algorithm
    (github.com/zawy12/difficulty-algorithms, issue 3), used by many small coins.
    """

    target: Target
    window: Window = 8

    def start(self, first: Interval) -> RankedSum:
        """Begin with an empty window."""
        return RankedSum(self.window)

    def decide(self, state: RankedSum, interval: Interval) -> tuple[RankedSum, Numbers]:
        """Return the weighted work over the weighted time; of fewer epochs where there are no more."""
        seen = state.push(np.array([interval.work, interval.time]))
        work, time = seen.total
        return seen, work / time
