"""A controller in every replication at once: its own lines on rows of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.difficulty.base import Controller, Interval
from sim.difficulty.waiting import get_waiting_law
from sim.economy.base import Floats
from sim.errors import UserError
from sim.race.waiting import CountTries, await_quota

REMEMBERED = 200
"""Intervals on the setpoint that a memory has taken in before a race: no controller starts from one lucky block."""
LARGEST_CHANGE = 1e12  # no difficulty leaves its first value by more, either way


class Steering:
    """A controller beside its memory of all replications. Each interval finds the wanted number, in a random time."""

    def __init__(self, controller: Controller, first: Floats, quota: int, first_index: int, *, has_lies: bool) -> None:
        """`first`: difficulty of each replication; `quota`: nonces an interval; `first_index`: of the first interval.

        `has_lies`: an interval of false timestamps may have no length or a negative one; a decision that is no
        difficulty then leaves the one in force. Raises UserError for a controller that cannot
        decide on rows.
        """
        self._controller, self._quota, self._has_lies = controller, quota, has_lies
        self._law = get_waiting_law(controller)
        self._low, self._high = first / LARGEST_CHANGE, first * LARGEST_CHANGE
        self._index = first_index
        self._check_rows(first)
        # Where all replications begin alike, one column stands for all until chance parts them.
        self._state = self._remember(first[:1] if (first == first[0]).all() else first)

    def _check_rows(self, first: Floats) -> None:
        """Raise UserError for a controller whose law is written for single numbers."""
        interval = Interval(first, 1.0, 1.0, np.ones_like(first), self._quota, self._index)
        try:
            self._controller.decide(self._controller.start(interval), interval)
        except (TypeError, ValueError) as error:
            raise UserError(
                f"controller {type(self._controller).__name__} cannot decide for all replications at once: {error}. "
                "Write its law with NumPy's functions (np.where, np.minimum, np.exp), see docs/plugins.md"
            ) from error

    def _remember(self, difficulty: Floats) -> Any:
        """Memory of intervals that met the setpoint, up to the first one of the race."""
        times = np.ones_like(difficulty)
        met = [Interval(difficulty, 1.0, 1.0, times, self._quota, self._index - n) for n in range(REMEMBERED, 0, -1)]
        state = self._controller.start(met[0])
        for interval in met:
            state, _ = self._controller.decide(state, interval)
        return state

    def search(self, work: Floats, difficulty: Floats, count_tries: CountTries, *, out: Floats) -> Floats:
        """Write the tries that the next quota takes into `out`; return the difficulty at which it is found.

        `work`: tries / difficulty that the quota needs; `difficulty`: as decided, from which a waiting law may depart.
        """
        if self._law is None:
            np.multiply(work, difficulty, out=out)
            return difficulty
        out[:], found_at = await_quota(work, difficulty, self._law(self._state, difficulty), count_tries)
        return found_at

    def decide(self, difficulty: Floats, time_ratio: Floats) -> Floats:
        """Return new difficulties from those in force and from the interval's time / wanted time."""
        interval = Interval(difficulty, 1.0, 1.0, time_ratio, self._quota, self._index)
        self._index += 1
        if self._has_lies:
            with np.errstate(divide="ignore"):
                self._state, decided = self._controller.decide(self._state, interval)
            decided = np.where((decided > 0) & (decided < np.inf), decided, difficulty)
        else:
            self._state, decided = self._controller.decide(self._state, interval)
        bounded: Floats = np.minimum(np.maximum(decided, self._low), self._high)
        return bounded
