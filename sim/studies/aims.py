"""The aims of a search in numbers: a measure's values over replications, their objective, the bounds they break."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sim.economy.base import Floats
from sim.metrics.intervals import compute_mean_interval
from sim.studies.search_schema import Aim, Constraint, Objective
from sim.studies.subjects import Scores


def compute_values(aim: Aim, scores: Scores, weights: Mapping[str, float], n_replications: int) -> Floats:
    """A value per replication: the mean over the curves that have the measure, or that of the named curve.

    `weights` of all curves, by their names; a curve without one counts only where it is named. NaN where there is no
    value; all are where an error left no scores.
    """
    curves = [] if scores.error else zip(weights.items(), scores.curves, strict=True)
    found = [
        (weight, each[aim.measure])
        for (name, weight), each in curves
        if aim.measure in each and (name == aim.curve or (aim.curve is None and weight > 0.0))
    ]
    if not found:
        return np.full(n_replications, np.nan)
    share, values = zip(*found, strict=True)
    return np.asarray(np.average(values, axis=0, weights=None if aim.curve else share), dtype=np.float64)


def compute_objective(objective: Objective, values: Floats) -> float:
    """The number to be made small: mean over replications, its negative, or its distance; infinite where unknown."""
    mean = float(values.mean())
    if objective.towards is not None:
        found = abs(mean - objective.towards)
    else:
        found = -mean if objective.goal == "maximise" else mean
    return found if np.isfinite(found) else np.inf


def compute_half_width(values: Floats) -> float:
    """Half of the 95 % interval of the mean over replications; NaN where there is none."""
    half = compute_mean_interval(values).half_width if np.isfinite(values).all() else np.nan
    return half if np.isfinite(half) else np.nan


def compute_excess(constraint: Constraint, values: Floats) -> float:
    """Violation of the bounds by the mean over replications; at most 0 if they hold."""
    mean = float(values.mean())
    if not np.isfinite(mean):
        return np.inf
    above = -np.inf if constraint.at_most is None else mean - constraint.at_most
    below = -np.inf if constraint.at_least is None else constraint.at_least - mean
    return max(above, below)
