"""`powsim tune`: the parameters of a controller that serve a stated aim best, told without the luck of the best.

Three sets of random numbers, of which each is used once: the search ranks its points by the first, the best of them are
compared again on the second, which names the winner, and only what the third says of the winner is reported as its
value, beside the controller as it was.
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sim.difficulty import controllers
from sim.documents.document import dump_tree
from sim.economy.base import Floats
from sim.errors import UserError
from sim.metrics.intervals import LEVEL, compute_paired_interval
from sim.metrics.measures import INTERVALS
from sim.provenance import get_provenance
from sim.race.measures import RACE_MEASURES
from sim.race.tune_file import Tune
from sim.results import SUMMARY_FILE, JsonObject, keep_status, open_folder, write_json, write_parquet, write_text
from sim.studies.front import select_front
from sim.studies.points import (
    CHECK,
    CHOICE,
    PARAMETER,
    SEARCH,
    Evaluate,
    Parameters,
    Row,
    Scores,
    compute_objective,
    compute_values,
    get_parameters,
    judge,
    open_evaluator,
)
from sim.studies.sensitivity import compute_sensitivity, design_points

TUNE_FILE, BLOCK_FILE = "tune.yaml", "difficulty.yaml"
TABLES = ("trials", "finalists", "points", "front", "sensitivity")
NO_TRIAL = -1  # in the place of a trial's number: a point of the design
Report = Callable[[str], None]


@dataclass
class TuneResult:
    """What a search found: tables by name, facts, and the folder that holds both. An interrupted one has less."""

    folder: Path
    summary: JsonObject
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)

    def keep(self, name: str, table: pd.DataFrame) -> None:
        """Write a table as soon as it is known."""
        self.tables[name] = table
        write_parquet(self.folder / f"{name}.parquet", table)

    def tell(self, **facts: Any) -> None:
        """Write facts as soon as they are known."""
        self.summary |= facts
        write_json(self.folder / SUMMARY_FILE, self.summary)


def run_tune(
    tune: Tune, *, out: Path | None, root: Path, n_workers: int, report: Report, resume: Path | None = None
) -> TuneResult:
    """Search into a results folder; `report` is called after each point, see `count_points`.

    Ctrl-C keeps what is known. The answer does not depend on `n_workers`, processes on this machine. `resume`: the
    folder of an interrupted search, whose trials are taken as they stand. Raises UserError where it holds another one.
    """
    known: list[Row] = []
    if resume is None:
        folder = open_folder(tune.name, tune.text, out, root)
        write_text(folder / TUNE_FILE, tune.text)
    else:
        folder, known = resume, _load_known(resume, tune)
    provenance = get_provenance(tune.config.seed)
    provenance["dependencies"]["optuna"] = importlib.metadata.version("optuna")
    result = TuneResult(folder, {})
    with keep_status(folder, provenance), open_evaluator(tune.config, n_workers) as evaluate:
        result.tell(**_describe(tune))
        _search(tune, evaluate, result, report, known)
        _explore(tune, evaluate, result, report)
        _choose(tune, evaluate, result, report)
    return result


def load_tune_result(folder: Path) -> TuneResult:
    """Load a folder of `run_tune`; raises UserError where it is none."""
    if not (folder / SUMMARY_FILE).is_file() or not (folder / TUNE_FILE).is_file():
        raise UserError(f"{folder}: not the results folder of a search")
    files = {name: folder / f"{name}.parquet" for name in TABLES}
    tables = {name: pd.read_parquet(file) for name, file in files.items() if file.is_file()}
    return TuneResult(folder, json.loads((folder / SUMMARY_FILE).read_text(encoding="utf-8")), tables)


def _load_known(folder: Path, tune: Tune) -> list[Row]:
    """The trials of an interrupted search."""
    if not (folder / TUNE_FILE).is_file():
        raise UserError(f"--resume {folder}: not the results folder of a search")
    if (folder / TUNE_FILE).read_text(encoding="utf-8") != tune.text:
        raise UserError(f"--resume {folder}: its {TUNE_FILE} is another search; name the same file, seed and trials")
    file = folder / f"{TABLES[0]}.parquet"
    known: list[Row] = pd.read_parquet(file).to_dict("records") if file.is_file() else []
    return known


def count_points(tune: Tune) -> int:
    """How often a search reports."""
    config = tune.config
    n_points = config.sensitivity * (len(config.parameters) + 2) if config.sensitivity else 0
    return config.trials + n_points + min(config.finalists, config.trials + n_points) + 2


def _describe(tune: Tune) -> JsonObject:
    """What a report must know of the file, so that the folder stands alone."""
    config = tune.config
    return {
        "name": tune.name,
        "controller": tune.kind,
        "replications": config.replications,
        "parameters": {name: limits.model_dump() for name, limits in config.parameters.items()},
        "objective": config.objective.model_dump(exclude_none=True),
        "constraints": [each.model_dump(exclude_none=True) for each in config.constraints],
        "front": list(config.front),
    }


def _answer(tune: Tune, evaluate: Evaluate, points: Sequence[Parameters], purpose: str, report: Report) -> list[Row]:
    scores = _report_each(evaluate([tune.build(point) for point in points], purpose), purpose, report)
    return [judge(tune, point, each) for point, each in zip(points, scores, strict=True)]


def _report_each(scores: Iterator[Scores], step: str, report: Report) -> Iterator[Scores]:
    for each in scores:
        yield each
        report(step)


def _search(tune: Tune, evaluate: Evaluate, result: TuneResult, report: Report, known: Sequence[Row]) -> None:
    """Ask and answer, batch by batch; where the answers stand in `known`, nothing is raced."""
    from sim.studies.search import search  # optuna, which only a search needs

    rows: list[Row] = []

    def answer(points: Sequence[Parameters]) -> list[Row]:
        found = known[len(rows) : len(rows) + len(points)]
        if len(found) < len(points):
            return _answer(tune, evaluate, points, SEARCH, report)
        if [get_parameters(tune, row) for row in found] != list(points):
            raise UserError(f"--resume {result.folder}: its trials are of another version of powsim or optuna")
        for _ in found:
            report(SEARCH)
        return list(found)

    for batch in search(tune, answer):
        rows += batch
        result.keep("trials", pd.DataFrame(rows))


def _explore(tune: Tune, evaluate: Evaluate, result: TuneResult, report: Report) -> None:
    """Sensitivity over the whole ranges; the front over everything that met the random numbers of the search."""
    if tune.config.sensitivity:
        points = design_points(tune)
        rows = pd.DataFrame(_answer(tune, evaluate, points, SEARCH, report))
        result.keep("points", rows.assign(trial=NO_TRIAL))
        same = [name for name in tune.config.front if rows[name].equals(rows["objective"].rename(name))]
        names = ["objective", *(name for name in tune.config.front if name not in same)]
        table = compute_sensitivity(rows[names], list(tune.config.parameters), tune.config.seed)
        result.keep("sensitivity", table)
    everything = _join(result)
    columns = ["trial", *_list_parameters(everything), *tune.config.front, "is_kept"]
    result.keep("front", select_front(everything, tune.config.front)[columns])


def _join(result: TuneResult) -> pd.DataFrame:
    """Trials and points of the design: all that met the random numbers of the search."""
    return pd.concat([result.tables[name] for name in ("trials", "points") if name in result.tables], ignore_index=True)


def _list_parameters(table: pd.DataFrame) -> list[str]:
    return [name for name in table.columns if name.startswith(PARAMETER)]


def rank_trials(trials: pd.DataFrame) -> pd.DataFrame:
    """Different points, the best first: those that keep the constraints by their objective, then the least broken."""
    excess = trials.filter(like="excess.").clip(lower=0.0).sum(axis=1)
    order = np.lexsort((trials["trial"], trials["objective"], excess))
    return trials.iloc[order].drop_duplicates(_list_parameters(trials))


def _choose(tune: Tune, evaluate: Evaluate, result: TuneResult, report: Report) -> None:
    """Race the best points again; the winner and the controller as it was once more; keep both values."""
    best = rank_trials(_join(result)).head(tune.config.finalists).reset_index(drop=True)
    points = [get_parameters(tune, row) for row in best.to_dict("records")]
    again = pd.DataFrame(_answer(tune, evaluate, points, CHOICE, report)).assign(trial=best["trial"])
    winner = int(rank_trials(again).index[0])
    finalists = again[["trial", *_list_parameters(again)]].assign(
        search=best["objective"],
        search_is_kept=best["is_kept"],
        choice=again["objective"],
        choice_is_kept=again["is_kept"],
        is_winner=again.index == winner,
    )
    result.keep("finalists", finalists)
    _check(tune, evaluate, result, points[winner], report)


def _check(tune: Tune, evaluate: Evaluate, result: TuneResult, winner: Parameters, report: Report) -> None:
    """What is said of the winner, from random numbers that had no part in choosing it."""
    given = [tune.build(winner), tune.config.controller]
    scores = list(_report_each(evaluate(given, CHECK), CHECK, report))
    values = [compute_values(tune.config.objective, each, tune.curve_names) for each in scores]
    spec = controllers.spec_of(given[0])
    write_text(result.folder / BLOCK_FILE, write_block(tune, spec))
    judged = [judge(tune, {}, each) for each in scores]
    result.tell(
        winner=_tell(tune, winner, judged[0], values[0]),
        default=_tell(tune, _get_default(tune), judged[1], values[1]),
        difference=_compare(values[1], values[0]),
    )


def _get_default(tune: Tune) -> Parameters:
    spec = controllers.spec_of(tune.config.controller)
    return {name: spec[name] for name in tune.config.parameters}


def _tell(tune: Tune, parameters: Parameters, judged: Row, values: Floats) -> JsonObject:
    """Facts on one controller; `estimate` is the measure's mean, `objective` what should be small."""
    objective = tune.config.objective
    facts: JsonObject = {
        "parameters": dict(parameters),
        "objective": _finite(compute_objective(objective, values)),
        "is_kept": bool(judged["is_kept"]),
        "measures": {name: _finite(judged[name]) for name in RACE_MEASURES if name in judged},
    }
    if np.isfinite(values).all():
        made = INTERVALS[RACE_MEASURES[objective.measure].law](values)
        facts |= {"estimate": made.estimate, "low": made.low, "high": made.high, "level": LEVEL}
    return facts


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _compare(before: Floats, after: Floats) -> JsonObject | None:
    """The measure of the winner minus that of the controller as it was, paired by replication."""
    if not np.isfinite(before).all() or not np.isfinite(after).all():
        return None
    made = compute_paired_interval(before, after)
    return {"estimate": made.estimate, "low": made.low, "high": made.high, "resolved": made.excludes(0.0)}


def write_block(tune: Tune, spec: dict[str, Any]) -> str:
    """Return the winner as the section `difficulty:` of a scenario."""
    head = f"# From the search {tune.name}: paste it into a scenario. An interval of the search is an epoch there.\n"
    return head + dump_tree({"difficulty": spec})
