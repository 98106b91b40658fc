"""`sim.sweep` and `powsim sweep`: a sweep file -> a results folder with one row a run."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from pow.devices import get_n_cpus
from sim.errors import UserError
from sim.execution.loop import Loop, SchedulerLostError, Workers
from sim.execution.plan import Plan
from sim.execution.progress import silent_progress, sweep_progress
from sim.execution.store import RUNS_FILE, Row, Store, create, reopen
from sim.execution.sweep_file import Sweep, load_sweep_file, make_run_spec
from sim.execution.table import SweepResult, load_sweep, write_tables
from sim.execution.worker import Order, execute
from sim.metrics.measures import Measure, run_measures
from sim.provenance import get_provenance, get_source_version
from sim.results import keep_status, open_folder, read_provenance
from sim.scenario.overrides import Overrides

N_PILOTS = 3
PILOT_SECONDS = 10.0


@dataclass(frozen=True)
class Where:
    """Who computes: local processes (as many as given, or one a processor) unless a cluster is named."""

    workers: int | None = None
    scheduler: str | None = None
    scheduler_file: Path | None = None
    slurm: Path | None = None

    def check(self) -> None:
        """Raise UserError where the choice is none."""
        given = [name for name, value in vars(self).items() if value is not None]
        if len(given) > 1:
            raise UserError(f"--{' and --'.join(given).replace('_', '-')}: choose one of them")
        if self.workers is not None and self.workers < 1:
            raise UserError(f"--workers {self.workers}: there must be at least 1")


def run_sweep(
    path: str | PathLike[str],
    where: Where,
    *,
    out: Path | None = None,
    resume: Path | None = None,
    root: Path = Path("results"),
    overrides: Overrides = (),
    progress: bool = False,
) -> SweepResult:
    """Run a sweep, or go on with the one in `resume`; see `sim.sweep`."""
    where.check()
    if out is not None and resume is not None:
        raise UserError("--out begins a sweep and --resume goes on with one: choose one of them")
    sweep = load_sweep_file(path, overrides, run_measures.names())
    order = _make_order(sweep)
    described = describe_sweep(sweep, order.measures)
    say = _say if progress else _say_nothing
    with ExitStack() as stack:
        # A folder is looked at before a cluster is asked for, and made only when somebody is there to compute.
        store = reopen(resume, sweep.text, described) if resume is not None else None
        if store is not None:
            stack.callback(store.close)
            if (store.folder / RUNS_FILE).is_file():
                with keep_status(store.folder, read_provenance(store.folder)):
                    return _finish(store, sweep, order, None)
        workers = stack.enter_context(_open_workers(where, say))
        if store is None:
            store = create(open_folder(sweep.name, sweep.text, out, root), sweep.text, described)
            stack.callback(store.close)
        say(f"{store.folder}: {workers.description}")
        with keep_status(store.folder, read_provenance(store.folder)):
            rows = _compute(sweep, store, workers, order, sweep_progress if progress else silent_progress, say)
            return _finish(store, sweep, order, rows)


def _make_order(sweep: Sweep) -> Order:
    return Order(get_source_version(), run_measures.choose(sweep.config.measures), sweep.config.time_limit)


def _compute(
    sweep: Sweep,
    store: Store,
    workers: Workers,
    order: Order,
    progress: Callable[[str], AbstractContextManager[Any]],
    say: Callable[[str], None],
) -> list[Row]:
    with progress(sweep.name) as report:
        plan = Plan(sweep, order)
        loop = Loop(workers, plan, store, order=order, report=report)
        try:
            return loop.run(store.read_rows())
        except SchedulerLostError as error:
            raise SchedulerLostError(f"{error}; {_tell_rest(loop, plan, store)}") from None
        except BaseException:
            loop.drain()
            workers.executor.shutdown(wait=False, cancel_futures=True)
            say(_tell_rest(loop, plan, store))
            raise


def _finish(store: Store, sweep: Sweep, order: Order, rows: list[Row] | None) -> SweepResult:
    """Write the tables, once; a program that was killed in between leaves the journal, which is removed now."""
    if rows is not None:
        write_tables(store.folder, sweep, rows, [measure.name for measure in order.measures])
    store.remove_journal()
    return load_sweep(store.folder)


def _tell_rest(loop: Loop, plan: Plan, store: Store) -> str:
    return (
        f"{len(loop.rows)} of {plan.n_runs} runs are on disk; the same command with "
        f"--resume {store.folder} instead of --out does the rest"
    )


def describe_sweep(sweep: Sweep, measures: Iterable[Measure]) -> dict[str, Any]:
    """Return a sweep's provenance: what it is, what it measures, and which code and machine run it."""
    made = {**get_provenance(sweep.seed), "source_version": get_source_version()}
    told = [{key: getattr(measure, key) for key in ("name", "unit", "law", "meaning")} for measure in measures]
    return {"name": sweep.name, "axes": sweep.axes, "measures": told, **made}


@contextmanager
def _open_workers(where: Where, say: Callable[[str], None]) -> Iterator[Workers]:
    if where.scheduler is not None or where.scheduler_file is not None:
        from sim.execution.cluster import open_scheduler

        with open_scheduler(where.scheduler, where.scheduler_file, say) as workers:
            yield workers
    elif where.slurm is not None:
        from sim.execution.cluster import open_slurm

        with open_slurm(where.slurm, say) as workers:
            yield workers
    else:
        with open_local(where.workers or get_n_cpus()) as workers:
            yield workers


@contextmanager
def open_local(n_workers: int) -> Iterator[Workers]:
    """Processes on this machine."""
    from concurrent.futures import BrokenExecutor

    from sim.execution.pool import LocalPool

    pool = LocalPool(n_workers)
    description = f"{n_workers} worker process{'es' if n_workers > 1 else ''} on this machine"
    try:
        yield Workers(pool, lambda: n_workers, 0, (BrokenExecutor,), description)
    except BaseException:
        pool.shutdown(wait=False)
        raise
    pool.shutdown()


@dataclass(frozen=True)
class Pilot:
    """What a sweep would be: its points, its number of runs, and how long runs of some points took, in seconds."""

    sweep: Sweep
    n_runs: int
    n_workers: int
    seconds: tuple[float, ...]
    errors: tuple[str, ...]

    @property
    def estimate_seconds(self) -> float:
        """Estimated time of the whole sweep."""
        return sum(self.seconds) / len(self.seconds) * self.n_runs / min(self.n_workers, self.n_runs)


def try_sweep(path: str | PathLike[str], where: Where, overrides: Overrides = ()) -> Pilot:
    """Check a sweep and run a few of its points, spread over it, in this process; nothing is written."""
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


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _say_nothing(_: str) -> None:
    pass
