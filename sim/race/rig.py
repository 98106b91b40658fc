"""Run one controller against one curve, all replications in parallel: work, time, decision, and again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sim.difficulty.base import Controller
from sim.economy.base import HORIZON, Curve, Floats, Market, Steps, check_layout
from sim.economy.timestamps import FalseTimestamps
from sim.race.clock import DRAWN_AT_ONCE, SHORTEST, FalseClock, draw_liars
from sim.race.compute import SteppedCompute
from sim.race.market import MarketCompute
from sim.race.steering import Steering
from sim.streams import draw_generator

MOST_DECISIONS = 10_000_000  # decisions · replications of one race, which are held in memory
MOST_TIMES = 16  # as many decisions as on schedule, at most, until the horizon
N_PARTS = 16  # of the decisions on schedule, in which a race goes on to its horizon


@dataclass(frozen=True)
class Setup:
    """The settings that all races of a lab share."""

    spacing_seconds: float
    """Wanted time from one nonce to the next."""
    n_decisions: int
    """Decisions of a race; with a horizon, as many as there are on schedule."""
    n_replications: int
    quota: int = 1
    """Nonces from one decision to the next."""
    warm_up: int = 200
    """Decisions before the curve begins, at its first value, which are not recorded; see `sim.race.memory`."""
    seed: int = 1
    small_host: float = 0.001
    """Share of the first compute that the host has whose income `small_host_sd` looks at."""
    false_timestamps: FalseTimestamps | None = None
    """False timestamps once the curve begins; None: all are true."""
    horizon_seconds: float | None = None
    """Time at which every replication ends, whatever its number of decisions; None: after `n_decisions`."""

    @property
    def interval_seconds(self) -> float:
        """Wanted time from one decision to the next."""
        return self.quota * self.spacing_seconds

    @property
    def nominal_seconds(self) -> float:
        """Length of a race whose controller is always right."""
        return self.horizon_seconds or self.n_decisions * self.interval_seconds


@dataclass(frozen=True)
class Race:
    """A race's history; every array is (decisions, replications)."""

    difficulty: Floats
    """In force when the interval begins; a waiting law may lower it before the interval ends."""
    ideal: Floats
    """Difficulty that would have met the setpoint at the compute of the interval's beginning."""
    time_ratio: Floats
    """Time that the interval took / wanted time."""
    tries: Floats
    """Nonces computed in the interval."""
    horizon: float = field(default=math.inf, kw_only=True)
    """Time at which each replication ends / wanted time of an interval.

    The interval in which it lies is the last that counts, and counts whole, so that none is left out for being long. A
    replication's intervals after that may be here, too, for others were still running.
    """

    @cached_property
    def begins(self) -> Floats:
        """Time at which an interval begins / wanted time."""
        return np.asarray(np.cumsum(self.time_ratio, axis=0) - self.time_ratio)

    @cached_property
    def counts(self) -> NDArray[np.bool_]:
        """Whether an interval is part of its replication's race."""
        return np.asarray(self.begins < self.horizon)

    @cached_property
    def n_counted(self) -> NDArray[np.int64]:
        """Decisions of each replication, (replications,)."""
        return np.asarray(self.counts.sum(axis=0))

    @cached_property
    def times(self) -> Floats:
        """Time of an interval that counts / wanted time; 0 for another."""
        return np.where(self.counts, self.time_ratio, 0.0)

    @cached_property
    def times_inside(self) -> Floats:
        """The same, of the last one only what lies before the horizon."""
        return np.minimum(np.maximum(self.horizon - self.begins, 0.0), self.times)


def lay_out(curve: Curve, setup: Setup) -> list[Steps | Market]:
    """Return the curve of each replication; random curves share their noise as well. Raises CurveError."""
    horizon = HORIZON * setup.nominal_seconds
    generators = (draw_generator(setup.seed, "race", "curve", each) for each in range(setup.n_replications))
    return [check_layout(curve.lay_out(horizon, generator)) for generator in generators]


def run_race(controller: Controller, curves: Sequence[Steps | Market], setup: Setup) -> Race:
    """Run one controller against one curve; every controller meets the same random numbers."""
    compute, read_clock = _make_compute(curves, setup), _make_clock(setup)
    first = compute.rate * setup.spacing_seconds
    has_lies = setup.false_timestamps is not None
    steering = Steering(controller, first, setup.quota, 1 - setup.warm_up, has_lies=has_lies)
    work, wanted_seconds = draw_work(setup), setup.interval_seconds
    difficulty = _warm_up(steering, first, setup)

    def count_tries(wait: Floats) -> Floats:
        return compute.count_tries(wait * wanted_seconds)

    parts: list[Race] = []
    for n_decisions in _plan(setup):
        found = Race(*(np.empty((n_decisions, setup.n_replications)) for _ in range(4)))
        for number in range(n_decisions):
            compute.react(difficulty)
            found.difficulty[number] = difficulty
            found.ideal[number] = compute.rate
            tries = found.tries[number]
            found_at = steering.search(next(work), difficulty, count_tries, out=tries)
            elapsed = compute.advance(tries)
            time_ratio = np.maximum(elapsed / wanted_seconds, SHORTEST, out=found.time_ratio[number])
            difficulty = steering.decide(found_at, read_clock(time_ratio))
        found.ideal[:] *= setup.spacing_seconds
        parts.append(found)
        if sum(part.time_ratio.sum(axis=0) for part in parts).min() * wanted_seconds >= setup.nominal_seconds:
            break
    return _join(parts, setup)


def _plan(setup: Setup) -> Iterator[int]:
    """Yield numbers of decisions to go on with: all at once, or parts until every replication is at its horizon."""
    yield setup.n_decisions
    if setup.horizon_seconds is not None:
        most = min(MOST_TIMES * setup.n_decisions, MOST_DECISIONS // setup.n_replications) - setup.n_decisions
        step = math.ceil(setup.n_decisions / N_PARTS)
        yield from (min(step, most - done) for done in range(0, most, step))


def _join(parts: Sequence[Race], setup: Setup) -> Race:
    """Put the parts of a race one after the other, without decisions that count nowhere."""
    if setup.horizon_seconds is None:
        return parts[0]
    names = ("difficulty", "ideal", "time_ratio", "tries")
    whole = [np.concatenate([getattr(part, name) for part in parts]) for name in names]
    horizon = setup.horizon_seconds / setup.interval_seconds
    n_decisions = int(Race(*whole, horizon=horizon).n_counted.max())
    return Race(*(each[:n_decisions] for each in whole), horizon=horizon)


def _warm_up(steering: Steering, first: Floats, setup: Setup) -> Floats:
    """Let the controller decide before the curve begins, at its first compute; return the difficulty then in force."""
    difficulty, tries, by_first_compute = first, np.empty_like(first), first * setup.quota
    for row in draw_warm_up(setup):
        found_at = steering.search(row, difficulty, lambda wait: wait * by_first_compute, out=tries)
        difficulty = steering.decide(found_at, np.maximum(tries / by_first_compute, SHORTEST))
    return difficulty


def _make_compute(curves: Sequence[Steps | Market], setup: Setup) -> SteppedCompute | MarketCompute:
    """All replications of a race are on one kind of curve."""
    markets = [curve for curve in curves if isinstance(curve, Market)]
    if markets:
        return MarketCompute(markets, setup.spacing_seconds, setup.quota)
    return SteppedCompute([curve for curve in curves if isinstance(curve, Steps)])


def _make_clock(setup: Setup) -> Callable[[Floats], Floats]:
    """From the time that an interval took to the time that timestamps tell, both / wanted time."""
    if setup.false_timestamps is None:
        return lambda time_ratio: time_ratio
    liars = draw_liars(setup.seed, setup.n_replications, setup.n_decisions + 1)
    return FalseClock(setup.false_timestamps, setup.interval_seconds, liars).read


def draw_work(setup: Setup) -> Iterator[Floats]:
    """Tries that each next quota takes, in units of the difficulty: a Gamma law, an exponential one for one nonce.

    Each replication has its own stream, which depends on neither controllers nor curves.
    """
    generators = [draw_generator(setup.seed, "race", "work", each) for each in range(setup.n_replications)]
    n_rows = min(DRAWN_AT_ONCE, setup.n_decisions)
    while True:
        yield from np.array([generator.standard_gamma(setup.quota, n_rows) for generator in generators]).T.copy()


def draw_warm_up(setup: Setup) -> Floats:
    """Tries of the quotas before a race, as in `draw_work`, (warm_up, replications).

    They are drawn backwards from the race's beginning: controllers with warm-ups of their own share the latest past.
    """
    generators = [draw_generator(setup.seed, "race", "warm-up", each) for each in range(setup.n_replications)]
    drawn = np.array([generator.standard_gamma(setup.quota, setup.warm_up) for generator in generators])
    return np.ascontiguousarray(drawn.T[::-1])
