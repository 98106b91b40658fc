"""Hosts that come and go in every replication at once: vectorised twins of the plug-ins, or the plug-in itself.

The laws stand in the plug-ins of `sim.economy`; a test holds each twin to its plug-in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from sim.difficulty.windows import MovingSum
from sim.economy.base import Floats, Hosts, Market, Offer, Steps
from sim.economy.profit_driven import HOUR_SECONDS, ProfitDriven


class Crowd(Protocol):
    """The hosts of every replication."""

    def respond(self, price: Floats, difficulty: Floats, ideal: Floats) -> Floats:
        """Return nonces per second until the next decision; the arguments are an `Offer` of each replication."""


class MarketCompute:
    """Compute that answers price and difficulty at each decision, and does not change between two of them."""

    def __init__(self, markets: Sequence[Market], spacing_seconds: float) -> None:
        """All markets have the same hosts; their prices differ."""
        hosts = markets[0].hosts
        self._prices, self._now = Levels([market.prices for market in markets]), np.zeros(len(markets))
        price = self._prices.look_up(self._now)
        self._rate = np.array([hosts.first_compute(each, spacing_seconds) for each in price.tolist()])
        self._crowd = make_crowd(hosts, price, self._rate * spacing_seconds)
        self._spacing, self._switching = spacing_seconds, hosts.switching_time
        self._lost = np.zeros(len(markets))

    @property
    def rate(self) -> Floats:
        """Nonces per second of each replication until the next decision."""
        return self._rate

    def react(self, difficulty: Floats) -> None:
        """Let the hosts see the difficulty that is now in force."""
        before = self._rate
        self._rate = self._crowd.respond(self._prices.look_up(self._now), difficulty, before * self._spacing)
        if self._switching > 0:
            self._lost = np.maximum(self._rate - before, 0.0) * self._switching

    def advance(self, tries: Floats) -> Floats:
        """Do so many tries; return the seconds that it took. Work lost by hosts that just joined comes on top."""
        elapsed: Floats = (tries + self._lost) / self._rate
        self._now = self._now + elapsed
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


def make_crowd(hosts: Hosts, price: Floats, difficulty: Floats) -> Crowd:
    """Return the hosts' twin, or a crowd that asks the hosts themselves, replication by replication.

    `price`, `difficulty`: at the race's beginning, where the difficulty is right for the compute.
    """
    return TWINS.get(type(hosts), ReadableCrowd)(hosts, price, difficulty)


class ReadableCrowd(Crowd):
    """The plug-in's own `next_compute` on each replication's history."""

    def __init__(self, hosts: Hosts, price: Floats, difficulty: Floats) -> None:
        self._hosts = hosts
        rows = zip(price.tolist(), difficulty.tolist(), difficulty.tolist(), strict=True)
        self._histories = [[Offer(*row)] for row in rows]

    def respond(self, price: Floats, difficulty: Floats, ideal: Floats) -> Floats:
        """Ask the plug-in once for each replication."""
        rows = zip(self._histories, price.tolist(), difficulty.tolist(), ideal.tolist(), strict=True)
        for history, *seen in rows:
            history.append(Offer(*seen))
        return np.array([self._hosts.next_compute(history) for history in self._histories])


class ProfitDrivenCrowd(Crowd):
    """Twin of `profit_driven`."""

    def __init__(self, hosts: ProfitDriven, price: Floats, difficulty: Floats) -> None:
        self._hosts, self._scale = hosts, hosts.cost / (HOUR_SECONDS * hosts.reward)
        first = difficulty * self._scale / price
        self._costs = MovingSum(hosts.window)
        for _ in range(hosts.window):
            self._costs = self._costs.push(first)
        self._on_their_way = deque([first] * hosts.delay)
        self._none, self._slope = 1.0 + hosts.variable_margin, hosts.variable / (2.0 * hosts.variable_margin)
        self._is_greedy_here = 1.0 - first >= hosts.greedy_margin

    def respond(self, price: Floats, difficulty: Floats, ideal: Floats) -> Floats:
        """Add the compute of variable and greedy hosts to that of the steady ones."""
        hosts = self._hosts
        tries = difficulty if hosts.paid_per == "nonce" else ideal
        self._costs = self._costs.push(tries * self._scale / price)
        self._on_their_way.append(self._costs.total / hosts.window)
        cost = self._on_their_way.popleft()
        joined = np.minimum(np.maximum((self._none - cost) * self._slope, 0.0), hosts.variable)
        is_cheap, is_dear = 1.0 - cost >= hosts.greedy_margin, cost - 1.0 >= hosts.greedy_margin
        self._is_greedy_here = (self._is_greedy_here | is_cheap) & ~is_dear
        return hosts.steady + joined + hosts.greedy * self._is_greedy_here


TWINS: dict[type, Callable[[Any, Floats, Floats], Crowd]] = {ProfitDriven: ProfitDrivenCrowd}
