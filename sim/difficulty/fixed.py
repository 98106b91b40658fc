"""The live network's rule: r_target never moves by itself."""

from __future__ import annotations

from dataclasses import dataclass

from sim.difficulty import controllers
from sim.difficulty.base import Interval, Numbers


@controllers.register("fixed")
@dataclass(frozen=True)
class Fixed:
    """Keeps the difficulty as it is, like the live network.

    Reference: protocol 8.
    """

    @property
    def target(self) -> None:
        """No target."""

    def start(self, first: Interval) -> None:
        """No memory."""

    def decide(self, state: None, interval: Interval) -> tuple[None, Numbers]:
        """Return the difficulty of the epoch that just closed."""
        return None, interval.difficulty
