"""Difficulty in proportion to the last epoch's finds, bounded per step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from sim.difficulty import controllers
from sim.difficulty.base import Interval, Numbers, Target, clamp


@controllers.register("proportional")
@dataclass(frozen=True)
class Proportional:
    """Multiplies the difficulty by (found / wanted) / (time / wanted time) of the last epoch, by at most `max_step`.

    Bitcoin's rule for a quota of nonces instead of a quota of blocks, with its clamp (there: 4).
    """

    target: Target
    max_step: Annotated[float, Field(gt=1.0, le=1000.0, description="largest factor of one decision")] = 2.0

    def start(self, first: Interval) -> None:
        """No memory."""

    def decide(self, state: None, interval: Interval) -> tuple[None, Numbers]:
        """Scale the last difficulty by found / wanted; an epoch without any valid nonce asks for the largest step."""
        factor = clamp(interval.found / interval.time, 1.0 / self.max_step, self.max_step)
        return None, interval.difficulty * factor
