"""Run one controller against one curve, all replications in parallel: work, time, decision, and again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sim.difficulty.base import Controller
from sim.economy.base import HORIZON, Curve, Floats, Market, Steps, check_layout
from sim.economy.timestamps import FalseTimestamps
from sim.race.clock import DRAWN_AT_ONCE, SHORTEST, FalseClock, draw_liars
from sim.race.compute import SteppedCompute
from sim.race.market import MarketCompute
from sim.race.steering import Steering
from sim.streams import draw_generator


@dataclass(frozen=True)
class Setup:
    """The settings that all races of a lab share."""

    spacing_seconds: float
    """Wanted time from one nonce to the next."""
    n_decisions: int
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

    @property
    def interval_seconds(self) -> float:
        """Wanted time from one decision to the next."""
        return self.quota * self.spacing_seconds

    @property
    def nominal_seconds(self) -> float:
        """Length of a race whose controller is always right."""
        return self.n_decisions * self.interval_seconds


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

    found = Race(*(np.empty((setup.n_decisions, setup.n_replications)) for _ in range(4)))
    for number in range(setup.n_decisions):
        compute.react(difficulty)
        found.difficulty[number] = difficulty
        found.ideal[number] = compute.rate
        tries = found.tries[number]
        found_at = steering.search(next(work), difficulty, count_tries, out=tries)
        elapsed = compute.advance(tries)
        time_ratio = np.maximum(elapsed / wanted_seconds, SHORTEST, out=found.time_ratio[number])
        difficulty = steering.decide(found_at, read_clock(time_ratio))
    found.ideal[:] *= setup.spacing_seconds
    return found


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
        return MarketCompute(markets, setup.spacing_seconds)
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
