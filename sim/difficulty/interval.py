"""The input of a controller: one interval, as numbers or as rows of replications."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = float | NDArray[np.float64]
"""A number on the chain; in a race a row, (replications,), or a number that all replications share."""


@dataclass(frozen=True, slots=True)
class Interval:
    """From one decision to the next: an epoch of the network, or a block or a quota of nonces in a race.

    Each field has the same shape in all intervals that one memory takes in; its arrays are never written to.
    """

    difficulty: Numbers
    """In force."""
    found: Numbers
    """Found / wanted, n; 0 where nothing was found. Always 1 in a race."""
    ratio: Numbers
    """The same, above 0: nothing counts as half a nonce, or as half of the wanted success."""
    time: Numbers
    """Time that the interval took / time that it should take, t. Always 1 in the network."""
    count: Numbers
    """Nonces on which the measurement rests, above 0: its relative variance is about 1 / count."""
    index: int
    """Number of the epoch; in a race recorded intervals count from 1."""

    @property
    def speed(self) -> Numbers:
        """How many times as fast as wanted nonces were found: n / t."""
        return self.ratio / self.time

    @property
    def work(self) -> Numbers:
        """Work found, in units that a wanted interval takes: D · n."""
        return self.difficulty * self.ratio

    @property
    def ideal(self) -> Numbers:
        """Difficulty that would have met the setpoint: D · n / t."""
        return self.difficulty * self.speed


def clamp(values: Numbers, low: float, high: float) -> Numbers:
    """Bound every value; `np.clip` takes three times as long on short rows."""
    bounded: Numbers = np.minimum(np.maximum(values, low), high)
    return bounded
