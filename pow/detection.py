"""The chance that one validator says yes or no to a claim, exactly, and how claims tie validators together.

1. Of a claim's entries a share was invented. An invented entry is found contradicted unless it passes by luck, an
   honest one if it mismatches. An entry is contradicted for all validators or for none: they recompute the same.
2. Each validator checks a sample without replacement of its own and says no where the fraud test does. So given the
   number of contradicted entries validators are independent, however much their samples overlap.
3. A claim without an end gives independent entries: a sample's count is binomial, and validators share nothing.

Chances of yes and of no are both summed from small to large, so that neither loses its digits where it is tiny.

Reference: protocol 4.4
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from pow.validation import FRAUD_THRESHOLD, P_MISMATCH, critical_counts

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
REACH: Final = 10.0
"""Standard deviations of a number of contradicted entries that are looked at, besides a few dozen entries."""
FEW: Final = 60


@dataclass(frozen=True)
class SampleTest:
    """What every validator does: so many entries checked, and the fraud test on the contradicted ones."""

    sample: int
    p_mismatch: float = P_MISMATCH
    threshold: float = FRAUD_THRESHOLD

    def count_for_fraud(self, n_checked: int) -> int:
        """Give the fewest contradicted entries that are called a fraud, n_checked + 1 where no number is."""
        return int(critical_counts(np.array([n_checked]), self.p_mismatch, self.threshold)[0])


@dataclass(frozen=True)
class ClaimLaw:
    """A claim: which share of it was invented, and how often entries are contradicted."""

    fabricated: Fraction
    """Share of the entries that were invented; of n entries, n times it to the nearest, halves up."""
    pass_chance: float
    """That an invented entry is not contradicted."""
    mismatch: float
    """Chance that an honest entry is contradicted."""
    n_entries: int | None = None
    """None: without an end."""

    @property
    def n_fabricated(self) -> int:
        """How many of the entries were invented. Raises ValueError for a claim without an end."""
        if self.n_entries is None:
            raise ValueError("a claim without an end has no number of invented entries")
        return round_half_up(self.fabricated * self.n_entries)


@dataclass(frozen=True, eq=False)
class Opinions:
    """What one validator says, in each case that all validators share; cases have shape (cases,)."""

    weights: Floats
    """Chance of each case; they sum to 1."""
    yes: Floats
    """Chance of yes in it."""
    no: Floats


def compute_opinions(test: SampleTest, claim: ClaimLaw) -> Opinions:
    """Give the chances of yes and no of one validator; one case for a claim without an end."""
    if claim.n_entries is None:
        share = float(claim.fabricated)
        p = share * (1.0 - claim.pass_chance) + (1.0 - share) * claim.mismatch
        count = test.count_for_fraud(test.sample)
        no, yes = compute_tails(test.sample, count, p, 1.0 - p)
        return Opinions(np.ones(1), yes, no)
    n_checked = min(test.sample, claim.n_entries)
    first, weights = _spread_contradictions(claim, claim.n_entries)
    yes, no = _say_by_count(claim.n_entries, n_checked, test.count_for_fraud(n_checked))
    cases = slice(first, first + len(weights))
    return Opinions(weights, yes[cases], no[cases])


def compute_tails(
    n: npt.ArrayLike, k: npt.ArrayLike, p: npt.ArrayLike, q: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Give P(Bin(n, p) ≥ k) and P(Bin(n, p) < k), q = 1 − p, each with its own digits.

    Numbers and arrays are broadcast to at least one dimension. k below 1 and above n is allowed.
    """
    size, count, chance, rest = np.broadcast_arrays(*np.atleast_1d(n, k, p, q))
    above = np.where(count <= 0, 1.0, 0.0)
    below = 1.0 - above
    some = (count > 0) & (count <= size)
    a, b = count[some].astype(np.float64), (size - count + 1)[some].astype(np.float64)
    above[some], below[some] = special.betainc(a, b, chance[some]), special.betainc(b, a, rest[some])
    return above, below


def round_half_up(value: Fraction) -> int:
    """Give the nearest whole number, of two the larger."""
    return int((2 * value + 1) // 2)


@lru_cache(maxsize=8)
def _spread_contradictions(claim: ClaimLaw, n: int) -> tuple[int, Floats]:
    """Give the least number of contradicted entries that is looked at, and the chances of it and the next ones."""
    parts = ((claim.n_fabricated, 1.0 - claim.pass_chance), (n - claim.n_fabricated, claim.mismatch))
    (first, one), (second, other) = (_list_binomial(size, p) for size, p in parts)
    chances = np.convolve(one, other)
    return first + second, chances / chances.sum()


def _list_binomial(n: int, p: float) -> tuple[int, Floats]:
    """Give the counts' chances within reach of the mean, from the first count on."""
    reach = REACH * np.sqrt(n * p * (1.0 - p)) + FEW
    first, last = max(0, int(n * p - reach)), min(n, int(n * p + reach) + 1)
    return first, np.asarray(stats.binom.pmf(np.arange(first, last + 1), n, p))


@lru_cache(maxsize=8)
def _say_by_count(n: int, n_checked: int, count: int) -> tuple[Floats, Floats]:
    """Give the chances of yes and of no where 0, 1, ... n of n entries are contradicted, each (n + 1,).

    Entries are contradicted one after another, in thought. Let the d-th of them be the one with which the sample comes
    to hold `count`: the sum of the chances of d up to a number is the chance of no at that number, the sum of all
    others that of yes.
    """
    if count > n_checked:
        return np.ones(n + 1), np.zeros(n + 1)
    if count == 0:
        return np.zeros(n + 1), np.ones(n + 1)
    held = count - 1
    d = np.arange(held, n - n_checked + count, dtype=np.float64)  # contradicted ones before it
    taken = np.arange(held, dtype=np.float64)
    logs = np.full(len(d), np.log((n_checked - taken) / (n - taken)).sum())  # all of the first ones in the sample
    step = d[:-1]
    logs[1:] += np.cumsum(np.log((step + 1) / (step + 1 - held)) + np.log1p((held - n_checked) / (n - step)))
    chances = np.exp(logs) * (n_checked - held) / (n - d)
    becomes = np.zeros(n + 2)
    becomes[count : count + len(d)] = chances
    no = np.cumsum(becomes)[: n + 1]
    yes = np.cumsum(becomes[::-1])[::-1][1:]
    return np.minimum(yes, 1.0), np.minimum(no, 1.0)  # sums of chances round to a little more than 1
