"""The user's mistakes, each reported in one clear message without a traceback (exit status 2)."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

_SHORTEST_PART = 3  # a shorter part of a name is in too many
_MOST_SUGGESTIONS = 3
MOST_SHOWN = 50  # mistakes of one file that a person reads
MOST_LETTERS = 2000  # of one line of a message: a file may hold a name of a million


class ExitStatus(IntEnum):
    """How a command ended; one that a signal has ended has 128 and the signal's number."""

    DONE = 0
    FAILED = 1
    """The program failed, or a plug-in of the user's."""
    INPUT = 2
    """The user's input is wrong."""
    HALTED = 3
    """The chain of a run was given up."""
    DIFFERENT = 4
    """A result is another one than it was said to be."""


def did_you_mean(word: str, known: Iterable[str], near: Iterable[str] | None = None) -> str:
    """Return ' Did you mean "x"? Known: a, b, c.': the nearest known names, where any is near, and all of them.

    `near` are the nearest names where something else than their spelling says which they are. The text starts with a
    space, so that it can follow a sentence; without known names it is empty.
    """
    names = sorted(set(known))
    nearest = " or ".join(f'"{name}"' for name in (_near(word.lower(), tuple(names)) if near is None else near))
    suggestion = f" Did you mean {nearest}?" if nearest else ""
    listing = f" Known: {', '.join(names)}." if names else ""
    return suggestion + listing


@lru_cache(maxsize=256)  # a file repeats its mistakes
def _near(word: str, names: tuple[str, ...]) -> list[str]:
    """Return names that contain the word ("H100" of "H100-SXM"), else the most similar one; case does not matter."""
    containing = [name for name in names if word in name.lower()] if len(word) >= _SHORTEST_PART else []
    if 0 < len(containing) <= _MOST_SUGGESTIONS:
        return containing
    by_lower_case = {name.lower(): name for name in names}
    parts = {part: name for name in reversed(names) for part in name.lower().split("-")[:1]}  # "H100" of "H100-SXM"
    near = difflib.get_close_matches(word, {**parts, **by_lower_case}, n=1, cutoff=0.5)
    return [{**parts, **by_lower_case}[match] for match in near]


def shorten(line: str) -> str:
    """Return a line that a person can read: its begin, how much is left out, and its end, where the reason stands."""
    if len(line) <= MOST_LETTERS:
        return line
    half = MOST_LETTERS // 2
    return f"{line[:half]}... {len(line) - 2 * half} more letters ...{line[-half:]}"


class UserError(Exception):
    """The user's input is wrong; `str()` is the whole message."""

    exit_status = ExitStatus.INPUT


@dataclass(frozen=True)
class Mistake:
    """One mistake in a scenario and its place; line and column count from 1, None where there is no line."""

    source: str  # a file's name, or the option that brought the value: --set hosts.0.count=3
    line: int | None
    column: int | None
    path: str  # keys and positions from the top, joined by dots: hosts.0.count; empty for the whole file
    message: str

    def __str__(self) -> str:
        place = self.source if self.line is None else f"{self.source}:{self.line}:{self.column}"
        return ": ".join(part for part in (place, self.path, self.message) if part)

    @property
    def sort_key(self) -> tuple[bool, int, int, str, str, str]:
        """Order as read: the file from top to bottom, then the options."""
        return (self.line is None, self.line or 0, self.column or 0, self.source, self.path, self.message)


class ScenarioError(UserError):
    """All mistakes of one scenario, in the order of their places; each stands once. The message has the first 50."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes: tuple[Mistake, ...] = tuple(sorted(set(mistakes), key=lambda mistake: mistake.sort_key))
        shown = [shorten(str(mistake)) for mistake in self.mistakes[:MOST_SHOWN]]
        if len(self.mistakes) > MOST_SHOWN:
            shown.append(f"... and {len(self.mistakes) - MOST_SHOWN} more mistakes")
        super().__init__("\n".join(shown))

    def __reduce__(self) -> tuple[type[ScenarioError], tuple[tuple[Mistake, ...]]]:
        """Cross a process border whole: exceptions pickle by their arguments."""
        return (type(self), (self.mistakes,))
