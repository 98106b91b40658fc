"""Work done over time for steps of compute: how long the next piece of work takes, exactly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sim.economy.base import Floats, Steps


class SteppedCompute:
    """Where each replication stands on its curve. Work (tries) grows in straight pieces, so that it inverts exactly.

    While there is no compute nothing is done: work that is left then ends after compute is back.
    """

    def __init__(self, curves: Sequence[Steps]) -> None:
        n_steps = max(len(curve.times) for curve in curves)
        times = np.array([_fill(curve.times, n_steps) for curve in curves])
        values = np.array([_fill(curve.values, n_steps) for curve in curves])
        work = np.zeros_like(times)
        np.cumsum(np.diff(times, axis=1) * values[:, :-1], axis=1, out=work[:, 1:])
        ends = np.concatenate([work[:, 1:], np.full((len(curves), 1), np.inf)], axis=1)
        self._times, self._values, self._work, self._ends = (each.ravel() for each in (times, values, work, ends))
        self._lasts_until = np.concatenate([times[:, 1:], np.full((len(curves), 1), np.inf)], axis=1).ravel()
        self._position = np.arange(len(curves)) * n_steps
        self._done = np.zeros(len(curves))
        self._now = np.zeros(len(curves))
        self._end, self._rate = self._ends[self._position], self._values[self._position]
        self._start, self._before = self._times[self._position], self._work[self._position]

    @property
    def rate(self) -> Floats:
        """Nonces per second at this moment, of each replication; it changes with the next `advance`."""
        return self._rate

    def react(self, difficulty: Floats) -> None:
        """Ignored: this curve does not depend on the difficulty."""

    def advance(self, tries: Floats) -> Floats:
        """Do so many tries; return the seconds that it took."""
        self._done += tries
        is_past = self._done >= self._end
        if np.count_nonzero(is_past):  # a tenth of the time that `any` takes on short rows
            self._move_on(np.flatnonzero(is_past))
        before = self._now
        self._now = self._start + (self._done - self._before) / self._rate
        return self._now - before

    def count_tries(self, seconds: Floats) -> Floats:
        """Return how many tries the next so many seconds bring; nothing moves on."""
        until, at = self._now + seconds, self._position.copy()
        moving = np.flatnonzero(until >= self._lasts_until[at])
        while moving.size:
            at[moving] += 1
            moving = moving[until[moving] >= self._lasts_until[at[moving]]]
        tries: Floats = self._work[at] + (until - self._times[at]) * self._values[at] - self._done
        return np.maximum(tries, 0.0)

    def _move_on(self, past: NDArray[np.int64]) -> None:
        """Find the step on which each of these replications stands now."""
        moving = past
        while moving.size:
            self._position[moving] += 1
            moving = moving[self._done[moving] >= self._ends[self._position[moving]]]
        at = self._position[past]
        self._end[past], self._rate[past] = self._ends[at], self._values[at]
        self._start[past], self._before[past] = self._times[at], self._work[at]


def _fill(row: Floats, n_steps: int) -> Floats:
    """Repeat the last entry: steps without length, where replications have different numbers of them."""
    return np.concatenate([row, np.full(n_steps - len(row), row[-1])])
