"""The protocol of controllers. A controller is a fold: memory and interval in, memory and difficulty out.

Controllers act on difficulty = 1 / hit probability, never on r_target: 0.23 % of r_target is a factor 2.5 in
difficulty (kernel 4). The live network has no such rule: a controller is a what-if (protocol 8).

They see intervals: the difficulty in force, n = found / wanted, and t = time taken / time that it should take. In the
full network an interval is an epoch, t = 1 and n is random: of valid nonces, or of another quantity of `Target`. In the
race rig it ends with a block or a quota of nonces, n = 1 and t is random. Every law is written in both, and with
NumPy's functions (`np.where`, `np.minimum`, `np.exp`), so that the same lines decide for the chain, on numbers, and for
all replications of a race at once, on rows.

Most look at one number per interval, the *ideal* difficulty D · n / t: the one that would have met the setpoint. Under
constant compute it is constant but for chance, whatever the difficulty in force was.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Protocol

from pydantic import Field

from sim.difficulty.interval import Interval, Numbers, clamp
from sim.difficulty.target import Target, read_interval
from sim.protocol.blocks.epochs import NextDifficulty
from sim.protocol.blocks.state import EpochObservation

__all__ = ["Controller", "Interval", "Numbers", "Target", "Window", "clamp"]

Window = Annotated[int, Field(ge=1, le=100_000, description="epochs that count")]


class Controller(Protocol):
    """Decides once per epoch, at VE; the chain puts the decision in force at S.

    Its memory is a value of any type, None where it has none: `decide` returns another one and changes nothing.
    """

    @property
    def target(self) -> Target | None:
        """The controlled quantity and its setpoint; None for a controller without one."""

    def start(self, first: Interval) -> Any:
        """Return the memory before the first interval, which `decide` then takes in as well."""

    def decide(self, state: Any, interval: Interval) -> tuple[Any, Numbers]:
        """Return the memory after an interval and the difficulty of the next one."""


def steer(controller: Controller) -> NextDifficulty:
    """Return the chain's view of a controller: from its memory and a finished epoch to both of the next."""

    def decide(control: Any, observation: EpochObservation) -> tuple[Any, float]:
        interval = read_interval(controller.target, observation)
        state, decided = controller.decide(controller.start(interval) if control is None else control, interval)
        return state, float(decided)

    return decide


def replay(controller: Controller, intervals: Iterable[Interval]) -> list[Numbers]:
    """Return the decision after each of these intervals, the controller's first ones, whether heeded or not."""
    state, decisions = None, list[Numbers]()
    for number, interval in enumerate(intervals):
        state, decided = controller.decide(state if number else controller.start(interval), interval)
        decisions.append(decided)
    return decisions
