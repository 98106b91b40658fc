"""A race in numbers, one value a replication."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sim.economy.base import DAY_SECONDS, Floats, Market, Steps
from sim.metrics.measures import Law, Measure
from sim.race.incentives import average_over_time, measure_incomes, measure_manipulation
from sim.race.rig import Race, Setup

BAND = 0.1  # settled: within 10 % of the ideal difficulty
ROUNDING = 1e-9  # no measure is that small, except by what floats leave over
FEWEST_AFTER_STEP = 10


def _parse_measures(text: str) -> dict[str, Measure]:
    """Return measures from lines `name | unit | law | meaning`."""
    rows = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    return {name: Measure(name, unit, Law(law), meaning) for name, unit, law, meaning in rows}


RACE_MEASURES = _parse_measures("""
    lasted | d | mean | time from a race's beginning to its end
    decisions | | mean | decisions of a race
    mean_interval | | mean | mean time of an interval / wanted time (1: no bias)
    interval_sd | | unknown | standard deviation of the same (1 / √quota where the difficulty is always right)
    interval_p95 | | mean | its 95th percentile
    worst_wait | | unknown | the longest interval / wanted time
    noise | | unknown | standard deviation of ln difficulty over replications at a decision; where compute is constant
    settling | decisions | unknown | after a step, until the last excursion of the answer beyond 10 % of the new ideal
    overshoot | | unknown | after a step, how far the answer goes beyond the new ideal difficulty, relative to it
    tracking_error | | mean | integrated absolute error: abs(ln(difficulty / ideal)), averaged over time
    interval_p05 | | mean | 5th percentile of time of an interval / wanted time
    interval_p50 | | mean | its median (ln 2 with one nonce an interval and the difficulty always right)
    compute_swing | | mean | standard deviation over time of ln compute; where it follows profit
    steady_loss | | mean | nonces that a steady host lacks of its share of compute in an even stream of nonces, relative
    small_host_sd | | mean | standard deviation of a small steady host's income in a race / its mean, given the path
    manipulation_gain | | mean | nonces found per time / the same without false timestamps, minus 1
    manipulation_bias | | mean | mean of ln difficulty over time, minus the same without false timestamps
""")  # fmt: skip
SMALLER_IS_BETTER = ("tracking_error", "interval_sd", "interval_p95", "worst_wait", "settling", "steady_loss")
WANTED = {"mean_interval": 1.0}
"""Measures that are better the nearer they are to a value."""
WITHOUT_SIDE = (*WANTED, "interval_p05", "interval_p50")
"""Measures that are better neither small nor large."""
RANKED = (*SMALLER_IS_BETTER, *WANTED)
"""Measures by which controllers are ranked."""


def measure_race(
    race: Race,
    curves: Sequence[Steps | Market],
    reference: Race | None,
    setup: Setup,
    honest: Race | None = None,
) -> dict[str, Floats]:
    """Return those measures of `RACE_MEASURES` that the curve has, a value per replication.

    `reference`: the race without the step, where the curve has one; `settling` and `overshoot` need it, see
    `measure_step`. Incomes of steady hosts need compute that is never gone, `noise` constant compute, `compute_swing`
    hosts that follow profit. `honest`: the race without false timestamps, where there are any.
    """
    errors = _compute_errors(race)
    low, median, high = compute_quantiles(np.where(race.counts, race.time_ratio, np.inf).T, (0.05, 0.5, 0.95))
    found = {
        "mean_interval": race.times.sum(axis=0) / race.n_counted,
        "interval_sd": compute_interval_sd(race),
        "interval_p95": high,
        "worst_wait": race.times.max(axis=0),
        "lasted": race.times_inside.sum(axis=0) * setup.interval_seconds / DAY_SECONDS,
        "decisions": race.n_counted.astype(np.float64),
        "tracking_error": average_over_time(np.abs(errors), race),
    }
    if all(isinstance(curve, Market) or curve.values.min() > 0 for curve in curves):
        found |= measure_incomes(race, setup.small_host, setup.quota)
    if all(isinstance(curve, Steps) and len(curve.times) == 1 for curve in curves):
        found["noise"] = measure_noise(errors[: race.n_counted.min()])
    if isinstance(curves[0], Market):
        found["compute_swing"] = _compute_swing(race)
    if honest is not None:
        found |= measure_manipulation(race, honest)
    if reference is not None:
        found["settling"], found["overshoot"] = measure_step(race, curves, reference, setup)
    found |= {"interval_p05": low, "interval_p50": median}
    return {name: np.where(np.abs(values) <= ROUNDING, 0.0, values) for name, values in found.items()}


def compute_interval_sd(race: Race) -> Floats:
    """Return the standard deviation of the intervals that count / wanted time; NaN of a single one."""
    n = race.n_counted
    deviation = np.where(race.counts, race.times - race.times.sum(axis=0) / n, 0.0)
    variance = np.divide((deviation**2).sum(axis=0), n - 1, out=np.full(len(n), np.nan), where=n > 1)
    return np.asarray(np.sqrt(variance))


def compute_quantiles(values: Floats, shares: Sequence[float]) -> list[Floats]:
    """Return quantiles of each row, (rows,) for each share, between two values by a straight line.

    `values`: (rows, values); infinite ones are none, and each row has others.
    """
    ordered = np.sort(values, axis=1)
    last, rows = (ordered < np.inf).sum(axis=1) - 1, np.arange(len(ordered))
    found = []
    for share in shares:
        place = share * last
        before = np.floor(place).astype(np.int64)
        lower, upper = ordered[rows, before], ordered[rows, np.minimum(before + 1, last)]
        found.append(np.asarray(lower + (place - before) * (upper - lower)))
    return found


def measure_noise(errors: Floats) -> Floats:
    """Return shares in the standard deviation over replications, whose mean it is; `errors`: ln(difficulty / ideal).

    At each decision the variance is taken over the replications, and then averaged over decisions: within one race a
    long memory hardly moves, so that the scatter of one race is too low. A replication's share is its mean squared
    deviation q, linearised: (s + q / s) / 2 with s² = mean of q, as in the delta method.
    """
    n_replications = errors.shape[1]
    squares = (errors - errors.mean(axis=1, keepdims=True)) ** 2
    own = squares.mean(axis=0) * n_replications / (n_replications - 1)
    spread = math.sqrt(float(own.mean()))
    return (spread + own / spread) / 2 if spread > ROUNDING else np.zeros(n_replications)


def _compute_errors(race: Race) -> Floats:
    return np.asarray(np.log(race.difficulty / race.ideal))


def _compute_swing(race: Race) -> Floats:
    logarithms = np.log(race.ideal)
    return np.sqrt(average_over_time((logarithms - average_over_time(logarithms, race)) ** 2, race))


def find_step(curves: Sequence[Steps | Market]) -> tuple[float, float] | None:
    """Return time (s) and factor of the only change of compute, the same in all replications; None for other curves."""
    first, *others = [curve if isinstance(curve, Steps) else None for curve in curves]
    if first is None or len(first.times) != 2:
        return None
    if any(other is None or not np.array_equal(other.times, first.times) for other in others):
        return None
    return float(first.times[1]), float(first.values[1] / first.values[0])


def leave_out_step(curves: Sequence[Steps | Market]) -> list[Steps]:
    """Return the curves without their change: each stays at its first value."""
    return [Steps(curve.times[:1], curve.values[:1]) for curve in curves if isinstance(curve, Steps)]


def measure_step(race: Race, curves: Sequence[Steps | Market], reference: Race, setup: Setup) -> tuple[Floats, Floats]:
    """Return settling (decisions) and overshoot of each replication.

    The answer is ln(difficulty / ideal) minus the same of a race with the same random numbers and without the step:
    the part of chance drops out, decision by decision. What is left answers chance as well, for a rule is quicker once
    blocks are: the last excursion beyond the band counts, so that single blocks may settle long after the mean has.
    Decisions count from the first interval that begins after the step. NaN: a race that ends outside the band, or soon
    after the step.
    """
    time, factor = find_step(curves) or (0.0, 1.0)
    begins, ends = race.begins, race.n_counted
    firsts = (begins < time / setup.interval_seconds).sum(axis=0)
    is_after = (np.arange(len(begins))[:, np.newaxis] >= firsts) & race.counts
    answer = np.where(is_after, _compute_errors(race) - _compute_errors(reference), 0.0)
    is_out = np.abs(answer) > math.log(1.0 + BAND)
    n_until_last = len(begins) - np.argmax(is_out[::-1], axis=0)
    settling = np.where(is_out.any(axis=0), n_until_last - firsts, 0).astype(np.float64)
    overshoot = np.expm1(np.maximum(math.copysign(1.0, math.log(factor)) * answer - ROUNDING, 0.0).max(axis=0))
    is_short, is_open = firsts > ends - FEWEST_AFTER_STEP, is_out[ends - 1, np.arange(len(ends))]
    return np.where(is_open | is_short, np.nan, settling), np.where(is_short, np.nan, overshoot)


def follow(race: Race, values: Floats, setup: Setup, times_seconds: Floats) -> Floats:
    """Values of a race's intervals at given times, (times, replications); NaN after a replication's end.

    A horizon is the last moment of a race.
    """
    ends = np.cumsum(race.time_ratio, axis=0) * setup.interval_seconds
    found = np.full((len(times_seconds), ends.shape[1]), np.nan)
    for each in range(ends.shape[1]):
        numbers = np.searchsorted(ends[:, each], times_seconds, side="right")
        is_running = numbers < race.n_counted[each]
        found[is_running, each] = values[numbers[is_running], each]
    return found
