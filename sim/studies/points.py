"""The points of a search: parameters and scores of each, as a row of numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sim.errors import ScenarioError
from sim.studies.aims import compute_excess, compute_objective
from sim.studies.domains import Parameters, Value
from sim.studies.search_file import Search
from sim.studies.subjects import Evaluate, Report, Scores

PARAMETER = "parameters."  # before a parameter's name in tables: no measure is called so
Row = dict[str, Any]


def evaluate_points(
    search: Search, evaluate: Evaluate, points: Sequence[Parameters], purpose: str, report: Report
) -> Iterator[Scores]:
    """Yield the scores of points, in their order; a point that is no valid file has none, and its error."""
    variants: list[Any] = []
    failed: dict[int, Scores] = {}
    for number, point in enumerate(points):
        try:
            variants.append(search.subject.build(search.vary(point)))
        except ScenarioError as error:
            failed[number] = Scores(error="; ".join(mistake.message for mistake in error.mistakes))
    found = evaluate(variants, purpose, report)
    for number in range(len(points)):
        if number in failed:
            for _ in range(search.subject.count_steps(1)):
                report(purpose)
        yield failed[number] if number in failed else next(found)
    for _ in found:  # to its end: the last report comes after the last scores
        pass


def judge(search: Search, parameters: Parameters, scores: Scores) -> Row:
    """A row of numbers: parameters, objective, violation of each constraint, the mean of every measure, errors."""
    objective = compute_objective(search.config.objective, search.compute_values(search.config.objective, scores))
    excesses = [compute_excess(each, search.compute_values(each, scores)) for each in search.config.constraints]
    measured = [name for name in search.subject.measures if any(name in each for each in scores.curves)]
    return {
        **{f"{PARAMETER}{name}": value for name, value in parameters.items()},
        "objective": objective,
        **{f"excess.{number}": excess for number, excess in enumerate(excesses)},
        "is_kept": bool(all(excess <= 0.0 for excess in excesses) and np.isfinite(objective)),
        "error": scores.error,
        **{name: search.compute_mean(name, scores) for name in measured},
    }


def get_parameters(search: Search, row: Row) -> dict[str, Value]:
    """The parameters in a row of a table, whole numbers whole."""
    return {name: domain.round(row[f"{PARAMETER}{name}"]) for name, domain in search.domains.items()}


def list_parameters(table: pd.DataFrame) -> list[str]:
    """Columns of a table that hold parameters."""
    return [name for name in table.columns if name.startswith(PARAMETER)]


def rank_trials(trials: pd.DataFrame) -> pd.DataFrame:
    """Different points, the best first: those that keep the constraints by their objective, then the least broken."""
    excess = trials.filter(like="excess.").clip(lower=0.0).sum(axis=1)
    order = np.lexsort((trials["trial"], trials["objective"], excess))
    return trials.iloc[order].drop_duplicates(list_parameters(trials))
