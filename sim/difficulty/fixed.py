"""The live network's rule: r_target never moves by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sim.difficulty import controllers
from sim.protocol.state import EpochObservation


@controllers.register("fixed")
@dataclass(frozen=True)
class Fixed:
    """Keeps the difficulty as it is, like the live network.

    Reference: protocol 8.
    """

    @property
    def target(self) -> None:
        """Nothing is controlled."""

    def next_difficulty(self, history: Sequence[EpochObservation]) -> float:
        """Return the difficulty of the epoch that just closed."""
        return history[-1].difficulty
