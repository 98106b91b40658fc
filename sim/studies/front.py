"""The Pareto front of two measures, each better small or better large."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.economy.base import Floats


def find_front(first: Floats, second: Floats) -> NDArray[np.int64]:
    """Return positions of the points that no other point beats, by the first measure; of equal points, the first one.

    Both measures are better small. A point beats another that is no worse in either and better in one. NaN stands on no
    front.
    """
    known = np.flatnonzero(np.isfinite(first) & np.isfinite(second))
    ascending = known[np.lexsort((known, second[known], first[known]))]
    best = np.minimum.accumulate(np.append(np.inf, second[ascending]))[:-1]
    return ascending[second[ascending] < best]


def select_front(points: pd.DataFrame, front: Sequence[str], signs: Sequence[int]) -> pd.DataFrame:
    """Return the rows of the front, the best by its first measure first; none where a measure is missing everywhere.

    `signs`: 1 for a measure that is better small, -1 for one that is better large.
    """
    first, second = (sign * points[name].to_numpy(dtype=np.float64) for name, sign in zip(front, signs, strict=True))
    return points.iloc[find_front(first, second)].reset_index(drop=True)
