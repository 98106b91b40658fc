"""The winner of a search beside its rival, curve by curve: on those that the search saw, and on others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sim.economy.base import Floats
from sim.metrics.intervals import LEVEL, compute_paired_interval
from sim.studies.search_file import Search
from sim.studies.subjects import Scores

ALL = "all of them"


def compare_by_curve(search: Search, seen: Sequence[Scores], unseen: Sequence[Scores]) -> pd.DataFrame:
    """Return the objective's measure of the winner and of its rival, with the paired difference.

    `seen`, `unseen`: scores of both, none with an error, on the curves of the search and on the others. One row a
    curve that has the measure, and one for the mean over such curves: `curve`, `is_seen`, `winner`, `against`,
    `difference`, `low`, `high`, `level`, `resolved`; NaN where a race has no value.
    """
    assert search.unseen is not None
    return pd.DataFrame(
        [
            *({"is_seen": True, **row} for row in _compare(search, seen, search.subject.weights)),
            *({"is_seen": False, **row} for row in _compare(search, unseen, search.unseen.weights)),
        ]
    )


def _compare(search: Search, scores: Sequence[Scores], weights: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    measure = search.config.objective.measure
    curves = [each.curves for each in scores]
    found = {
        name: [of[number][measure] for of in curves]
        for number, name in enumerate(weights)
        if all(measure in of[number] for of in curves)
    }
    yield from ({"curve": name, **compare_pairs(against, winner)} for name, (winner, against) in found.items())
    shares = [weights[name] for name in found]
    if len(found) > 1 and any(shares):
        winner, against = (np.average([pair[k] for pair in found.values()], axis=0, weights=shares) for k in (0, 1))
        yield {"curve": ALL, **compare_pairs(against, winner)}


def compare_pairs(against: Floats, winner: Floats) -> dict[str, Any]:
    """Return the means of a measure and the winner's minus its rival's, paired by replication; NaN where unknown."""
    told = {"winner": float(winner.mean()), "against": float(against.mean()), "level": LEVEL}
    if not np.isfinite(against).all() or not np.isfinite(winner).all():
        return {**told, "difference": math.nan, "low": math.nan, "high": math.nan, "resolved": False}
    made = compute_paired_interval(against, winner)
    return {**told, "difference": made.estimate, "low": made.low, "high": made.high, "resolved": made.excludes(0.0)}
