"""How long a controller remembers how a race began: the warm-up after which chance, and nothing else, moves it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice

import numpy as np

from sim.difficulty.base import Controller
from sim.economy.base import Floats
from sim.race.steering import REMEMBERED, Steering

FORGOTTEN = 0.01  # of an answer that is still to come
FIRST_LOOK, LONGEST = 256, 65_536  # decisions after which the answer is looked at, doubled up to the longest
LONG_LOOK = 4096  # before, a rule that rests elsewhere may wait for the end of a period
FEWEST_SWINGS, FADING = 8, 0.99
ANY_DIFFICULTY = 1e6


def compute_warm_up(controller: Controller, quota: int) -> int:
    """Return the decisions that a race of this controller needs before it begins, at least `REMEMBERED`.

    Raises UserError for a controller that cannot decide on rows.
    """
    memory = measure_memory(controller, quota)
    return max(REMEMBERED, LONGEST if math.isinf(memory) else round(memory))


def measure_memory(controller: Controller, quota: int) -> float:
    """Return the decisions in which a doubled compute is answered but for 1 %, in a race without chance.

    That is N for an average over N intervals, and about 4.6 lifetimes for an exponential one. 0: nothing is controlled,
    or the rule swings for ever, which no warm-up ends. Infinite: more than `LONGEST`. Raises UserError for a controller
    that cannot decide on rows.
    """
    if controller.target is None:
        return 0.0
    errors, seen = _answer(controller, quota), np.empty(0)
    while len(seen) < LONGEST:
        seen = np.append(seen, list(islice(errors, max(FIRST_LOOK, len(seen)))))
        is_under_way = np.abs(seen - seen[-1]) > FORGOTTEN * abs(seen[0] - seen[-1])
        memory = len(seen) - int(np.argmax(is_under_way[::-1]))
        is_answered = abs(seen[-1]) <= FORGOTTEN * abs(seen[0]) or len(seen) >= LONG_LOOK
        if is_answered and is_under_way.any() and 2 * memory <= len(seen):
            return float(memory)
        if len(seen) > 2 * FIRST_LOOK and _swings(seen):
            return 0.0
    return math.inf


def _answer(controller: Controller, quota: int) -> Iterator[float]:
    """Yield ln(difficulty / ideal) from the moment on at which compute has doubled; each quota takes its mean work."""
    first, wanted = np.array([ANY_DIFFICULTY]), np.array([2.0 * ANY_DIFFICULTY])
    steering, difficulty = Steering(controller, first, quota, 1, has_lies=False), first
    while True:
        yield float(np.log(difficulty / wanted)[0])
        difficulty = steering.decide(difficulty, difficulty / wanted)


def _swings(errors: Floats) -> bool:
    """Whether the last half goes up and down about its mean and does not fade."""
    late = errors[len(errors) // 2 :]
    is_above = late > late.mean()
    earlier, later = (float(np.ptp(part)) for part in np.array_split(late, 2))
    n_swings = np.count_nonzero(is_above[1:] != is_above[:-1])
    return bool(n_swings >= FEWEST_SWINGS and later >= FADING * earlier > 0.0)
