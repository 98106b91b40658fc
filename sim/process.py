"""Settings of the whole process that a piece of work changes for a while: others may be at work beside it.

Each piece that only saved and restored them would, where two overlap, restore what the other one had set.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

S = TypeVar("S")


class Borrowed(Generic[S]):
    """A setting of the process: the first piece of work changes it, the last one puts it back."""

    def __init__(self, change: Callable[[], S], restore: Callable[[S], object]) -> None:
        """`change` returns what it was before, and `restore` takes that."""
        self._change, self._restore = change, restore
        self._lock = threading.Lock()
        self._before: list[S] = []
        self._n_users = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Have it changed until the end of the block."""
        with self._lock:
            if self._n_users == 0:
                self._before = [self._change()]
            self._n_users += 1
        try:
            yield
        finally:
            with self._lock:
                self._n_users -= 1
                if self._n_users == 0:
                    self._restore(self._before.pop())


RARE_COLLECTIONS = (200_000, 50, 100)
"""New objects before the young ones are looked through, such looks before the middle-aged, those before all."""


def _collect_rarely() -> tuple[int, int, int]:
    before = gc.get_threshold()
    gc.set_threshold(*RARE_COLLECTIONS)
    return before


COLLECTOR = Borrowed(_collect_rarely, lambda before: gc.set_threshold(*before))
"""Looks for unreachable cycles rarely: a run makes few, and looking for them in all it holds takes 7 % and more. A
large file is checked in half the time."""
ALONE = threading.RLock()
"""For what libraries keep once a process and cannot share (warnings, the look of figures): one thread at a time."""
