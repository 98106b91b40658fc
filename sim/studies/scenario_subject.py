"""A scenario that a search varies: replications of every variant, of which no finished one is lost.

Runs go through the loop of sweeps: a worker that dies costs one run, and the folder's journal has every run that was
finished, so that an interrupted search does none of them twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import numpy as np
from typing_extensions import override

from sim.documents.document import Document
from sim.execution.known import check_workers_know
from sim.execution.loop import Loop, RunTally, Workers
from sim.execution.plan import GivenRuns
from sim.execution.store import FinishedRun, Store
from sim.execution.sweep_file import RunSpec, specify
from sim.execution.where import WorkerChoice, open_workers
from sim.execution.worker import Order
from sim.files.lock import Claim
from sim.interrupts import finishing
from sim.metrics.measures import Measure, run_measures
from sim.provenance import get_source_version
from sim.results import StudyStatus
from sim.scenario.load import build_scenario, dump_scenario
from sim.scenario.schema import Scenario
from sim.studies.subjects import Evaluate, Report, Scores, Subject, WinnerFile, derive_seed

ENDS = (StudyStatus.FINISHED, StudyStatus.HALTED, StudyStatus.FAILED)
NAMELESS = ("",)  # a scenario has no curves


class ScenarioSubject(Subject):
    """Runs of a scenario."""

    noun, title, weights = "run", "a scenario", MappingProxyType(dict.fromkeys(NAMELESS, 1.0))

    def __init__(
        self, document: Document, scenario: Scenario, n_replications: int, time_limit: float | None = None
    ) -> None:
        self.document, self.seed = document, scenario.seed
        self.n_replications, self._time_limit = n_replications, time_limit

    @property
    @override
    def measures(self) -> Mapping[str, Measure]:
        return {measure.name: measure for measure in run_measures.choose()}

    @override
    def build(self, document: Document) -> str:
        return build_scenario(document).model_dump_json()

    @override
    def resolve(self, variant: str) -> Any:
        return Scenario.model_validate_json(variant).model_dump(mode="json")

    @override
    def find_measures(self, variant: str) -> list[set[str]]:
        return [set(run_measures.names())]

    @override
    def count_steps(self, n_variants: int) -> int:
        return n_variants * self.n_replications

    @override
    def check_workers(self, variants: Sequence[str], n_workers: int) -> None:
        if n_workers > 0:
            check_workers_know("search", variants, run_measures.choose())

    @override
    @contextmanager
    def open(self, claim: Claim, n_workers: int) -> Iterator[Evaluate]:
        order = Order(get_source_version(), run_measures.choose(), time_limit=self._time_limit, refuses_halts=True)
        store = Store(claim)
        try:
            with open_workers(WorkerChoice(n_workers), lambda said: None) as workers:
                yield _Replications(self, workers, store, order)
        finally:
            store.close_journal()

    @override
    def write_winner(self, name: str, document: Document) -> WinnerFile:
        head = f"# The scenario of the search {name}, with the values that it found.\n"
        return WinnerFile("winner.yaml", head + dump_scenario(build_scenario(document)))


class _Replications:
    """Runs variants of a subject, those in the journal excepted; an `Evaluate`."""

    def __init__(self, subject: ScenarioSubject, workers: Workers, store: Store, order: Order) -> None:
        self._subject, self._workers, self._store, self._order = subject, workers, store, order
        self._ended = {row.run_id: row for row in store.read_rows(lambda row: None)}  # ids tell those of this search

    def __call__(self, variants: Sequence[str], purpose: str, report: Report) -> Iterator[Scores]:
        specs = [self._specify(number, variant, purpose) for number, variant in enumerate(variants)]
        wanted = {spec.run_id: spec for each in specs for spec in each}
        n_reported = 0

        def tell(tally: RunTally) -> None:
            nonlocal n_reported
            for _ in range(tally.n_finished - n_reported):
                report(purpose)
            n_reported = tally.n_finished

        loop = Loop(self._workers, GivenRuns(list(wanted.values())), self._store, order=self._order, report=tell)
        try:
            loop.run([row for run_id, row in self._ended.items() if run_id in wanted])
        except BaseException:
            with finishing():
                loop.drain()
            raise
        self._ended.update(loop.rows)
        for _ in range(sum(map(len, specs)) - n_reported):  # variants that are alike share their runs
            report(purpose)
        yield from (score([self._ended[spec.run_id] for spec in each], self._order.measures) for each in specs)

    def _specify(self, point: int, variant: str, purpose: str) -> list[RunSpec]:
        seed, version = derive_seed(self._subject.seed, "search", purpose), self._order.code_version
        return [specify(variant, seed, point, number, version) for number in range(self._subject.n_replications)]


def score(rows: Sequence[FinishedRun], measures: Sequence[Measure]) -> Scores:
    """Return a variant's scores; a run that failed or halted has no values, and so the variant has none."""
    values = {
        measure.name: np.array([row.measures.get(measure.name, np.nan) for row in rows], dtype=np.float64)
        for measure in measures
    }
    failed = Counter(row.error for row in rows if row.error is not None)
    told = "; ".join(f"{count} of {len(rows)} runs failed: {error}" for error, count in sorted(failed.items()))
    return Scores([values], told, {str(end): sum(row.status == end for row in rows) for end in ENDS})
