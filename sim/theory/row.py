"""One comparison of `powsim theory`, and the error levels of those that are simulated.

Every simulated row fails by chance with probability 1e-4 on a fresh seed, those of `noise` with 3e-3, those of
`strategies` with up to 2e-2; seeds are fixed, so a row that passes keeps passing until the code changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from scipy import stats

ERROR_LEVEL = 1e-4
Z_BOUND = float(stats.norm.isf(ERROR_LEVEL / 2))


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

    @classmethod
    def relative(cls, quantity: str, ours: float, theory: float, bound: float) -> Row:
        """Return a row whose score is the relative error."""
        return cls(quantity, ours, theory, ours / theory - 1.0, bound)

    @classmethod
    def absolute(cls, quantity: str, ours: float, theory: float, bound: float) -> Row:
        """Return a row whose score is the difference."""
        return cls(quantity, ours, theory, ours - theory, bound)

    @classmethod
    def exact(cls, quantity: str, ours: object, theory: object) -> Row:
        """Return a row of two numbers, or of two other values (shown as 1, ours as 0 if it differs): equal or wrong."""
        if isinstance(ours, (int, float, Fraction)) and isinstance(theory, (int, float, Fraction)):
            return cls(quantity, float(ours), float(theory), float(ours - theory), 0.0)
        return cls(quantity, float(ours == theory), 1.0, float(ours != theory), 0.0)

    @classmethod
    def binomial(cls, quantity: str, n_successes: int, n_tries: int, theory: float) -> Row:
        """Return a row of a simulated share, scored by its count: close to normal for np(1-p) > 10."""
        expected = n_tries * theory
        score = (n_successes - expected) / math.sqrt(expected * (1.0 - theory))
        return cls(quantity, n_successes / n_tries, theory, score, Z_BOUND)

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
