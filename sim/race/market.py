"""Hosts that come and go in every replication at once, beside their price; their law stands in `sim.economy`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.economy.base import Floats, Market, Offer, Steps


class MarketCompute:
    """Compute that answers price and difficulty at each decision, and does not change between two of them."""

    def __init__(self, markets: Sequence[Market], spacing_seconds: float, quota: int) -> None:
        """All markets have the same hosts; their prices differ."""
        hosts = self._hosts = markets[0].hosts
        self._prices, self._now = Levels([market.prices for market in markets]), np.zeros(len(markets))
        price = self._prices.look_up(self._now)
        self._rate = hosts.first_compute(price, spacing_seconds)
        difficulty = self._rate * spacing_seconds
        self._work, self._time = difficulty, np.ones_like(difficulty)
        self._state = hosts.start(Offer(price, difficulty, self._work, self._time))
        self._interval, self._switching = quota * spacing_seconds, hosts.switching_time
        self._lost = np.zeros(len(markets))

    @property
    def rate(self) -> Floats:
        """Nonces per second of each replication until the next decision."""
        return self._rate

    def react(self, difficulty: Floats) -> None:
        """Let the hosts see the difficulty that is now in force."""
        before = self._rate
        offer = Offer(self._prices.look_up(self._now), difficulty, self._work, self._time)
        self._work = difficulty
        self._state, self._rate = self._hosts.respond(self._state, offer)
        if self._switching > 0:
            self._lost = np.maximum(self._rate - before, 0.0) * self._switching

    def count_tries(self, seconds: Floats) -> Floats:
        """Return how many tries the next so many seconds bring, if no decision comes in between."""
        return np.maximum(self._rate * seconds - self._lost, 0.0)

    def advance(self, tries: Floats) -> Floats:
        """Do so many tries; return the seconds that it took. Work lost by hosts that just joined comes on top."""
        elapsed: Floats = (tries + self._lost) / self._rate
        self._now = self._now + elapsed
        self._time = elapsed / self._interval
        return elapsed


class Levels:
    """Values in force, looked up at times that only grow."""

    def __init__(self, paths: Sequence[Steps]) -> None:
        n_steps = max(len(path.times) for path in paths)
        self._values = _lay_side_by_side([path.values for path in paths], n_steps)
        self._first = np.arange(len(paths)) * n_steps
        is_shared = all(np.array_equal(path.times, paths[0].times) for path in paths)
        timed = paths[:1] if is_shared else paths
        self._ends = _lay_side_by_side([path.times[1:] for path in timed], n_steps)
        self._first_end = np.zeros_like(self._first) if is_shared else self._first
        self._step = np.zeros_like(self._first)
        self._end = self._ends[self._first_end]

    def look_up(self, now: Floats) -> Floats:
        """Return the value of each replication at its time."""
        moving = np.flatnonzero(now >= self._end)
        while moving.size:
            self._step[moving] += 1
            self._end[moving] = self._ends[self._first_end[moving] + self._step[moving]]
            moving = moving[now[moving] >= self._end[moving]]
        found: Floats = self._values[self._first + self._step]
        return found


def _lay_side_by_side(rows: Sequence[Floats], length: int) -> Floats:
    """Return the rows as one array, each filled up to a length with times that no race reaches."""
    return np.concatenate([part for row in rows for part in (row, np.full(length - len(row), np.inf))])
