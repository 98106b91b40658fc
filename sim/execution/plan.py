"""Which runs of a sweep are still to do: fixed replications, or as many as `until` asks for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from sim.execution.store import FinishedRun
from sim.execution.sweep_file import RunSpec, Sweep, make_run_spec
from sim.execution.worker import Order
from sim.metrics.intervals import FEWEST_SEQUENTIAL
from sim.metrics.measures import is_measure_precise_enough
from sim.results import StudyStatus

GROWTH = 4  # a point that is not known well enough gets a quarter more replications


class Plan:
    """The runs of a sweep, growing as `until` asks.

    A point grows only when all its runs have ended, in steps that depend on their number and values alone. So the same
    runs are made in the end, whatever the order in which they ended and however often the sweep was resumed.
    """

    def __init__(self, sweep: Sweep, order: Order) -> None:
        self._sweep = sweep
        self._code_version = order.code_version
        self._measures = {measure.name: measure for measure in order.measures}
        first = sweep.config.replications
        if (until := sweep.config.until) is not None:
            first = min(max(first, FEWEST_SEQUENTIAL), until.max_runs)
        self._n_planned = [first] * len(sweep.points)
        self._ended: list[dict[int, tuple[float, float]]] = [{} for _ in sweep.points]
        """Point -> replication -> the watched measure, and how many events it counts."""

    @property
    def n_runs(self) -> int:
        """How many runs there are, as far as is known now."""
        return sum(self._n_planned)

    def start(self, ended: Iterable[FinishedRun]) -> list[RunSpec]:
        """Return the runs to do, given those that earlier programs finished."""
        for row in ended:
            self._note(row)
        for point in range(len(self._sweep.points)):
            while self._grow(point):
                pass
        return [
            make_run_spec(self._sweep, point, replication, self._code_version)
            for replication in range(max(self._n_planned))
            for point, n_planned in enumerate(self._n_planned)
            if replication < n_planned and replication not in self._ended[point]
        ]

    def end(self, rows: Iterable[FinishedRun]) -> list[RunSpec]:
        """Take note of finished runs; return those that they make necessary."""
        added: list[RunSpec] = []
        for row in rows:
            self._note(row)
            new = self._grow(row.point)
            added += [make_run_spec(self._sweep, row.point, number, self._code_version) for number in new]
        return added

    def _note(self, row: FinishedRun) -> None:
        until = self._sweep.config.until
        self._ended[row.point][row.replication] = _read(row, until.measure) if until else (0.0, 0.0)

    def _grow(self, point: int) -> range:
        """Return the replications that a point gets on top, none where it has enough or still runs."""
        until, n_planned, ended = self._sweep.config.until, self._n_planned[point], self._ended[point]
        if until is None or n_planned >= until.max_runs or any(number not in ended for number in range(n_planned)):
            return range(0)
        values, tries = zip(*(ended[number] for number in range(n_planned)), strict=True)
        if is_measure_precise_enough(self._measures[until.measure], values, until.half_width, tries):
            return range(0)
        self._n_planned[point] = min(n_planned + max(1, n_planned // GROWTH), until.max_runs)
        return range(n_planned, self._n_planned[point])


def _read(row: FinishedRun, measure: str) -> tuple[float, float]:
    """A measure of a run, and how many events it counts; a run that failed or halted has none."""
    if row.status != StudyStatus.FINISHED:
        return math.nan, math.nan
    return row.measures.get(measure, math.nan), row.tries.get(measure, math.nan)


class GivenRuns:
    """A plan of runs that are all known from the start."""

    def __init__(self, specs: Sequence[RunSpec]) -> None:
        self._specs = {spec.run_id: spec for spec in specs}

    @property
    def n_runs(self) -> int:
        """How many different runs there are."""
        return len(self._specs)

    def start(self, ended: Iterable[FinishedRun]) -> list[RunSpec]:
        """Return the runs to do, given those that earlier programs finished."""
        done = {row.run_id for row in ended}
        return [spec for run_id, spec in self._specs.items() if run_id not in done]

    def end(self, rows: Iterable[FinishedRun]) -> list[RunSpec]:
        """Return the runs that finished ones make necessary: none."""
        return []
