"""Difficulty by hand: values that the scenario sets beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from sim.difficulty import controllers
from sim.difficulty.base import Interval, Numbers


class Decision(BaseModel):
    """One decision."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    epoch: Annotated[int, Field(ge=2, le=1_000_000, description="first epoch in which it holds", examples=[2])]
    difficulty: Annotated[float, Field(ge=1.0, le=1e300, description="tries per valid nonce", examples=[40.0])]


@controllers.register("schedule")
@dataclass(frozen=True)
class GovernanceSchedule:
    """Sets the difficulty at given epochs, as the live network's governance does, and keeps it in between.

    Reference: protocol 8.
    """

    steps: Annotated[
        tuple[Decision, ...],
        Field(
            min_length=1,
            strict=False,
            description="decisions, in any order",
            examples=[[{"epoch": 2, "difficulty": 40.0}]],
        ),
    ]

    @property
    def target(self) -> None:
        """No target."""

    def start(self, first: Interval) -> None:
        """No memory."""

    def decide(self, state: None, interval: Interval) -> tuple[None, Numbers]:
        """Return the difficulty that the latest decision so far asks for, else that of the last epoch."""
        due = [step for step in self.steps if step.epoch <= interval.index + 1]
        return None, max(due, key=lambda step: step.epoch).difficulty if due else interval.difficulty
