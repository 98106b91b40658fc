"""Sums over the last N rows that cost the same whatever N: a ring of rows beside a running sum."""

from __future__ import annotations

import numpy as np

from sim.economy.base import Floats

LARGEST_LOSS = 1e3  # a row that leaves may be so many times what stays; beyond, the sum has lost too many digits


class RunningSum:
    """Sum of the last `window` rows. Rounding cannot pile up: the sum is made anew at every turn of the ring, and when
    a row leaves that was far larger than what stays.
    """

    def __init__(self, window: int, first: Floats, n_before: int) -> None:
        self.n_seen = min(window, n_before)  # rows that count, at most `window`
        self._window, self._position = window, self.n_seen % window
        self._rows = np.zeros((window, len(first)))
        self._rows[: self.n_seen] = first
        self.total: Floats = self._rows.sum(axis=0)

    def push(self, row: Floats) -> Floats:
        """Take in the newest row; return the new sum."""
        was_full = self.n_seen == self._window
        leaving = self._rows[self._position].copy()
        self._rows[self._position] = row
        self._position = (self._position + 1) % self._window
        self.n_seen = min(self.n_seen + 1, self._window)
        self._update(row, leaving, was_full)
        return self.total

    def _update(self, row: Floats, leaving: Floats, was_full: bool) -> None:
        self.total = self.total + (row - leaving)
        if self._position == 0 or (leaving > LARGEST_LOSS * self.total).any():
            self.total = self._rows.sum(axis=0)


class RankedSum(RunningSum):
    """Sum of the last `window` rows times 1, 2, …, the newest most."""

    def __init__(self, window: int, first: Floats, n_before: int) -> None:
        super().__init__(window, first, n_before)
        self._plain = self.total
        self.total = self._rank()

    def _update(self, row: Floats, leaving: Floats, was_full: bool) -> None:
        # Every row that was there loses a rank once the ring is full; before, none does.
        self.total = self.total + self.n_seen * row - (self._plain if was_full else 0.0)
        self._plain = self._plain + (row - leaving)
        if self._position == 0 or (leaving > LARGEST_LOSS * self._plain).any():
            self._plain, self.total = self._rows.sum(axis=0), self._rank()

    def _rank(self) -> Floats:
        oldest = self._position if self.n_seen == self._window else 0
        ranks = (np.arange(self._window) - oldest) % self._window + 1.0
        ranked: Floats = ranks @ self._rows  # rows that are not there yet are 0
        return ranked
