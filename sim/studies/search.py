"""`powsim search`: the values of some keys that best meet a stated objective, reported on random numbers of its own.

Three sets of random numbers, of which each is used once: the search ranks its points by the first, the best of them are
compared again on the second, which names the winner, and the third gives the winner's reported value, beside that
of the file as it was.
"""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sim.documents.document import dump_tree
from sim.economy.base import Floats
from sim.errors import ScenarioError, UserError
from sim.execution.pool import check_start
from sim.files.lock import Claim
from sim.files.sums import FILES, JsonObject, check_file, read_json
from sim.files.tables import read_frame, write_sealed
from sim.files.writing import write_json, write_text
from sim.metrics.intervals import LEVEL, compute_paired_interval
from sim.metrics.measures import INTERVALS
from sim.provenance import get_provenance
from sim.results import (
    PROVENANCE_FILE,
    SUMMARY_FILE,
    keep_status,
    open_folder,
    read_provenance,
    read_stored_text,
)
from sim.studies.ablation import list_ablations, tell_ablations
from sim.studies.aims import compute_objective
from sim.studies.checking import compare_by_curve
from sim.studies.domains import Parameters, make_label
from sim.studies.front import select_front
from sim.studies.points import (
    HALF_WIDTH,
    Row,
    evaluate_documents,
    get_parameters,
    judge,
    list_parameters,
    rank_trials,
)
from sim.studies.search_file import Search
from sim.studies.sensitivity import compute_sensitivity, design_points, tell_only_parameter
from sim.studies.subjects import CHECK, CHOICE, SEARCH, Evaluate, Report, Scores, look_up

SEARCH_FILE = "search.yaml"
TABLES = ("trials", "finalists", "points", "front", "marks", "checks", "ablation", "sensitivity")
SECTION_FILE = "section.yaml"
CHECKED = ("winner", "against")  # the winner and its rival, in tables and facts
NO_TRIAL = -1  # in the place of a trial's number: a point of the design


@dataclass
class SearchResult:
    """A search's tables by name, its facts, and the folder that holds both. An interrupted one has fewer."""

    folder: Path
    summary: JsonObject
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)

    def keep(self, name: str, table: pd.DataFrame) -> None:
        """Write a table as soon as it is known."""
        self.tables[name] = table
        write_sealed(self.folder / f"{name}.parquet", table)

    def tell(self, **facts: Any) -> None:
        """Write facts as soon as they are known."""
        self.summary |= facts
        write_json(self.folder / SUMMARY_FILE, self.summary)


def run_search(
    search: Search, *, out: Path | None, root: Path, n_workers: int, report: Report, resume: Path | None = None
) -> SearchResult:
    """Search into a results folder; `report` is called after each race of a point or run, see `count_steps`.

    Ctrl-C keeps the finished batches. The answer does not depend on `n_workers`, processes on this machine. `resume`:
    the folder of an interrupted search, whose trials are taken as they stand. Raises UserError for that of another one,
    and where workers would lack a plug-in of this process.
    """
    if n_workers > 0:
        check_start()
    search.subject.check_workers(list(_list_variants(search)), n_workers)
    with _claim(search, out, root, resume) as claim:
        known: list[Row] = [] if resume is None else _load_known(resume, search)
        write_text(claim.folder / SEARCH_FILE, search.text)
        provenance = get_provenance(search.subject.seed)
        provenance["dependencies"]["optuna"] = importlib.metadata.version("optuna")
        result = SearchResult(claim.folder, {})
        with keep_status(claim.folder, provenance, SEARCH_FILE), search.subject.open(claim, n_workers) as evaluate:
            result.tell(**_describe(search))
            _search(search, evaluate, result, report, known)
            _explore(search, evaluate, result, report)
            _choose(search, evaluate, result, report)
    return result


def _claim(search: Search, out: Path | None, root: Path, resume: Path | None) -> Claim:
    if resume is None:
        return open_folder(search.name, search.text, out, root)
    if not (resume / SEARCH_FILE).is_file():
        raise UserError(f"--resume {resume}: not the results folder of a search")
    return Claim(resume)


def _list_variants(search: Search) -> Iterator[Any]:
    """The file as it is, and with each choice alone: every plug-in that the search may name stands in one of them."""
    choices = ({name: label} for name, domain in search.domains.items() for label in domain.choices or ())
    for point in ({}, *choices):
        with suppress(ScenarioError):  # a choice that fits only beside others: `points` says so at its trial
            yield search.subject.build(search.vary(point))


def load_search_result(folder: Path) -> SearchResult:
    """Load a folder of `run_search`; raises UserError for any other folder."""
    if not (folder / SUMMARY_FILE).is_file() or not (folder / SEARCH_FILE).is_file():
        raise UserError(f"{folder}: not the results folder of a search")
    listed = read_provenance(folder).get(FILES, {}) if (folder / PROVENANCE_FILE).is_file() else {}
    files = {name: f"{name}.parquet" for name in TABLES}
    there = {name: file for name, file in files.items() if file in listed or os.path.lexists(folder / file)}
    for file in (SEARCH_FILE, SUMMARY_FILE, *there.values()):
        check_file(folder, file, listed)
    return SearchResult(
        folder, read_json(folder / SUMMARY_FILE), {name: read_frame(folder / file) for name, file in there.items()}
    )


def _load_known(folder: Path, search: Search) -> list[Row]:
    """The trials of an interrupted search."""
    if read_stored_text(folder / SEARCH_FILE) != search.text:
        raise UserError(f"--resume {folder}: its {SEARCH_FILE} is another search; name the same file, seed and trials")
    file = folder / f"{TABLES[0]}.parquet"
    known: list[Row] = read_frame(file).to_dict("records") if os.path.lexists(file) else []
    return known


def count_steps(search: Search) -> int:
    """How often a search reports."""
    config = search.config
    n_tried = config.trials + search.n_base_points * (len(config.parameters) + 2)
    n_checks = len(CHECKED) * (1 if search.unseen is None else 2)
    n_marks = 1 if search.front else 0
    n_ablations = len(config.parameters) if config.ablation else 0
    return search.subject.count_steps(n_tried + min(config.finalists, n_tried) + n_marks + n_checks + n_ablations)


def _describe(search: Search) -> JsonObject:
    """Return the file's facts that a report needs, so that the folder stands alone."""
    config = search.config
    return {
        "name": search.name,
        "subject": search.subject.title,
        "replications": search.subject.n_replications,
        "parameters": {name: limits.model_dump(exclude_none=True) for name, limits in config.parameters.items()},
        "objective": config.objective.model_dump(exclude_none=True),
        "constraints": [each.model_dump(exclude_none=True) for each in config.constraints],
        "front": list(search.front),
        "front_signs": list(search.front_signs),
        "plugin": search.plugin,
        "start": {name: make_label(value) for name, value in search.start.items()},
        "rival": search.rival.name,
    }


def _answer(
    search: Search, evaluate: Evaluate, points: Sequence[Parameters], purpose: str, report: Report
) -> list[Row]:
    documents = [search.vary(point) for point in points]
    scores = evaluate_documents(search.subject, evaluate, documents, purpose, report)
    return [judge(search, point, each) for point, each in zip(points, scores, strict=True)]


def _search(search: Search, evaluate: Evaluate, result: SearchResult, report: Report, known: Sequence[Row]) -> None:
    """Ask and answer, batch by batch; batches whose answers are in `known` are not run."""
    from sim.studies.asking import ask  # optuna, which only a search needs

    rows: list[Row] = []

    def answer(points: Sequence[Parameters]) -> list[Row]:
        found = known[len(rows) : len(rows) + len(points)]
        if len(found) < len(points):
            return _answer(search, evaluate, points, SEARCH, report)
        if [get_parameters(search, row) for row in found] != list(points):
            raise UserError(f"--resume {result.folder}: its trials are of another version of powsim or optuna")
        for _ in range(search.subject.count_steps(len(found))):
            report(SEARCH)
        return list(found)

    for batch in ask(search, answer):
        rows += batch
        result.keep("trials", pd.DataFrame(rows))


def _explore(search: Search, evaluate: Evaluate, result: SearchResult, report: Report) -> None:
    """Sensitivity over the whole ranges; the front over everything that met the random numbers of the search."""
    front = search.front
    if search.is_all_due_to_one:
        result.keep("sensitivity", tell_only_parameter(next(iter(search.domains))))
    if search.n_base_points:
        rows = pd.DataFrame(_answer(search, evaluate, design_points(search), SEARCH, report))
        result.keep("points", rows.assign(trial=NO_TRIAL))
        names = ["objective", *(name for name in front if not rows[name].equals(rows["objective"].rename(name)))]
        table = compute_sensitivity(rows[names], list(search.domains), search.subject.seed)
        result.keep("sensitivity", table)
    if front:
        everything = _join(result)
        columns = ["trial", *list_parameters(everything), *_name_columns(front), "is_kept"]
        result.keep("front", select_front(everything, front, search.front_signs)[columns])


def _join(result: SearchResult) -> pd.DataFrame:
    """Trials and points of the design: all that met the random numbers of the search."""
    return pd.concat([result.tables[name] for name in ("trials", "points") if name in result.tables], ignore_index=True)


def _choose(search: Search, evaluate: Evaluate, result: SearchResult, report: Report) -> None:
    """Run the best points again; the winner and the file as it was once more; keep both values."""
    best = rank_trials(_join(result)).head(search.config.finalists).reset_index(drop=True)
    points = [get_parameters(search, row) for row in best.to_dict("records")]
    again = pd.DataFrame(_answer(search, evaluate, points, CHOICE, report)).assign(trial=best["trial"])
    winner = int(rank_trials(again).index[0])
    finalists = again[["trial", *list_parameters(again)]].assign(
        search=best["objective"],
        search_is_kept=best["is_kept"],
        choice=again["objective"],
        choice_is_kept=again["is_kept"],
        is_winner=again.index == winner,
    )
    result.keep("finalists", finalists)
    if search.front:
        (scores,) = evaluate_documents(search.subject, evaluate, [search.rival.document], SEARCH, report)
        marked = pd.DataFrame([best.iloc[winner].to_dict(), judge(search, {}, scores)])
        result.keep("marks", marked.assign(who=list(CHECKED))[["who", *_name_columns(search.front)]])
    _check(search, evaluate, result, points[winner], report)


def _check(search: Search, evaluate: Evaluate, result: SearchResult, winner: Parameters, report: Report) -> None:
    """Keep the facts on the winner and its rival, from random numbers and curves that had no part in choosing it."""
    documents = [search.vary(winner), search.rival.document]
    scores = list(evaluate_documents(search.subject, evaluate, documents, CHECK, report))
    if search.unseen is not None:
        others = [search.show_unseen(each) for each in documents]
        unseen = list(evaluate_documents(search.unseen, evaluate, others, CHECK, report))
        if not any(each.error for each in (*scores, *unseen)):
            result.keep("checks", compare_by_curve(search, scores, unseen))
    if search.config.ablation:
        variants = list_ablations(search, winner)
        without = evaluate_documents(search.subject, evaluate, list(variants.values()), CHECK, report)
        found_without = dict(zip(variants, without, strict=True))
        result.keep("ablation", tell_ablations(search, winner, scores[0], found_without))
    values = [search.compute_values(search.config.objective, each) for each in scores]
    found = {name: domain.write(winner[name]) for name, domain in search.domains.items()}
    result.tell(
        winner=_tell(search, found, scores[0], values[0]),
        against=_tell(search, search.rival.values, scores[1], values[1]),
        difference=_compare(values[1], values[0]),
        ends={name: end for name, domain in search.domains.items() if (end := domain.find_end(winner[name]))},
        **_write_winner(search, winner, result),
    )


def _write_winner(search: Search, winner: Parameters, result: SearchResult) -> JsonObject:
    """Write the file to paste or to run; tell its name and why it is no block for the scenario that was asked for.

    None where the winner is no valid file: all trials failed.
    """
    document = search.vary(winner)
    try:
        file = search.subject.write_winner(search.name, document)
    except UserError:
        return {"block": None, "refusal": ""}
    write_text(result.folder / file.name, file.text)
    if search.plugin:
        block = {search.plugin.rpartition(".")[2]: look_up(document.tree, search.plugin)}
        write_text(result.folder / SECTION_FILE, dump_tree(block))
    return {"block": file.name, "refusal": file.refusal}


def _name_columns(front: Sequence[str]) -> list[str]:
    return [*front, *(f"{HALF_WIDTH}{name}" for name in front)]


def _tell(search: Search, parameters: Parameters, scores: Scores, values: Floats) -> JsonObject:
    """Facts on one variant; `estimate` is the measure's mean, `objective` the number to be made small."""
    objective, judged = search.config.objective, judge(search, {}, scores)
    facts: JsonObject = {
        "parameters": {name: _show(value) for name, value in parameters.items()},
        "objective": _finite(compute_objective(objective, values)),
        "is_kept": judged["is_kept"],
        "error": scores.error,
        "measures": {name: _finite(judged[name]) for name in search.subject.measures if name in judged},
    }
    if np.isfinite(values).all():
        made = INTERVALS[search.subject.measures[objective.measure].law](values)
        facts |= {"estimate": made.estimate, "low": made.low, "high": made.high, "level": LEVEL}
    return facts


def _show(value: Any) -> Any:
    """A value as a table has it: a number, a text, or the JSON of anything else."""
    return value if isinstance(value, (int, float, str)) or value is None else make_label(value)


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _compare(before: Floats, after: Floats) -> JsonObject | None:
    """The measure of the winner minus that of the file as it was, paired by replication."""
    if not np.isfinite(before).all() or not np.isfinite(after).all():
        return None
    made = compute_paired_interval(before, after)
    return {"estimate": made.estimate, "low": made.low, "high": made.high, "resolved": made.excludes(0.0)}
