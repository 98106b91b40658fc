"""Difficulty that is renewed once in a period, and cut after every block that ends a drought."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from sim.difficulty import controllers
from sim.difficulty.base import Interval, Numbers, Target
from sim.difficulty.epoch_average import EpochAverage, EpochAverageState

MEDIAN_OF = 11  # timestamps whose median is a chain's clock


class EmergencyCutState(NamedTuple):
    """Memory of `emergency_cut`."""

    regular: EpochAverageState
    times: tuple[Numbers, ...]
    """Times of the last blocks, the newest last, in wanted times of an interval."""


@controllers.register("emergency_cut")
@dataclass(frozen=True)
class EmergencyCut:
    """Renews the difficulty as `epoch_average` does, and cuts it by `cut` after each block that ends a drought.

    Law: at the end of a period D' = D · clamp(Σ n_i / Σ t_i, 1 / max_step, max_step); within it D' = D · (1 - cut) if
    the last `blocks` intervals took `limit` wanted times or more, else D' = D. Time is read as the chain reads it, by
    the median of the last 11 timestamps, so that a drought is seen five blocks late, cut once for each block while it
    is seen, and never made up for before the next renewal. Compute that follows profit learns to wait for the cuts:
    difficulty and block times swing for days. Source: emergency difficulty adjustment of Bitcoin Cash, 1 August to 13
    November 2017 (6 blocks, 12 hours of 10 minutes each, target + 1/4).
    """

    target: Target
    period: Annotated[int, Field(ge=1, le=100_000, description="epochs from one renewal to the next")] = 2016
    max_step: Annotated[float, Field(gt=1.0, le=1000.0, description="largest factor of one renewal")] = 4.0
    blocks: Annotated[int, Field(ge=1, le=1000, description="epochs of a drought")] = 6
    limit: Annotated[float, Field(gt=0.0, le=1e6, description="wanted times that they take at least")] = 72.0
    cut: Annotated[float, Field(gt=0.0, lt=1.0, description="share of the difficulty that is cut")] = 0.2

    def start(self, first: Interval) -> EmergencyCutState:
        """Begin a period, after blocks that came on time."""
        times = tuple(float(number) for number in range(1 - MEDIAN_OF - self.blocks, 1))
        return EmergencyCutState(self._regular.start(first), times)

    def decide(self, state: EmergencyCutState, interval: Interval) -> tuple[EmergencyCutState, Numbers]:
        """Return the renewed difficulty at a period's end, else the last one, cut in a drought."""
        regular, decided = self._regular.decide(state.regular, interval)
        times = (*state.times[1:], state.times[-1] + interval.time / interval.ratio)
        if regular.n_seen > 0:
            is_drought = _read_clock(times[-MEDIAN_OF:]) - _read_clock(times[:MEDIAN_OF]) >= self.limit
            decided = np.where(is_drought, decided * (1.0 - self.cut), decided)[()]
        return EmergencyCutState(regular, times), decided

    @property
    def _regular(self) -> EpochAverage:
        return EpochAverage(self.target, self.period, self.max_step)


def _read_clock(times: tuple[Numbers, ...]) -> Numbers:
    """Return the median of some timestamps, for each replication."""
    clock: Numbers = np.median(np.array(np.broadcast_arrays(*times)), axis=0)
    return clock
