"""Difficulty as an average in which recent epochs weigh more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sim.difficulty import controllers
from sim.difficulty.base import Target, Window
from sim.protocol.state import EpochObservation


@controllers.register("lwma")
@dataclass(frozen=True)
class LinearlyWeightedAverage:
    """Takes work over time of the last `window` epochs, weighted 1, 2, …, N towards the newest.

    Law: D' = Σ k · D_k · n_k / Σ k · t_k, n = found / wanted, t = time / wanted time. Stable for every N. Memory: N
    epochs, of mean age (N - 1) / 3. Noise under constant compute: σ(D)/D = √((4N + 2) / (3N (N + 1)) / wanted), as much
    as a simple average over 3N/4 epochs. Source: zawy12, LWMA difficulty algorithm
    (github.com/zawy12/difficulty-algorithms, issue 3), used by many small coins.
    """

    target: Target
    window: Window = 8

    def next_difficulty(self, history: Sequence[EpochObservation]) -> float:
        """Return the weighted work over the weighted time; fewer epochs where there are no more."""
        ranked = list(enumerate(history[-self.window :], 1))
        work = sum(rank * self.target.compute_work(observation) for rank, observation in ranked)
        return work / sum(rank * observation.time_ratio for rank, observation in ranked)
