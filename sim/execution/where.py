"""The executor of a sweep's runs: this process, processes on this machine, or a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from pow.devices import get_n_cpus
from sim.errors import UserError
from sim.execution.loop import Workers

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class WorkerChoice:
    """Local processes (as many as given, or one a processor; 0: this process) unless a cluster is named."""

    workers: int | None = None
    scheduler: str | None = None
    scheduler_file: Path | None = None
    slurm: Path | None = None

    def check(self) -> None:
        """Raise UserError for choices that exclude each other, or a number of workers below 0."""
        given = [name for name, value in vars(self).items() if value is not None]
        if len(given) > 1:
            raise UserError(f"--{' and --'.join(given).replace('_', '-')}: choose one of them")
        if self.workers is not None and self.workers < 0:
            raise UserError(f"--workers {self.workers}: must be 0 (this process) or the number of processes")

    def check_start(self) -> None:
        """Raise UserError where the worker processes that are asked for cannot start."""
        if not self.is_here and self.scheduler is None and self.scheduler_file is None and self.slurm is None:
            from sim.execution.pool import check_start

            check_start()

    @property
    def is_here(self) -> bool:
        """Whether runs are computed in this process, which knows all plug-ins that were defined in it."""
        return self.workers == 0


@contextmanager
def open_workers(where: WorkerChoice, say: Callable[[str], None]) -> Iterator[Workers]:
    """Open the executor; on leaving it ends, in the middle of its work where an error ended the sweep."""
    if where.scheduler is not None or where.scheduler_file is not None:
        from sim.execution.cluster import open_scheduler

        with open_scheduler(where.scheduler, where.scheduler_file, say) as workers:
            yield workers
    elif where.slurm is not None:
        from sim.execution.cluster import open_slurm

        with open_slurm(where.slurm, say) as workers:
            yield workers
    elif where.is_here:
        yield Workers(HereExecutor(), lambda: 1, 0, (), "this process")
    else:
        with open_local(where.workers or get_n_cpus()) as workers:
            yield workers


@contextmanager
def open_local(n_workers: int) -> Iterator[Workers]:
    """Processes on this machine."""
    from concurrent.futures import BrokenExecutor

    from sim.execution.pool import LocalPool

    description = f"{n_workers} worker process{'es' if n_workers > 1 else ''} on this machine"
    with LocalPool(n_workers) as pool:
        yield Workers(pool, lambda: n_workers, 0, (BrokenExecutor,), description)


class HereExecutor(Executor):
    """Computes each call at once, in this thread, which knows every plug-in of this process."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Return a future that is done. An interrupt is raised here, by the call that it interrupts."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future
