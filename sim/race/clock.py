"""The clocks by which a controller sees time: the true one, or timestamps of which some are false."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from sim.economy.base import Floats
from sim.economy.timestamps import FalseTimestamps
from sim.streams import draw_generator

SHORTEST = 1e-9  # of the wanted time: no interval takes less, for floats to divide by
DRAWN_AT_ONCE = 4096


class Clock(Protocol):
    """Timestamps of the decisions."""

    def read(self, time_ratio: Floats) -> Floats:
        """Return an interval's time by the timestamps from the true time, both / wanted time."""


class TrueClock(Clock):
    """Every timestamp is right."""

    def read(self, time_ratio: Floats) -> Floats:
        """Return the true times."""
        return time_ratio


class FalseClock(Clock):
    """A share of the timestamps is false. Times count in wanted intervals, from the last decision before the race."""

    def __init__(self, false: FalseTimestamps, interval_seconds: float, liars: Iterator[Floats]) -> None:
        """`liars`: rows of uniform numbers; below `share` the timestamp is false."""
        self._false, self._liars = false, liars
        self._ahead, self._second = false.most_ahead / interval_seconds, 1.0 / interval_seconds
        row = next(liars)
        self._last, self._now = np.zeros_like(row), np.zeros_like(row)
        self._claims = np.tile(-np.arange(false.median_of)[:, np.newaxis], len(row)).astype(np.float64)
        self._oldest = false.median_of - 1

    def read(self, time_ratio: Floats) -> Floats:
        """Let some timestamps lie, and read time off them as the chain does."""
        self._now = self._now + time_ratio
        claim = self._claim(next(self._liars) < self._false.share)
        since, self._last = self._last, claim
        if self._false.reading == "monotone":
            self._last = np.maximum(since, claim)
        passed = self._last - since
        if self._false.reading != "raw":
            return np.maximum(passed, SHORTEST)
        return np.where(np.abs(passed) < SHORTEST, SHORTEST, passed)

    def _claim(self, is_false: np.ndarray) -> Floats:
        lie = self._now + self._ahead if self._false.claim == "ahead" else -np.inf
        lowest = np.median(self._claims, axis=0) + self._second
        claim: Floats = np.maximum(np.where(is_false, lie, self._now), lowest)
        self._claims[self._oldest] = claim
        self._oldest = (self._oldest - 1) % len(self._claims)
        return claim


def draw_liars(seed: int, n_replications: int, n_rows: int) -> Iterator[Floats]:
    """Uniform numbers, a stream per replication that depends on neither controllers nor curves."""
    generators = [draw_generator(seed, "race", "timestamps", each) for each in range(n_replications)]
    while True:
        yield from np.array([generator.random(min(DRAWN_AT_ONCE, n_rows)) for generator in generators]).T.copy()
