"""Tables and numbers in the terminal: one console, one kind of table, one way to write a value."""

from __future__ import annotations

import io
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

WIDTH_WITHOUT_TERMINAL = 140
TEXTS = ("measure", "by", "resolved", "controller", "curve")  # headings of columns that hold no numbers
DIGITS = 4
LINE_SECONDS = float(os.environ.get("POWSIM_LINE_SECONDS", "4.5"))
"""Without a line: then a person is told that the program lives."""
Describe = Callable[[], str]
LARGEST_WHOLE = 1e9  # longer numbers are shown with an exponent


def replace_unknown_signs() -> None:
    """Let standard output and error show `?` for a sign that the terminal's encoding lacks, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def make_console() -> Console:
    """Return a console on standard output: as wide as the terminal, or wide enough where there is none."""
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, width=WIDTH_WITHOUT_TERMINAL)


def make_table(headings: Sequence[str]) -> Table:
    """Return an empty table; columns of texts are set left, columns of numbers right."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="left" if heading in TEXTS else "right", overflow="fold")
    return table


def print_table(title: str, table: Table) -> None:
    """Print a table below its title, which is never broken."""
    console = make_console()
    console.print(title, soft_wrap=True)
    console.print(table)


def format_value(value: object) -> str:
    """Whole numbers whole, others with four digits, texts as they are."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if value.is_integer() and abs(value) < LARGEST_WHOLE else f"{value:.{DIGITS}g}"


def format_interval(low: float, high: float) -> str:
    """Both ends of an interval; `unknown` where one of them is not finite."""
    return f"[{format_value(low)}, {format_value(high)}]" if math.isfinite(low) and math.isfinite(high) else "unknown"


class Heartbeat:
    """Prints a line on standard error wherever a command has printed none for some seconds."""

    def __init__(self, line_seconds: float = LINE_SECONDS) -> None:
        self._line_seconds = line_seconds
        self._describes: list[Describe] = []
        self._last = self._started = time.monotonic()

    def note_line(self) -> None:
        """A line has been printed."""
        self._last = time.monotonic()

    @contextmanager
    def running(self, describe: Callable[[float], str]) -> Iterator[None]:
        """Watch over a command; `describe` gives the line after so many seconds where no inner work has one."""
        ended, self._started = threading.Event(), time.monotonic()
        watcher = threading.Thread(target=self._watch, args=(ended,), daemon=True)
        with self.telling(lambda: describe(time.monotonic() - self._started)):
            self.note_line()
            watcher.start()
            try:
                yield
            finally:
                ended.set()

    @contextmanager
    def telling(self, describe: Describe) -> Iterator[None]:
        """Let an inner work say how far it is; an empty text where its bar shows that."""
        self._describes.append(describe)
        try:
            yield
        finally:
            self._describes.remove(describe)

    def _watch(self, ended: threading.Event) -> None:
        while not ended.wait(max(0.05, self._last + self._line_seconds - time.monotonic())):
            if time.monotonic() - self._last < self._line_seconds:
                continue
            self.note_line()
            with suppress(OSError, ValueError, IndexError):  # a closed terminal; a work that ends just now
                if text := self._describes[-1]():
                    print(text, file=sys.stderr, flush=True)


HEARTBEAT = Heartbeat()
