"""Signals that end a program: Ctrl-C, SIGTERM (a cluster's queue), SIGHUP (a closed terminal); each is an interrupt.

While a command runs, each of them raises KeyboardInterrupt in its main thread, so that all of them keep what was
finished. What must not be cut off, saving above all, stands inside `finishing`.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP
SIGNALS = tuple(getattr(signal, name) for name in NAMES if hasattr(signal, name))
GRACE_SECONDS = 1.0  # after an interrupt: a second one may come before the first has reached `finishing`
END_SECONDS = 5.0  # for an interpreter to shut down
SIGNAL_BASE = 128
"""A program that a signal has ended has this exit status, plus the signal's number."""


class Received:
    """The signals that a command has got."""

    def __init__(self) -> None:
        self.number: int | None = None
        """The last one that became an interrupt."""
        self._seconds = -GRACE_SECONDS

    def interrupt(self, number: int, _frame: object) -> None:
        """Raise KeyboardInterrupt, unless one has just been raised."""
        now = time.monotonic()
        if now - self._seconds >= GRACE_SECONDS:
            self.number, self._seconds = number, now
            raise KeyboardInterrupt

    def rest(self) -> None:
        """Raise no more for some seconds: the program is about to end."""
        self._seconds = time.monotonic() + END_SECONDS

    @property
    def exit_status(self) -> int:
        """130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP."""
        return SIGNAL_BASE + (signal.SIGINT if self.number is None else self.number)


@contextmanager
def receiving() -> Iterator[Received]:
    """Let all of `SIGNALS` interrupt; one that is ignored stays so, for `nohup` wants it.

    Handlers are put back at the end, unless an interrupt has led to it: another one must not meet the shutdown.
    """
    received = Received()
    with _handled(received.interrupt, lambda: received.number is None):
        yield received


@contextmanager
def finishing() -> Iterator[None]:
    """Let interrupts have no effect: what was finished is saved, which takes seconds. Put back at the end."""

    def tell(_number: int, _frame: object) -> None:
        with suppress(OSError, ValueError, RuntimeError):  # the terminal may be gone
            print("what was finished is being saved", file=sys.stderr, flush=True)

    with _handled(tell):
        yield


@contextmanager
def _handled(handler: Callable[[int, Any], None], is_over: Callable[[], bool] = lambda: True) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # elsewhere no signal arrives
        yield
        return
    before = {each: signal.getsignal(each) for each in SIGNALS}
    known = {each: old for each, old in before.items() if old is not None and old != signal.SIG_IGN}
    for each in known:
        signal.signal(each, handler)
    try:
        yield
    finally:
        for each, old in known.items() if is_over() else ():
            signal.signal(each, old)


def note_kept(interrupt: BaseException, told: str) -> None:
    """Let an interrupt say what is kept; the first to say so knows best."""
    if not getattr(interrupt, "__notes__", ()):
        interrupt.add_note(told)


def tell_interrupt(ended: BaseException | None) -> str:
    """Return the line on an interrupt that led to the end of a program."""
    while ended is not None and not isinstance(ended, KeyboardInterrupt):
        ended = ended.__cause__ or ended.__context__
    notes = getattr(ended, "__notes__", ())
    return f"interrupted; {notes[0]}" if notes else "interrupted"
