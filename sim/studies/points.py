"""One controller with given parameters on all curves of a search, in numbers; many of them, on several processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from sim.difficulty.base import Controller
from sim.economy.base import Curve, Floats
from sim.execution.pool import LocalPool
from sim.race.measures import RACE_MEASURES
from sim.race.rig import Setup, lay_out
from sim.race.tune_file import Aim, Constraint, KnownMeasures, Number, Objective, Tune, TuneConfig
from sim.streams import draw_generator
from sim.studies.lab import make_setup, race_and_measure

Parameters = Mapping[str, Number]
Scores = Sequence[Mapping[str, Floats]]
"""Of each curve, its measures: a value per replication."""
Evaluate = Callable[[Sequence[Controller], str], Iterator[Scores]]
"""Controllers and the purpose of their races -> scores, in the same order. Each purpose has its own random numbers."""

SEARCH, CHOICE, CHECK = "search", "choice", "check"
FEW_DECISIONS, FEW_REPLICATIONS = 20, 2  # enough to see which measures a curve has
PARAMETER = "parameters."  # before a parameter's name in tables: no measure is called so
SEED_BITS = 63
Row = dict[str, Any]


def measure_point(curves: Sequence[Curve], setup: Setup, controller: Controller) -> Scores:
    """Race one controller on every curve."""
    return [race_and_measure(controller, lay_out(curve, setup), setup)[1] for curve in curves]


@contextmanager
def open_evaluator(config: TuneConfig, n_workers: int) -> Iterator[Evaluate]:
    """Give a function that races controllers, on as many processes; what it returns does not depend on how many."""
    if n_workers == 1:
        yield lambda given, purpose: map(_bind(config, purpose), given)
        return
    with LocalPool(n_workers) as pool:
        try:
            yield lambda given, purpose: pool.map(_bind(config, purpose), given)
        except BaseException:
            pool.shutdown(wait=False)
            raise


def _bind(config: TuneConfig, purpose: str) -> Callable[[Controller], Scores]:
    setup = make_setup(config)
    return partial(measure_point, config.curves, replace(setup, seed=derive_seed(setup.seed, purpose)))


def derive_seed(seed: int, purpose: str) -> int:
    """The search meets the random numbers that a lab with this seed meets; every other purpose has its own."""
    if purpose == SEARCH:
        return seed
    return int(draw_generator(seed, "tune", purpose).integers(2**SEED_BITS))


def compute_values(aim: Aim, scores: Scores, curve_names: Sequence[str]) -> Floats:
    """A value per replication: the mean over the curves that have the measure, or that of the named curve."""
    curves = zip(curve_names, scores, strict=True)
    found = [each[aim.measure] for name, each in curves if aim.measure in each and aim.curve in (None, name)]
    return np.asarray(np.mean(found, axis=0), dtype=np.float64)


def compute_objective(objective: Objective, values: Floats) -> float:
    """What should be small: the mean over replications, or its distance; infinite where a replication has no value."""
    mean = float(values.mean())
    found = mean if objective.towards is None else abs(mean - objective.towards)
    return found if np.isfinite(found) else np.inf


def compute_excess(constraint: Constraint, values: Floats) -> float:
    """By how much the mean over replications breaks its bounds: 0 or less where it keeps them."""
    mean = float(values.mean())
    if not np.isfinite(mean):
        return np.inf
    above = -np.inf if constraint.at_most is None else mean - constraint.at_most
    below = -np.inf if constraint.at_least is None else constraint.at_least - mean
    return max(above, below)


def judge(tune: Tune, parameters: Parameters, scores: Scores) -> Row:
    """A row of numbers: parameters, objective, what each constraint is broken by, and the mean of every measure."""
    config, names = tune.config, tune.curve_names
    objective = compute_objective(config.objective, compute_values(config.objective, scores, names))
    excesses = [compute_excess(each, compute_values(each, scores, names)) for each in config.constraints]
    measured = [name for name in RACE_MEASURES if any(name in each for each in scores)]
    return {
        **{f"{PARAMETER}{name}": value for name, value in parameters.items()},
        "objective": objective,
        **{f"excess.{number}": excess for number, excess in enumerate(excesses)},
        "is_kept": bool(all(excess <= 0.0 for excess in excesses) and np.isfinite(objective)),
        **{name: float(compute_values(Aim(measure=name), scores, names).mean()) for name in measured},
    }


def get_parameters(tune: Tune, row: Row) -> dict[str, Number]:
    """The parameters in a row of a table, whole numbers whole."""
    return {name: tune.round(name, row[f"{PARAMETER}{name}"]) for name in tune.config.parameters}


def _find_measures(config: TuneConfig, curve: int) -> set[str]:
    """Measures that a curve has, whatever the controller: seen in a race of a few decisions."""
    setup = make_setup(config)
    steps = lay_out(config.curves[curve], replace(setup, n_replications=FEW_REPLICATIONS))
    few = replace(setup, n_decisions=FEW_DECISIONS, n_replications=FEW_REPLICATIONS, warm_up=0)
    return set(race_and_measure(config.controller, steps, few)[1])


KNOWN_MEASURES = KnownMeasures(tuple(RACE_MEASURES), _find_measures)
