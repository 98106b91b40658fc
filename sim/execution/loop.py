"""The one loop over any executor: fill, wait, keep finished runs, run lost ones again."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from dataclasses import dataclass
from datetime import UTC, datetime

from sim.execution.kept import MemoryStore
from sim.execution.plan import GivenRuns, Plan
from sim.execution.store import FinishedRun, Store
from sim.execution.sweep_file import RunSpec
from sim.execution.worker import Order, Outcome, execute_chunk
from sim.results import StudyStatus

CHUNK_SECONDS = 0.5  # a chunk takes about this long: far above the cost of sending it, little to do again
MOST_IN_CHUNK = 256
SHARES_LEFT = 2  # near the end chunks shrink, so that all workers end together
MOST_DEATHS = 3
POLL_SECONDS = 0.5
FAILED = StudyStatus.FAILED


@dataclass(frozen=True)
class Workers:
    """An executor, with the facts that the loop needs of it."""

    executor: Executor
    count: Callable[[], int]
    """How many runs are computed at a time; a cluster may grow."""
    n_ahead: int
    """Chunks that wait behind each that is computed."""
    lost: tuple[type[BaseException], ...]
    """Exceptions that a future raises when its worker has died."""
    description: str


class SchedulerLostError(ConnectionError):
    """The executor is gone with everything that it was doing."""


@dataclass(frozen=True)
class RunTally:
    """How far a sweep is, in runs; `n_new` counts those that this program finished."""

    n_finished: int
    n_failed: int
    n_halted: int
    n_new: int
    n_runs: int


Report = Callable[[RunTally], None]
Ended = tuple[FinishedRun, Mapping[str, bytes]]
"""A run that has ended, with the frames that are kept of it."""
Execute = Callable[[Sequence[RunSpec], Order], list[Outcome]]


class Loop:
    """Runs a plan to its end; a finished run is in the store before it is counted."""

    def __init__(
        self,
        workers: Workers,
        plan: Plan | GivenRuns,
        store: Store | MemoryStore,
        *,
        order: Order,
        report: Report,
        execute: Execute = execute_chunk,
    ) -> None:
        self._workers = workers
        self._plan = plan
        self._store = store
        self._order = order
        self._report = report
        self._execute = execute
        self._todo: deque[RunSpec] = deque()
        self._alone: deque[RunSpec] = deque()
        self._running: dict[Future[list[Outcome]], tuple[RunSpec, ...]] = {}
        self._deaths: Counter[str] = Counter()
        self._seconds_per_run: float | None = None
        self.rows: dict[str, FinishedRun] = {}
        self._n_new = self._n_failed = self._n_halted = 0

    def run(self, ended: Sequence[FinishedRun]) -> list[FinishedRun]:
        """Return all rows of the sweep, those that had ended before included."""
        self._todo.extend(self._plan.start(ended))
        self._count(ended)
        while self._todo or self._alone or self._running:
            self._fill()
            done = wait(self._running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED).done
            ended_now = [each for future in done for each in self._collect(future)]
            self._fill()  # first the workers, then the disk
            self._keep(ended_now)
        return list(self.rows.values())

    def drain(self) -> None:
        """Keep the runs that have ended meanwhile: an interrupt comes at any time."""
        done = [future for future in self._running if future.done() and not future.cancelled()]
        self._keep([each for future in done if future.exception() is None for each in self._collect(future)])

    def _fill(self) -> None:
        n_workers = max(self._workers.count(), 1)
        while (self._todo or self._alone) and len(self._running) < n_workers * (1 + self._workers.n_ahead):
            chunk = (self._alone.popleft(),) if self._alone else self._take_chunk(n_workers)
            self._running[self._workers.executor.submit(self._execute, chunk, self._order)] = chunk

    def _take_chunk(self, n_workers: int) -> tuple[RunSpec, ...]:
        share = -(-len(self._todo) // (SHARES_LEFT * n_workers))
        by_time = 1 if self._seconds_per_run is None else int(CHUNK_SECONDS / max(self._seconds_per_run, 1e-6))
        return tuple(self._todo.popleft() for _ in range(max(1, min(share, by_time, MOST_IN_CHUNK))))

    def _collect(self, future: Future[list[Outcome]]) -> list[Ended]:
        """Return the runs of an ended chunk; none where its worker died, and its runs are to do again."""
        chunk = self._running.pop(future)
        try:
            outcomes = future.result()
        except self._workers.lost:
            return self._lose(chunk)
        except CancelledError:
            raise SchedulerLostError("the scheduler is gone") from None
        specs = {spec.run_id: spec for spec in chunk}
        return [(self._make_row(specs[outcome.run_id], outcome), outcome.packed) for outcome in outcomes]

    def _lose(self, chunk: tuple[RunSpec, ...]) -> list[Ended]:
        """A run is blamed for a worker's death only where it was alone on it; runs of a chunk are separated first."""
        if len(chunk) == 1:
            self._deaths[chunk[0].run_id] += 1
            if self._deaths[chunk[0].run_id] >= MOST_DEATHS:
                error = f"WorkerDied: its worker process died {MOST_DEATHS} times"
                return [(self._make_row(chunk[0], Outcome(chunk[0].run_id, error=error, status=FAILED)), {})]
        self._alone.extend(chunk)
        return []

    def _make_row(self, spec: RunSpec, outcome: Outcome) -> FinishedRun:
        return FinishedRun(
            run_id=spec.run_id,
            point=spec.point,
            replication=spec.replication,
            seed=spec.seed,
            measures=outcome.measures,
            missing=outcome.missing,
            tries=outcome.tries,
            trace_hash=outcome.trace_hash,
            error=outcome.error,
            status=outcome.status,
            wall_seconds=round(outcome.wall_seconds, 6),
            machine=outcome.machine,
            attempts=max(self._deaths[spec.run_id] + (outcome.machine != ""), 1),
            ended_utc=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )

    def _keep(self, ended: list[Ended]) -> None:
        if not ended:
            return
        rows = [row for row, _ in ended]
        self._store.append(rows, {row.run_id: packed for row, packed in ended})
        self._n_new += len(rows)
        mean = sum(row.wall_seconds for row in rows) / len(rows)
        before = mean if self._seconds_per_run is None else self._seconds_per_run
        self._seconds_per_run = (before + mean) / 2
        self._todo.extend(self._plan.end(rows))
        self._count(rows)

    def _count(self, rows: Iterable[FinishedRun]) -> None:
        for row in rows:
            self.rows[row.run_id] = row
            self._n_failed += row.status == FAILED
            self._n_halted += row.status == StudyStatus.HALTED
        self._report(RunTally(len(self.rows), self._n_failed, self._n_halted, self._n_new, self._plan.n_runs))
