"""The points of a search: parameters and scores of each, as a row of numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sim.documents.document import Document
from sim.errors import ScenarioError
from sim.scenario.overrides import vary
from sim.studies.aims import compute_excess, compute_half_width, compute_objective
from sim.studies.domains import Parameters, Value
from sim.studies.search_file import Search
from sim.studies.search_schema import Aim
from sim.studies.subjects import Evaluate, Report, Scores, Subject

PARAMETER = "parameters."  # before a parameter's name in tables: no measure is called so
HALF_WIDTH = "half_width."  # before a measure's name
RUNS = "runs."  # before how they ended
Row = dict[str, Any]


def evaluate_documents(
    subject: Subject, evaluate: Evaluate, documents: Sequence[Document], purpose: str, report: Report
) -> Iterator[Scores]:
    """Yield the scores of files, in their order; one that is not valid has none, and its error."""
    variants: list[Any] = []
    failed: dict[int, Scores] = {}
    for number, document in enumerate(documents):
        try:
            variants.append(subject.build(vary(document, ())))  # a copy: building fills a document in
        except ScenarioError as error:
            failed[number] = Scores(error="; ".join(mistake.message for mistake in error.mistakes))
    found = evaluate(variants, purpose, report)
    for number in range(len(documents)):
        if number in failed:
            for _ in range(subject.count_steps(1)):
                report(purpose)
        yield failed[number] if number in failed else next(found)
    for _ in found:  # to its end: the last report comes after the last scores
        pass


def judge(search: Search, parameters: Parameters, scores: Scores) -> Row:
    """A row of numbers: parameters, objective, violation of each constraint, the mean of every measure, errors.

    Those of the front have their 95 % interval's half width as well.
    """
    objective = compute_objective(search.config.objective, search.compute_values(search.config.objective, scores))
    excesses = [compute_excess(each, search.compute_values(each, scores)) for each in search.config.constraints]
    widths = {name: compute_half_width(search.compute_values(Aim(measure=name), scores)) for name in search.front}
    measured = [name for name in search.subject.measures if any(name in each for each in scores.curves)]
    return {
        **{f"{PARAMETER}{name}": value for name, value in parameters.items()},
        "objective": objective,
        **{f"excess.{number}": excess for number, excess in enumerate(excesses)},
        "is_kept": bool(all(excess <= 0.0 for excess in excesses) and np.isfinite(objective)),
        "error": scores.error,
        **{f"{RUNS}{end}": number for end, number in scores.ends.items()},
        **{name: search.compute_mean(name, scores) for name in measured},
        **{f"{HALF_WIDTH}{name}": width for name, width in widths.items()},
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
