"""Rules that act while a block is awaited: the difficulty falls if the wait is long, before any block has said so.

A decision sets the difficulty of the next interval. A controller with a *waiting law* says besides, by a pure function
of its memory and of that difficulty, how it falls with the wait: from `after` on it is at most `difficulty`. Such a
controller has a property `waiting` that returns the function; without the property, or where it returns None, the
difficulty stays as it was decided. Waits count from the last decision, in wanted times of an interval.

Only races have such a wait. In the network an epoch ends by itself, whatever is found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sim.difficulty.interval import Numbers

RULE = "rule"
"""The parameter in which a controller holds another one whose decisions it changes."""


@dataclass(frozen=True, slots=True)
class Relief:
    """A part of a waiting law: from the wait `after` on, the difficulty is at most `difficulty`.

    Both are numbers, rows, (replications,), or several rows with a relief each, (reliefs, replications). `after` counts
    in wanted times of an interval, from the last decision; 0 or less holds from the start, infinity never.
    """

    after: Numbers
    difficulty: Numbers


WaitingLaw: TypeAlias = Callable[[Any, Numbers], Sequence[Relief]]
"""From a controller's memory and the difficulty that it decided to all reliefs of the coming wait, in any order."""


def get_waiting_law(controller: object) -> WaitingLaw | None:
    """Return the waiting law of a controller, None for one that waits."""
    law: WaitingLaw | None = getattr(controller, "waiting", None)
    return law


def unwrap(controller: object) -> Iterator[object]:
    """Yield a controller and the rules inside it, from the outside in."""
    while controller is not None:
        yield controller
        controller = getattr(controller, RULE, None)
