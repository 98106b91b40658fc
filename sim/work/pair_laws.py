"""The law of the distance between two machines' answers to the same nonce, from measured quantiles.

1. Between measured levels the distance is linear; below the first it starts from 0.
2. A build with a defect answers wrongly at fixed places of every batch. The nonces there hold the largest distances of
   its pairs, the others the rest, so that all places together keep the measured law.

Reference: network 3.1
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pow.answers import K_DIM

Floats = NDArray[np.float64]
SMALLEST_DEFECT: Final = 0.15
"""Share of wrong answers at a place of a batch that sampling errors of a thousand nonces do not reach."""


@dataclass(frozen=True, eq=False)
class PairLaw:
    """Distances at ascending levels, from level 0 to level 1."""

    distances: Floats
    levels: Floats

    @classmethod
    def of_knots(cls, knots: Iterable[tuple[float, float]]) -> PairLaw:
        """Return the law through (distance, level) knots in any order; of two at one level the nearer one stays."""
        found = [(0.0, 0.0)]
        for distance, level in sorted(knots):
            if level > found[-1][1]:
                found.append((distance, level))
        distances, levels = zip(*found, strict=True)
        return cls(np.array(distances), np.array(levels))

    def at_least(self, other: PairLaw, share: float) -> PairLaw:
        """Return this law, raised to where another one puts it that a share of the nonces follows."""
        distances = np.union1d(self.distances, other.distances)
        levels = [np.interp(distances, law.distances, law.levels) for law in (self, other)]
        return PairLaw.of_knots(zip(distances.tolist(), np.maximum(levels[0], share * levels[1]).tolist(), strict=True))

    def draw(self, uniforms: Floats) -> Floats:
        """Return the distances at these levels, in the shape of `uniforms`."""
        return np.interp(uniforms, self.levels, self.distances)

    def share_above(self, threshold: float) -> float:
        """Return the chance of a distance above the threshold."""
        return 1.0 - float(np.interp(threshold, self.distances, self.levels))


EQUAL: Final = PairLaw(np.array([0.0, 0.0]), np.array([0.0, 1.0]))
"""Of one stack with itself."""


def share_of_invented_above(threshold: float) -> float:
    """Return the chance that an answer that nobody computed is farther away; it is uniform on the sphere."""
    from pow.sphere import distance_cdf  # scipy loads slowly, and checks of a scenario do not draw

    return 1.0 - float(distance_cdf(threshold, K_DIM))


def share_of_invented_steps_above(_threshold: float) -> float:
    """Return the same of the scheme `decode`: an invented nonce would have to be right in each of 257 steps."""
    return 1.0


@dataclass(frozen=True, eq=False)
class Defect:
    """Wrong answers of a build, by place in its batches."""

    shares: Floats
    """(places,) chance of a wrong answer at each place of a batch"""

    @classmethod
    def of_counts(cls, mismatches: Iterable[int], n_nonces: int) -> Defect:
        """Return the defect that so many mismatches at each place show, of n nonces in all.

        The middle place has none: what it mismatches, sound places do.
        """
        counts = np.array(list(mismatches), dtype=np.float64)
        shares = np.minimum(counts * len(counts) / n_nonces, 1.0)
        sound = float(np.median(shares))
        wrong = (shares - sound) / (1.0 - sound)
        return cls(np.where(wrong >= SMALLEST_DEFECT, wrong, 0.0))

    @property
    def sound_share(self) -> float:
        """Share of a batch's places without a wrong answer."""
        return float(np.mean(self.shares == 0.0))

    def split(self, share_above: float) -> Floats:
        """Divide a share of nonces above a threshold among the places, (places,); their mean is that share."""
        wrong = float(self.shares.mean())
        if share_above <= wrong:
            return self.shares * share_above / wrong
        return self.shares + (1.0 - self.shares) * (share_above - wrong) / (1.0 - wrong)
