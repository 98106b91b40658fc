"""A race in numbers, one value a replication."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sim.economy.base import Floats, Steps
from sim.metrics.measures import parse_measures
from sim.race.rig import Race, Setup

BAND = 0.1  # settled: within 10 % of the ideal difficulty
ROUNDING = 1e-9  # no overshoot is that small
FEWEST_AFTER_STEP = 10

RACE_MEASURES = parse_measures("""
    mean_interval | | mean | mean time of an interval / wanted time (1: no bias)
    interval_sd | | unknown | standard deviation of the same (1 / √quota where the difficulty is always right)
    interval_p95 | | mean | its 95th percentile
    worst_wait | | unknown | the longest interval / wanted time
    noise | | mean | standard deviation of ln difficulty within a race; where compute is constant
    settling | decisions | unknown | after a step, until the answer stays within 10 % of the new ideal difficulty
    overshoot | | unknown | after a step, how far the answer goes beyond the new ideal difficulty, relative to it
    tracking_error | | mean | integrated absolute error: abs(ln(difficulty / ideal)), averaged over time
    interval_p05 | | mean | 5th percentile of time of an interval / wanted time
    interval_p50 | | mean | its median (ln 2 with one nonce an interval and the difficulty always right)
""")  # fmt: skip
SMALLER_IS_BETTER = ("tracking_error", "interval_sd", "interval_p95", "worst_wait")


def measure_race(race: Race, curves: Sequence[Steps], reference: Race | None, setup: Setup) -> dict[str, Floats]:
    """Return those measures of `RACE_MEASURES` that the curve has, a value per replication.

    `reference`: the race without the step, where the curve has one; `settling` and `overshoot` need it, see
    `measure_step`. `noise` needs constant compute.
    """
    times, errors = race.time_ratio, _compute_errors(race)
    found = {
        "mean_interval": times.mean(axis=0),
        "interval_sd": times.std(axis=0, ddof=1),
        "interval_p95": np.percentile(times, 95, axis=0),
        "worst_wait": times.max(axis=0),
        "tracking_error": (np.abs(errors) * times).sum(axis=0) / times.sum(axis=0),
    }
    if all(len(curve.times) == 1 for curve in curves):
        found["noise"] = errors.std(axis=0, ddof=1)
    if reference is not None:
        found["settling"], found["overshoot"] = measure_step(race, curves, reference, setup)
    return {**found, **_measure_percentiles(times)}


def _measure_percentiles(times: Floats) -> dict[str, Floats]:
    """The controlled quantity's percentiles below its mean; between two intervals, in a straight line (NumPy's)."""
    low, median = np.percentile(times, (5, 50), axis=0)
    return {"interval_p05": low, "interval_p50": median}


def _compute_errors(race: Race) -> Floats:
    return np.asarray(np.log(race.difficulty / race.ideal))


def find_step(curves: Sequence[Steps]) -> tuple[float, float] | None:
    """Return time (s) and factor of the only change of compute, the same in all replications; None for other curves."""
    first = curves[0]
    if len(first.times) != 2 or any(len(each.times) != 2 or each.times[1] != first.times[1] for each in curves):
        return None
    return float(first.times[1]), float(first.values[1] / first.values[0])


def leave_out_step(curves: Sequence[Steps]) -> list[Steps]:
    """Return the curves as they would be had nothing changed."""
    return [Steps(curve.times[:1], curve.values[:1]) for curve in curves]


def measure_step(race: Race, curves: Sequence[Steps], reference: Race, setup: Setup) -> tuple[Floats, Floats]:
    """Return settling (decisions) and overshoot of each replication.

    The answer is ln(difficulty / ideal) minus the same of a race with the same random numbers and without the step:
    what chance does to both drops out, decision by decision. Decisions count from the first interval that begins after
    the step. NaN: a race that ends outside the band, or soon after the step.
    """
    time, factor = find_step(curves) or (0.0, 1.0)
    begins = np.cumsum(race.time_ratio, axis=0) - race.time_ratio
    firsts = (begins < time / setup.interval_seconds).sum(axis=0)
    is_after = np.arange(len(begins))[:, np.newaxis] >= firsts
    answer = np.where(is_after, _compute_errors(race) - _compute_errors(reference), 0.0)
    is_out = np.abs(answer) > math.log(1.0 + BAND)
    n_until_last = len(begins) - np.argmax(is_out[::-1], axis=0)
    settling = np.where(is_out.any(axis=0), n_until_last - firsts, 0).astype(np.float64)
    overshoot = np.expm1(np.maximum(math.copysign(1.0, math.log(factor)) * answer - ROUNDING, 0.0).max(axis=0))
    is_short = firsts > len(begins) - FEWEST_AFTER_STEP
    return np.where(is_out[-1] | is_short, np.nan, settling), np.where(is_short, np.nan, overshoot)


def follow(race: Race, setup: Setup, times_seconds: Floats) -> Floats:
    """Difficulty in force / ideal at given times, (times, replications); NaN after a replication's end."""
    ends = np.cumsum(race.time_ratio, axis=0) * setup.interval_seconds
    found = np.full((len(times_seconds), ends.shape[1]), np.nan)
    ratios = race.difficulty / race.ideal
    for each in range(ends.shape[1]):
        numbers = np.searchsorted(ends[:, each], times_seconds, side="right")
        is_running = numbers < len(ends)
        found[is_running, each] = ratios[numbers[is_running], each]
    return found
