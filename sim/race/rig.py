"""A race: difficulty, work, time, decision, and again, in every replication at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sim.difficulty.base import Controller
from sim.economy.base import HORIZON, Curve, Floats, Steps
from sim.race.compute import Compute
from sim.race.rules import Rule, Start, make_rule
from sim.streams import draw_generator

SHORTEST = 1e-9  # of the wanted time: no interval takes less, for floats to divide by
LARGEST_CHANGE = 1e12  # no difficulty leaves its first value by more, either way
DRAWN_AT_ONCE = 4096


@dataclass(frozen=True)
class Setup:
    """What all races of a lab share."""

    spacing_seconds: float
    """Wanted time from one nonce to the next."""
    n_decisions: int
    n_replications: int
    quota: int = 1
    """Nonces from one decision to the next."""
    warm_up: int = 200
    """Decisions before the curve begins, at its first value, which are not recorded."""
    seed: int = 1

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
    """What happened, (decisions, replications)."""

    difficulty: Floats
    """In force."""
    ideal: Floats
    """Difficulty that would have met the setpoint at the compute of the interval's beginning."""
    time_ratio: Floats
    """Time that the interval took / wanted time."""


def lay_out(curve: Curve, setup: Setup) -> list[Steps]:
    """Return the curve of each replication; random curves share their noise as well. Raises CurveError."""
    horizon = HORIZON * setup.nominal_seconds
    generators = (draw_generator(setup.seed, "race", "curve", each) for each in range(setup.n_replications))
    return [curve.lay_out(horizon, generator) for generator in generators]


def run_race(controller: Controller, curves: list[Steps], setup: Setup) -> Race:
    """Run one controller against one curve; what chance does is the same for every controller."""
    compute = Compute(curves)
    first = compute.rate * setup.spacing_seconds
    rule = make_rule(controller, Start(first, setup.quota, 1 - setup.warm_up))
    low, high = first / LARGEST_CHANGE, first * LARGEST_CHANGE
    work = draw_work(setup)
    difficulty = first
    for _ in range(setup.warm_up):
        time_ratio = np.maximum(next(work) * difficulty / (first * setup.quota), SHORTEST)
        difficulty = _decide(rule, difficulty, time_ratio, low, high)
    found = Race(*(np.empty((setup.n_decisions, setup.n_replications)) for _ in range(3)))
    for number in range(setup.n_decisions):
        found.difficulty[number] = difficulty
        found.ideal[number] = compute.rate
        elapsed = compute.advance(next(work) * difficulty)
        time_ratio = np.maximum(elapsed / setup.interval_seconds, SHORTEST, out=found.time_ratio[number])
        difficulty = _decide(rule, difficulty, time_ratio, low, high)
    found.ideal[:] *= setup.spacing_seconds
    return found


def _decide(rule: Rule, difficulty: Floats, time_ratio: Floats, low: Floats, high: Floats) -> Floats:
    decided: Floats = np.minimum(np.maximum(rule.decide(difficulty, time_ratio), low), high)
    return decided


def draw_work(setup: Setup) -> Iterator[Floats]:
    """Tries that each next quota takes, in units of the difficulty: a Gamma law, an exponential one for one nonce.

    Each replication has its own stream, which knows nothing of controllers and curves.
    """
    generators = [draw_generator(setup.seed, "race", "work", each) for each in range(setup.n_replications)]
    n_rows = min(DRAWN_AT_ONCE, setup.warm_up + setup.n_decisions)
    while True:
        yield from np.array([generator.standard_gamma(setup.quota, n_rows) for generator in generators]).T.copy()
