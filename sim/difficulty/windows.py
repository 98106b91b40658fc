"""Sums over the last N rows that cost the same whatever N, as values: a sum that was kept stays what it was.

The window is parted in two. Of the older part the sums of its last 0, 1, 2, … rows are made once, so that a row leaves
by a step to the next of them; newer rows are added up as they come. When no older row is left, the newer ones become
the older part. Nothing is ever subtracted: rounding cannot pile up, and a huge row leaves no trace behind it.

All rows have one shape, or broadcast. All versions of a window share their rows; where a history forks, the later
branch copies (`Log`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.protocol.proofs.log import Log

Row = NDArray[np.float64]
ZERO: Any = np.float64(0.0)  # an immutable row that adds to every shape


@dataclass(frozen=True, slots=True)
class MovingSum:
    """Sum of the last `window` rows, of fewer while there are no more."""

    window: int
    newer: Log[Row] = field(default_factory=Log)
    recent: Row = ZERO
    """Sum of the newer rows."""
    n_older: int = 0
    older: tuple[Row, ...] = (ZERO,)
    """Place m: sum of the last m rows of the older part."""

    @property
    def n_seen(self) -> int:
        """Rows that count, at most `window`."""
        return self.n_older + len(self.newer)

    @property
    def total(self) -> Row:
        """Their sum."""
        return self.recent + self.older[self.n_older]

    def push(self, row: Row) -> MovingSum:
        """Return the window with one more row; the oldest leaves a full one. The row must not be written into later."""
        newer, recent, n_older, older = self.newer, self.recent, self.n_older, self.older
        if n_older + len(newer) == self.window:
            if not n_older:
                older = tuple(accumulate(reversed(newer), initial=ZERO))
                newer, recent, n_older = Log(), ZERO, self.window
            n_older -= 1
        return MovingSum(self.window, newer.extended((row,)), recent + row, n_older, older)


@dataclass(frozen=True, slots=True)
class RankedSum:
    """Sum of the last `window` rows times 1, 2, …, the newest most."""

    window: int
    newer: Log[Row] = field(default_factory=Log)
    recent: Row = ZERO
    """Sum of the newer rows."""
    ranked: Row = ZERO
    """Newer rows times their ranks among the newer."""
    n_older: int = 0
    older: tuple[Row, ...] = (ZERO,)
    """Place m: ranked sum of the last m rows of the older part."""

    @property
    def total(self) -> Row:
        """The ranked sum: each newer row ranks above all older ones."""
        return self.older[self.n_older] + self.n_older * self.recent + self.ranked

    def push(self, row: Row) -> RankedSum:
        """Return the window with one more row, as `MovingSum.push`."""
        newer, recent, ranked, n_older, older = self.newer, self.recent, self.ranked, self.n_older, self.older
        if n_older + len(newer) == self.window:
            if not n_older:
                # Of the last m rows the newest ranks m: it is in each of the plain sums of 1, 2, …, m rows.
                older = tuple(accumulate(accumulate(reversed(newer), initial=ZERO)))
                newer, recent, ranked, n_older = Log(), ZERO, ZERO, self.window
            n_older -= 1
        newer = newer.extended((row,))
        return RankedSum(self.window, newer, recent + row, ranked + len(newer) * row, n_older, older)
