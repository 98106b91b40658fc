"""One comparison of `powsim theory`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One comparison: passed iff |score| <= bound.

    `score` is a z value where `ours` is simulated (bound: the two-sided quantile of the stated error level), otherwise
    an error, absolute or relative as the quantity says. A row with an infinite bound is reported and not judged; its
    score is the ratio ours / measured.
    """

    quantity: str
    ours: float
    theory: float
    score: float
    bound: float

    @property
    def passed(self) -> bool:
        """Whether ours agrees with theory."""
        return abs(self.score) <= self.bound

    @property
    def verdict(self) -> str:
        """The row's last cell in the table: whether it passed."""
        if math.isinf(self.bound):
            return "reported"
        return "ok" if self.passed else "FAILED"


Group = Callable[[bool], Iterator[Row]]
"""A group of rows; its argument asks for the quick, smaller samples."""
