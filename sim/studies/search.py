"""Which parameters to try next: optuna's tree of Parzen estimators, asked in batches of a fixed size.

A batch is asked for before any of its answers is known, and answers are told in the order of the questions. What is
tried therefore depends on the seed alone, not on how many processes answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

from sim.difficulty import controllers
from sim.race.tune_file import Number, Tune
from sim.streams import draw_generator
from sim.studies.points import Parameters, Row

SEED_BITS = 32  # of optuna's sampler
Answer = Callable[[Sequence[Parameters]], Sequence[Row]]
"""Points -> rows as `judge` makes them."""


def search(tune: Tune, answer: Answer) -> Iterator[list[Row]]:
    """Yield the rows of each batch. The first point is the controller as the file has it, if the ranges allow it."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    seed = int(draw_generator(tune.config.seed, "tune", "sampler").integers(2**SEED_BITS))
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    space = {name: _make_distribution(tune, name) for name in tune.config.parameters}
    if (start := find_start(tune)) is not None:
        study.enqueue_trial(start)
    n_left = tune.config.trials
    while n_left:
        asked = [study.ask(space) for _ in range(min(n_left, tune.config.batch))]
        points = [{name: tune.round(name, trial.params[name]) for name in space} for trial in asked]
        rows = answer(points)
        for trial, row in zip(asked, rows, strict=True):
            for number in range(len(tune.config.constraints)):
                trial.set_constraint(str(number), row[f"excess.{number}"])
            study.tell(trial, row["objective"])
        yield [{**row, "trial": trial.number} for trial, row in zip(asked, rows, strict=True)]
        n_left -= len(asked)


def _make_distribution(tune: Tune, name: str) -> BaseDistribution:
    limits = tune.config.parameters[name]
    is_log = limits.scale == "log"
    if name in tune.whole_numbers:
        return IntDistribution(round(limits.low), round(limits.high), log=is_log)
    return FloatDistribution(limits.low, limits.high, log=is_log)


def find_start(tune: Tune) -> dict[str, Number] | None:
    """The parameters that the controller has in the file, by default or by hand; None where one is out of its range."""
    spec = controllers.spec_of(tune.config.controller)
    start: dict[str, Number] = {name: spec[name] for name in tune.config.parameters}
    ranges = tune.config.parameters.items()
    return start if all(limits.low <= start[name] <= limits.high for name, limits in ranges) else None
