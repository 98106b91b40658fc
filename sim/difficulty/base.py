"""What a controller is: a pure rule from finished epochs to the next difficulty.

Controllers act on difficulty = 1 / hit probability, never on r_target: 0.23 % of r_target is a factor 2.5 in
difficulty (kernel 4). The live network has no such rule: a controller is a what-if (protocol 8).

They see intervals: the difficulty in force, n = found / wanted, and t = time taken / time that it should take. In the
full network an interval is an epoch, t = 1 and n is random: of valid nonces, or of another quantity of `Target`. In the
race rig it ends with a block or a quota of nonces,
n = 1 and t is random. Every rule is written in both, so that one rule serves both.

Most look at one number per interval, the *ideal* difficulty D · n / t: the one that would have met the setpoint. Under
constant compute it is constant but for chance, whatever the difficulty in force was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Protocol

from pydantic import Field

from sim.difficulty.target import Target
from sim.protocol.state import EpochObservation

__all__ = ["Controller", "Target", "Window"]

Window = Annotated[int, Field(ge=1, le=100_000, description="epochs that count")]


class Controller(Protocol):
    """Decides once per epoch, at VE; the chain puts the decision in force at S."""

    @property
    def target(self) -> Target | None:
        """What is controlled, and its setpoint; None where nothing is."""

    def next_difficulty(self, history: Sequence[EpochObservation]) -> float:
        """Return the difficulty of the next epoch; `history` ends with the epoch that just closed."""
