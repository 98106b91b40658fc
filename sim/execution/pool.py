"""Workers on this machine: one single-worker `ProcessPoolExecutor` a lane.

A pool of many workers breaks as a whole when one of them dies, and cannot tell whose run it was. With a lane each,
exactly one chunk is lost, its lane is rebuilt, and the others go on. Processes are spawned, never forked: torch and
forked threads do not go together.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from sim.errors import UserError
from sim.interrupts import SIGNALS

P = ParamSpec("P")
T = TypeVar("T")

_CONTEXT = multiprocessing.get_context("spawn")
UNGUARDED = 1
GUARD = 'put the call below `if __name__ == "__main__":`'


def check_start() -> None:
    """Raise UserError where no worker could start: each runs the script again that has no main guard, or has no file.

    In a worker that runs such a script again it ends the worker, before it does anything.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        os._exit(UNGUARDED)
    main = sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    if getattr(main, "__spec__", None) is not None or file is None or _is_command(main):
        return
    if not Path(file).is_file():
        raise UserError(f"worker processes cannot start from {file}: {GUARD} in a file of its own, or take workers=0")
    try:
        with ProcessPoolExecutor(1, _CONTEXT) as executor:
            executor.submit(os.getpid).result()
    except BrokenExecutor:
        told = f"{file}: worker processes cannot start, for each runs this script from its beginning"
        raise UserError(f"{told}: {GUARD}, or take workers=0") from None


def _is_command(main: object) -> bool:
    """Whether a program's main module is nothing but powsim's command: no worker needs it."""
    command = sys.modules.get("sim.cli")
    return command is not None and getattr(main, "main", None) is command.main


@contextmanager
def _command_hidden() -> Iterator[None]:
    """Let a process that starts now not run the command's module first, which would begin the command again."""
    main = sys.modules["__main__"]
    hidden = {name: getattr(main, name, None) for name in ("__file__", "__spec__")} if _is_command(main) else {}
    for name in hidden:
        setattr(main, name, None)
    try:
        yield
    finally:
        for name, value in hidden.items():
            setattr(main, name, value)


class LocalPool(Executor):
    """An executor over `n_workers` processes; as many calls at a time, each in a lane of its own."""

    def __init__(self, n_workers: int) -> None:
        self.n_workers = n_workers
        self._idle: list[_Lane] = [_Lane() for _ in range(n_workers)]
        self._busy: set[_Lane] = set()
        self._change = threading.Condition(threading.RLock())

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Start a call, as soon as a lane is free. Its future raises BrokenExecutor where the worker died."""
        with self._change:
            self._change.wait_for(lambda: self._idle)  # a future is done a moment before its lane is free
            lane = self._idle.pop()
            self._busy.add(lane)
        future = lane.submit(fn, *args, **kwargs)
        future.add_done_callback(lambda done: self._release(lane, done))
        return future

    def _release(self, lane: _Lane, done: Future[Any]) -> None:
        is_broken = not done.cancelled() and isinstance(done.exception(), BrokenExecutor)
        with self._change:
            self._busy.discard(lane)
            if is_broken:
                lane.kill()
            self._idle.append(_Lane() if is_broken else lane)
            self._change.notify()

    def __exit__(self, *raised: object) -> None:
        """End the workers; in the middle of their calls where an error ended the body."""
        self.shutdown(wait=raised[0] is None)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers; without `wait`, in the middle of their runs."""
        with self._change:
            lanes = [*self._idle, *self._busy]
        for lane in lanes:
            # The executor's own thread ends too: otherwise it meets the end of the program, which it may trip over.
            lane.close() if wait else lane.kill(wait=True)


class _Lane:
    """One worker process, started by its first call. It ends when this program does, however that ends."""

    def __init__(self) -> None:
        self._lifeline: Connection | None = None
        self._executor: ProcessPoolExecutor | None = None

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        with _interrupts_blocked(), _command_hidden():
            try:
                return self._get_executor().submit(fn, *args, **kwargs)
            except BrokenExecutor:  # the worker died while it was idle: no run was lost
                self.kill()
                return self._get_executor().submit(fn, *args, **kwargs)

    def close(self) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True)
        self.kill()

    def kill(self, *, wait: bool = False) -> None:
        """End the worker at once: its lifeline is cut. `wait`: until it is gone; not from its executor's own thread."""
        if self._lifeline is not None:
            self._lifeline.close()
        if self._executor is not None:
            self._executor.shutdown(wait=wait, cancel_futures=True)
        self._lifeline = self._executor = None

    def _get_executor(self) -> ProcessPoolExecutor:
        if self._executor is None:
            ours, self._lifeline = _CONTEXT.Pipe(duplex=False)
            self._executor = ProcessPoolExecutor(1, _CONTEXT, initializer=_start_worker, initargs=(ours,))
        return self._executor


def _start_worker(lifeline: Connection) -> None:
    """Make the worker end with the program, which may be killed before it can say so."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # the program, not its workers, answers an interrupt
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: Connection) -> None:
    try:
        lifeline.poll(None)  # the other end sends no data: this returns when it is closed
    finally:
        os._exit(1)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """A process that starts now ignores Ctrl-C and the like from its first moment on: it inherits the mask."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows: a worker may say a word about a Ctrl-C as it starts
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
