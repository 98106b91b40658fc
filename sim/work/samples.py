"""How many marked ones a sample without replacement holds: the hypergeometric law of many populations at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
REACH: Final = 6.5
"""Standard deviations of a sample's count within which it is sought, besides a dozen for small ones."""


@dataclass(frozen=True, eq=False)
class SampleLaw:
    """Levels of the law, population by population; the rarer kind is counted, since few of its counts are in reach."""

    first: Ints
    """(populations,) least count in reach"""
    levels: Floats
    """(populations, counts) chance of at most the first count, the next one, ..."""
    is_marked: NDArray[np.bool_]
    """(populations,) whether the marked ones are counted"""
    n_sampled: Ints
    """(populations,)"""

    @classmethod
    def of(cls, n: Ints, n_marked: Ints, n_sampled: Ints) -> SampleLaw:
        """Return the law of samples of populations of n; every array is (populations,)."""
        is_marked = 2 * n_marked <= n
        rare = np.where(is_marked, n_marked, n - n_marked)
        mean = n_sampled * (rare / np.maximum(n, 1))
        reach = REACH * np.sqrt(mean) + 12.0  # less than 1e-9 lies beyond
        first = np.maximum(np.maximum(0, n_sampled - (n - rare)), (mean - reach).astype(np.int64))
        last = np.minimum(np.minimum(rare, n_sampled), (mean + reach).astype(np.int64) + 1)
        counts = first[:, None] + np.arange(int((last - first).max(initial=0)))  # (populations, counts)
        rest = (n - rare - n_sampled)[:, None] + counts + 1
        ratios = (rare[:, None] - counts) * (n_sampled[:, None] - counts) / ((counts + 1) * np.maximum(rest, 1))
        ratios[counts >= last[:, None]] = 0.0
        chance = np.exp(_choose(rare, first) + _choose(n - rare, n_sampled - first) - _choose(n, n_sampled))
        chances = chance[:, None] * np.cumprod(np.insert(ratios, 0, 1.0, axis=1), axis=1)
        levels = np.cumsum(chances, axis=1)
        levels[np.arange(levels.shape[1]) >= (last - first)[:, None]] = np.inf  # none is beyond, whatever is rounded
        return cls(first, levels, is_marked, n_sampled)

    def draw(self, places: Ints, uniforms: Floats) -> Ints:
        """Return the counts of marked ones in samples of some populations at these levels, int64 (samples,)."""
        is_marked = self.is_marked[places]
        wanted = np.where(is_marked, uniforms, 1.0 - uniforms)
        counted = self.first[places] + (self.levels[places] < wanted[:, None]).sum(axis=1)
        found: Ints = np.where(is_marked, counted, self.n_sampled[places] - counted)
        return found


def _choose(n: Ints, k: Ints) -> Floats:
    """Return the logarithm of the binomial coefficient."""
    chosen: Floats = special.gammaln(n + 1.0) - special.gammaln(k + 1.0) - special.gammaln(n - k + 1.0)
    return chosen
