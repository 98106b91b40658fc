"""Difficulty that is renewed once in a period, or while a block is awaited in a period that lasts too long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sim.difficulty import controllers
from sim.difficulty.base import Interval, Numbers, Target
from sim.difficulty.waiting import Relief, WaitingLaw

N_STEPS, STEP = 16, 2.0**0.25


class SlowEpochState(NamedTuple):
    """Memory of `slow_epoch`: sums over the period so far."""

    n_seen: int = 0
    found: Numbers = 0.0
    time: Numbers = 0.0


@controllers.register("slow_epoch")
@dataclass(frozen=True)
class SlowEpoch:
    """Every `period` epochs, multiplies the difficulty by the period's found / wanted; at once if the period is slow.

    Law: D' = D · Σ n_i / Σ t_i at the end of a period of N, n = found / wanted, t = time / wanted time, D' = D within
    it. While a block is awaited and T, the time since the period began, is beyond `limit` · N, the block may be found
    at D · N / T, and its difficulty is then the one in force; T is laid out in 16 steps of a fourth of a doubling each,
    from `limit` · N on. The period goes on, so that each further block of a slow period is adjusted again: after an
    outage the difficulty falls far below what is right, until the period ends. In a network no block is awaited,
    and the rule is refused. Source: Kadena's emergency difficulty adjustment (chainweb-node, `slowEpoch`: 120 blocks,
    limit 5; in force up to height 80 000 of 2019, later called a misfeature).
    """

    target: Target
    period: Annotated[int, Field(ge=1, le=100_000, description="epochs from one renewal to the next")] = 120
    limit: Annotated[
        float, Field(gt=1.0, le=1000.0, description="a period is slow beyond so many times its wanted time")
    ] = 5.0

    def start(self, first: Interval) -> SlowEpochState:
        """Begin a period."""
        return SlowEpochState()

    def decide(self, state: SlowEpochState, interval: Interval) -> tuple[SlowEpochState, Numbers]:
        """Return the renewed difficulty at a period's end, else the one at which the last interval ended."""
        seen = SlowEpochState(state.n_seen + 1, state.found + interval.ratio, state.time + interval.time)
        if seen.n_seen < self.period:
            return seen, interval.difficulty
        return SlowEpochState(), interval.difficulty * (seen.found / seen.time)

    @property
    def waiting(self) -> WaitingLaw:
        """The adjustment of a slow period."""
        return self._ease

    def _ease(self, state: SlowEpochState, difficulty: Numbers) -> Sequence[Relief]:
        """All steps at once; no difficulty falls below 1, where every try is valid."""
        return [Relief(self._ratios * self.period - state.time, np.maximum(difficulty / self._ratios, 1.0))]

    @property
    def _ratios(self) -> NDArray[np.float64]:
        """T / N at the beginning of each step, (steps, 1)."""
        ratios: NDArray[np.float64] = self.limit * STEP ** np.arange(N_STEPS)[:, np.newaxis]
        return ratios
