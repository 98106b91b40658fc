"""`sim.sweep` and `powsim sweep`: a sweep file -> a results folder with one row a run."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

from pow.devices import get_n_cpus
from sim.errors import UserError
from sim.execution.kept import MemoryStore
from sim.execution.known import check_columns, check_workers_know
from sim.execution.loop import Loop, SchedulerLostError, Workers
from sim.execution.plan import Plan
from sim.execution.progress import sweep_progress
from sim.execution.store import SWEEP_FILE, FinishedRun, Store, create, reopen
from sim.execution.sweep_file import Sweep, find_stranger, load_sweep_file, make_run_spec, make_sweep, open_sweep
from sim.execution.table import SweepResult, build_result, has_tables, load_sweep, write_tables
from sim.execution.where import WorkerChoice, open_workers
from sim.execution.worker import Order, build_scenario, execute
from sim.interrupts import finishing, note_kept
from sim.metrics.measures import Compute, Measure, RunMeasure, run_measures
from sim.progress import no_progress
from sim.provenance import get_provenance, get_source_version
from sim.results import StudyStatus, keep_status, list_data, open_folder, read_provenance, write_provenance
from sim.scenario.load import Source
from sim.scenario.overrides import Overrides
from sim.scenario.schema import Scenario

N_PILOTS = 3
PILOT_SECONDS = 10.0


def run_sweep(
    source: Source,
    where: WorkerChoice,
    *,
    section: Mapping[str, object] | None = None,
    measures: Sequence[str | Compute] | None = None,
    out: Path | None = None,
    resume: Path | None = None,
    root: Path = Path("results"),
    overrides: Overrides = (),
    progress: bool = False,
) -> SweepResult:
    """Run a sweep, or go on with the one in `resume`; see `sim.sweep`. `section`: keys of `sweep:` given in Python."""
    where.check()
    where.check_start()
    if out is not None and resume is not None:
        raise UserError("--out begins a sweep and --resume goes on with one: choose one of them")
    chosen = None if measures is None else run_measures.choose(measures)
    named = {} if chosen is None else {"measures": [measure.name for measure in chosen]}
    document, is_file = open_sweep(source, {**(section or {}), **named})
    sweep = make_sweep(document, overrides, {*run_measures.names(), *named.get("measures", ())})
    order = _make_order(sweep, chosen or ())
    check_columns(sweep, order.measures)
    if not where.is_here:
        check_workers_know("sweep", (point.scenario_json for point in sweep.points), order.measures)
    root_or_none = root if is_file or out is not None else None
    return _run(sweep, order, where, out=out, resume=resume, root=root_or_none, progress=progress)


def _make_order(sweep: Sweep, chosen: Sequence[RunMeasure] = ()) -> Order:
    """Return the order for every run; `chosen` has measures that no catalogue knows."""
    given, names = {measure.name: measure for measure in chosen}, sweep.config.measures or run_measures.names()
    measures = tuple(given.get(name) or run_measures.get(name) for name in names)
    return Order(get_source_version(), measures, sweep.config.keep, sweep.config.time_limit)


def _run(
    sweep: Sweep,
    order: Order,
    where: WorkerChoice,
    *,
    out: Path | None,
    resume: Path | None,
    root: Path | None,
    progress: bool,
) -> SweepResult:
    """Run a checked sweep; without `root` and without a folder to go on with, in memory."""
    say, described = _say if progress else lambda _: None, describe_sweep(sweep, order.measures)
    with ExitStack() as stack:
        # A folder is looked at before a cluster is asked for, and made only when there are workers.
        store: Store | MemoryStore | None = None
        if resume is not None:
            store = reopen(resume, sweep.text, described)
            stack.callback(store.close)
            made = read_provenance(resume)
            if has_tables(resume, made):
                return _end(store, made)
        workers = stack.enter_context(open_workers(where, say))
        if store is None:
            store = _open_store(sweep, described, out, root)
            stack.callback(store.close)
        say(f"{store.folder or sweep.name}: {workers.description}")
        with _keep_status(store) as facts:
            rows = _compute(sweep, store, workers, order, sweep_progress if progress else no_progress, say)
            return _finish(store, sweep, order, rows, facts)


@contextmanager
def _keep_status(store: Store | MemoryStore) -> Iterator[dict[str, Any]]:
    if store.folder is None:
        yield {}
        return
    with keep_status(store.folder, read_provenance(store.folder), SWEEP_FILE) as facts:
        yield facts


def _end(store: Store | MemoryStore, made: dict[str, Any]) -> SweepResult:
    """Return the result of a sweep whose tables stand; the program that wrote them may have been killed after that."""
    assert isinstance(store, Store)
    found = load_sweep(store.folder)
    if made.get("status") == StudyStatus.FINISHED:
        return found
    store.remove_journal()
    write_provenance(store.folder, {**made, "status": StudyStatus.FINISHED}, list_data(store.folder))
    return found


def _open_store(sweep: Sweep, described: dict[str, Any], out: Path | None, root: Path | None) -> Store | MemoryStore:
    if root is None:
        return MemoryStore()
    return create(open_folder(sweep.name, sweep.text, out, root), sweep.text, described)


def _compute(
    sweep: Sweep,
    store: Store | MemoryStore,
    workers: Workers,
    order: Order,
    progress: Callable[[str], AbstractContextManager[Any]],
    say: Callable[[str], None],
) -> list[FinishedRun]:
    with progress(sweep.name) as report:
        plan = Plan(sweep, order)
        loop = Loop(workers, plan, store, order=order, report=report)
        try:
            return loop.run(store.read_rows(partial(find_stranger, sweep, order.code_version)))
        except SchedulerLostError as error:
            raise SchedulerLostError(f"{error}; {_tell_rest(loop, plan, store)}") from None
        except BaseException as error:
            with finishing():
                loop.drain()
                workers.executor.shutdown(wait=False, cancel_futures=True)
                told = _tell_rest(loop, plan, store)
                if isinstance(error, KeyboardInterrupt):
                    note_kept(error, told)
                else:
                    say(told)
            raise


def _finish(
    store: Store | MemoryStore, sweep: Sweep, order: Order, rows: list[FinishedRun], facts: dict[str, Any]
) -> SweepResult:
    """Write the tables; only when the provenance vouches for them is the journal removed."""
    if isinstance(store, MemoryStore):
        return build_result(sweep, rows, order.measures, store.read_packed)
    write_tables(store.folder, sweep, rows, [measure.name for measure in order.measures])
    write_provenance(store.folder, facts, list_data(store.folder))
    store.remove_journal()
    return load_sweep(store.folder)


def _tell_rest(loop: Loop, plan: Plan, store: Store | MemoryStore) -> str:
    done = f"{len(loop.rows)} of {plan.n_runs} runs"
    if store.folder is None:
        return f"{done} were finished; without a results folder they are lost"
    return f"{done} are on disk; the same command with --resume {store.folder} instead of --out does the rest"


def describe_sweep(sweep: Sweep, measures: Iterable[Measure]) -> dict[str, Any]:
    """Return a sweep's provenance: its file, its measures, and the code and machine that run it."""
    made = {**get_provenance(sweep.seed), "source_version": get_source_version()}
    told = [{key: getattr(measure, key) for key in ("name", "unit", "law", "meaning")} for measure in measures]
    return {"name": sweep.name, "axes": sweep.axes, "measures": told, "keep": sweep.config.keep, **made}


@dataclass(frozen=True)
class Pilot:
    """A sweep before it runs: its points, its number of runs, and how long runs of some points took, in seconds."""

    sweep: Sweep
    n_runs: int
    n_workers: int
    seconds: tuple[float, ...]
    errors: tuple[str, ...]

    @property
    def estimate_seconds(self) -> float:
        """Estimated time of the whole sweep."""
        return sum(self.seconds) / len(self.seconds) * self.n_runs / min(self.n_workers, self.n_runs)


def try_sweep(path: str | PathLike[str], where: WorkerChoice, overrides: Overrides = ()) -> Pilot:
    """Check a sweep and run a few of its points, spread over it, in this process, without writing a file."""
    where.check()
    sweep = load_sweep_file(path, overrides, run_measures.names())
    order = _make_order(sweep)
    n_points, started = len(sweep.points), time.perf_counter()
    chosen = sorted({round(index * (n_points - 1) / (N_PILOTS - 1)) for index in range(N_PILOTS)})
    outcomes = []
    for point in chosen:
        outcomes.append(execute(make_run_spec(sweep, point, 0, order.code_version), order))
        if time.perf_counter() - started > PILOT_SECONDS:
            break
    return Pilot(
        sweep,
        Plan(sweep, order).n_runs,
        where.workers or get_n_cpus(),
        tuple(outcome.wall_seconds for outcome in outcomes),
        tuple(outcome.error for outcome in outcomes if outcome.error is not None),
    )


def load_point(path: str | PathLike[str], point: int, replication: int = 0, overrides: Overrides = ()) -> Scenario:
    """Return the scenario of one run of a sweep file, with its seed; raises UserError for a run that is not in it."""
    sweep = load_sweep_file(path, overrides, run_measures.names())
    until = sweep.config.until
    n_replications = max(sweep.config.replications, until.max_runs if until else 0)
    for option, number, n in (("point", point, len(sweep.points)), ("replication", replication, n_replications)):
        if not 0 <= number < n:
            raise UserError(f"--{option} {number}: {path} has the {option}s 0 to {n - 1}")
    return build_scenario(make_run_spec(sweep, point, replication, get_source_version()))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
