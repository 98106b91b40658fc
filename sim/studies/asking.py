"""The next parameters to try: optuna's tree of Parzen estimators, asked in batches of a fixed size.

A batch is asked for before any of its answers is known, and answers are told in the order of the questions. The
trials therefore depend on the seed alone, not on how many processes answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from sim.process import Borrowed
from sim.streams import draw_generator
from sim.studies.domains import Domain, Parameters, Value
from sim.studies.points import Row
from sim.studies.search_file import Search

SEED_BITS = 32  # of optuna's sampler
Answer = Callable[[Sequence[Parameters]], Sequence[Row]]
"""Points -> rows as `judge` makes them."""


def _make_quiet() -> int:
    before: int = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return before


_QUIET = Borrowed(_make_quiet, optuna.logging.set_verbosity)


def ask(search: Search, answer: Answer) -> Iterator[list[Row]]:
    """Yield the rows of each batch. The first point has the file's values, if the domains allow them."""
    seed = int(draw_generator(search.subject.seed, "tune", "sampler").integers(2**SEED_BITS))
    with _QUIET.held():
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    space = {name: _make_distribution(domain) for name, domain in search.domains.items()}
    if (start := find_start(search)) is not None:
        study.enqueue_trial(start)
    n_left = search.config.trials
    while n_left:
        asked = [study.ask(space) for _ in range(min(n_left, search.config.batch))]
        points = [{name: search.domains[name].round(trial.params[name]) for name in space} for trial in asked]
        rows = answer(points)
        for trial, row in zip(asked, rows, strict=True):
            for number in range(len(search.config.constraints)):
                trial.set_constraint(str(number), row[f"excess.{number}"])
            study.tell(trial, row["objective"])
        yield [{**row, "trial": trial.number} for trial, row in zip(asked, rows, strict=True)]
        n_left -= len(asked)


def _make_distribution(domain: Domain) -> BaseDistribution:
    if domain.choices is not None:
        return CategoricalDistribution(list(domain.choices))
    if domain.is_whole:
        return IntDistribution(round(domain.low), round(domain.high), log=domain.is_log)
    return FloatDistribution(domain.low, domain.high, log=domain.is_log)


def find_start(search: Search) -> dict[str, Value] | None:
    """The values that the file has, by default or by hand; None where one is not in its domain."""
    read = {name: domain.read(search.start[name]) for name, domain in search.domains.items()}
    found = {name: value for name, value in read.items() if value is not None}
    return found if len(found) == len(read) else None
