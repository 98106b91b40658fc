"""From the runs' values to a number with its interval: Student, Wilson, bootstrap, paired differences.

All functions are pure and deterministic: the bootstrap draws from a seed of its own, so that the same values give the
same interval. Formulas, sources and measured coverage: docs/statistics.md.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from sim.metrics.statistics import compute_wilson_interval
from sim.process import ALONE

LEVEL = 0.95
N_RESAMPLES = 1999  # (N + 1) * 2.5 % is whole: the bounds are order statistics, without interpolation
RESAMPLED_AT_ONCE = 2_000_000  # values held in memory by one step of the bootstrap
FEWEST_SEQUENTIAL = 10
ROUNDING = 1e-12  # relative: a spread or a difference of floats that is no larger is none
FEWEST_EQUAL = 6  # with five pairs the sign test's smallest two-sided p-value is 2 / 2**5 > 5 %, with six it is below
Values = NDArray[np.float64]


class Method(StrEnum):
    """How an interval is made."""

    T = "t"
    BOOTSTRAP = "bootstrap-t"
    BCA = "BCa"
    PERCENTILE = "percentile"
    WILSON = "Wilson"
    EVENTS = "Wilson, events"
    """Wilson's over the events of all runs."""


FEWEST = {Method.T: 10, Method.BOOTSTRAP: 20, Method.BCA: 50, Method.PERCENTILE: 50, Method.WILSON: 5, Method.EVENTS: 2}
"""Fewer values than these bring a warning; the docs' table of coverage says why."""


@dataclass(frozen=True, slots=True)
class ConfidenceInterval:
    """An estimate with its interval from `n` values; `warning` is empty where there is none."""

    estimate: float
    low: float
    high: float
    n: int
    method: str
    warning: str = ""

    @property
    def half_width(self) -> float:
        """Half of the interval's length."""
        return (self.high - self.low) / 2

    def excludes(self, value: float) -> bool:
        """Whether the value lies outside; values without any spread say so only from six of them on."""
        if self.low == self.high and self.n < FEWEST_EQUAL:
            return False
        return not self.low <= value <= self.high


def compute_mean_interval(values: ArrayLike, *, level: float = LEVEL) -> ConfidenceInterval:
    """Mean with Student's interval: exact for normal values, good from about 10 values of a law without a long tail."""
    found = check_values(values)
    return _without_spread(found, Method.T) or _make(found, _compute_t_bounds(found, level), Method.T)


def compute_proportion_interval(n_successes: int, n_tries: int, *, level: float = LEVEL) -> ConfidenceInterval:
    """Proportion with Wilson's score interval."""
    low, high = compute_wilson_interval(n_successes, n_tries, _find_normal_quantile(level))
    estimate = n_successes / n_tries if n_tries else math.nan
    return ConfidenceInterval(estimate, low, high, n_tries, Method.WILSON, _warn_of_few(n_tries, Method.WILSON))


def compute_share_interval(
    values: ArrayLike, n_tries: ArrayLike | None = None, *, level: float = LEVEL
) -> ConfidenceInterval:
    """Mean of values in [0, 1], of which `n_tries` says how many events each run counted, where that is known.

    Wilson's interval over all events where the runs agree that events are independent: they spread no more than such
    events let them. Otherwise the runs are what is counted, for events of one run hang together: Student's interval cut
    to [0, 1], and Wilson's over runs of which each is 0 or 1, some of either. Runs that all say 0 have no spread.
    """
    found = check_values(values)
    if found.size and not np.all((found >= 0) & (found <= 1)):
        raise ValueError("a share lies in [0, 1]")
    tries = np.full(found.size, np.nan) if n_tries is None else np.asarray(n_tries, dtype=np.float64)
    if found.size > 1 and are_independent(found, tries):
        n_events, n_all = round(float((found * tries).sum())), round(float(tries.sum()))
        return replace(compute_proportion_interval(n_events, n_all, level=level), n=found.size, method=Method.EVENTS)
    if np.all((found == 0) | (found == 1)) and 0 < found.sum() < found.size:
        return compute_proportion_interval(int(found.sum()), found.size, level=level)
    made = compute_mean_interval(found, level=level)
    return replace(made, low=max(made.low, 0.0), high=min(made.high, 1.0))


def are_independent(shares: Values, n_tries: Values) -> bool:
    """Whether runs' shares spread no more than independent events do: a test of homogeneity at 1 - LEVEL.

    Every run must have counted events; that all of them say 0, or all 1, is no spread at all.
    """
    if not np.all(np.isfinite(n_tries) & (n_tries >= 1)):
        return False
    pooled = float((shares * n_tries).sum() / n_tries.sum())
    if pooled in (0.0, 1.0):
        return True
    statistic = float((n_tries * (shares - pooled) ** 2).sum() / (pooled * (1 - pooled)))
    return float(special.chdtrc(shares.size - 1, statistic)) > 1 - LEVEL


def compute_bootstrap_interval(
    values: ArrayLike, *, level: float = LEVEL, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> ConfidenceInterval:
    """Mean of values of an unknown, perhaps skewed law, with the studentised bootstrap interval.

    Where too few values differ for it (a resample without spread has no t), Student's interval is given instead.
    Source: B. Efron, R. Tibshirani, An Introduction to the Bootstrap (1993), 12.5.
    """
    found = check_values(values)
    if (constant := _without_spread(found, Method.BOOTSTRAP)) is not None:
        return constant
    bounds = compute_studentised_bounds(found, level=level, n_resamples=n_resamples, seed=seed)
    low, high = (float(bound) for bound in bounds)
    if math.isfinite(low) and math.isfinite(high):
        return _make(found, (low, high), Method.BOOTSTRAP)
    warning = f"only {np.unique(found).size} different values among {found.size}: too few for the bootstrap"
    return replace(compute_mean_interval(found, level=level), warning=warning)


def compute_studentised_bounds(
    samples: ArrayLike, *, level: float = LEVEL, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> tuple[Values, Values]:
    """Bounds of the mean over the last axis, (..., n) -> (...), (...); infinite where resamples have no spread."""
    x = np.asarray(samples, dtype=np.float64)
    n = x.shape[-1]
    if n < 2:
        raise ValueError(f"{n} values: the bootstrap needs at least 2")
    rank = math.floor((1 - _check_level(level)) / 2 * (n_resamples + 1))
    if rank < 1:
        raise ValueError(f"{n_resamples} resamples are too few for a level of {level:g}")
    mean, error = x.mean(axis=-1), x.std(axis=-1, ddof=1) / math.sqrt(n)
    generator = np.random.default_rng(seed)
    step = max(1, RESAMPLED_AT_ONCE // x.size)
    counts = [min(step, n_resamples - done) for done in range(0, n_resamples, step)]
    t = np.concatenate([_resample_t(x, mean, generator.integers(0, n, (count, n))) for count in counts], axis=-1)
    t.sort(axis=-1)
    return mean - t[..., -rank] * error, mean - t[..., rank - 1] * error


def _resample_t(x: Values, mean: Values, chosen: NDArray[np.int64]) -> Values:
    """Student's t of each resample about the sample's mean; without spread it is infinite, or 0 at the mean itself."""
    drawn = x[..., chosen]  # (..., resamples, n)
    shift = drawn.mean(axis=-1) - mean[..., np.newaxis]
    error = drawn.std(axis=-1, ddof=1) / math.sqrt(x.shape[-1])
    t: Values = np.where(shift == 0, 0.0, np.copysign(np.inf, shift))
    np.divide(shift, error, out=t, where=np.ptp(drawn, axis=-1) > 0)
    return t


def compute_statistic_interval(
    values: ArrayLike,
    statistic: Callable[..., Any],
    *,
    level: float = LEVEL,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> ConfidenceInterval:
    """Any statistic (`np.median`, a quantile, a spread; it takes `axis`) with its BCa bootstrap interval.

    Where BCa does not exist (leaving one value out never changes the statistic), the percentile interval is given.
    """
    from scipy import stats  # half a second to import

    found = check_values(values)
    if (constant := _without_spread(found, Method.BCA)) is not None:
        return replace(constant, estimate=float(statistic(found, axis=-1)) if found.size else math.nan)
    for method in (Method.BCA, Method.PERCENTILE):
        with ALONE, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scipy warns of bounds that are not numbers, which the loop handles
            made = stats.bootstrap(
                (found,),
                statistic,
                confidence_level=_check_level(level),
                n_resamples=n_resamples,
                batch=max(1, RESAMPLED_AT_ONCE // found.size),
                method=method.value,
                rng=np.random.default_rng(seed),
            ).confidence_interval
        if math.isfinite(made.low) and math.isfinite(made.high):
            break
    interval = _make(found, (float(made.low), float(made.high)), method)
    return replace(interval, estimate=float(statistic(found, axis=-1)))


def compute_paired_interval(before: ArrayLike, after: ArrayLike, *, level: float = LEVEL) -> ConfidenceInterval:
    """Mean of after - before, pair by pair, with Student's interval, whatever the law of the values.

    Pairs that share their random numbers vary together, and the common part drops out of the difference. Where nothing
    differs, differences are symmetric about 0 however skewed or heavy-tailed the values are; Student then excludes 0 in
    at most 5 % of cases, the studentised bootstrap in up to 9 % (docs/statistics.md). A difference that is no more than
    the rounding of its values is none.
    """
    a, b = check_values(before), check_values(after)
    if a.size != b.size:
        raise ValueError(f"{a.size} values before and {b.size} after: pairs need as many of both")
    is_rounding = np.abs(b - a) <= ROUNDING * np.maximum(np.abs(a), np.abs(b))
    return compute_mean_interval(np.where(is_rounding, 0.0, b - a), level=level)


def is_precise_enough(
    values: ArrayLike,
    half_width: float,
    *,
    level: float = LEVEL,
    min_runs: int = FEWEST_SEQUENTIAL,
    compute: Callable[..., ConfidenceInterval] = compute_mean_interval,
) -> bool:
    """Whether a sweep may stop: at least `min_runs` values, and an interval no wider than ± `half_width`.

    Missing values (of runs that failed) are left out. A caveat: a sweep that looks after every run and stops at the
    first narrow interval stops a little too often where the spread looks small by chance, so that its interval covers
    less than its level says (docs/statistics.md has figures). `min_runs` keeps the loss small; the caller's `max_runs`
    ends a sweep that never gets there. Source: Y. S. Chow, H. Robbins, Ann. Math. Statist. 36 (1965) 457.
    """
    if not half_width > 0:
        raise ValueError(f"a half width of {half_width:g}: must be above 0")
    if min_runs < 2:
        raise ValueError(f"{min_runs} runs: a spread needs at least 2")
    found = drop_missing(values)
    return found.size >= min_runs and compute(found, level=level).half_width <= half_width


def estimate_runs_needed(values: ArrayLike, half_width: float, *, level: float = LEVEL) -> int | None:
    """Estimated number of runs in all that a mean needs for ± `half_width`; None for fewer than 2 values."""
    found = drop_missing(values)
    if found.size < 2 or not half_width > 0:
        return None
    quantile = _find_normal_quantile(level)
    return max(FEWEST_SEQUENTIAL, math.ceil((quantile * float(found.std(ddof=1)) / half_width) ** 2))


def drop_missing(values: ArrayLike) -> Values:
    """Return the finite values, in their order."""
    found = np.asarray(values, dtype=np.float64).ravel()
    return found[np.isfinite(found)]


def check_values(values: ArrayLike) -> Values:
    """Return the values as one row; raises ValueError where one is missing or infinite."""
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 1:
        raise ValueError(f"values of shape {found.shape}: expected one row")
    if n_missing := int(np.count_nonzero(~np.isfinite(found))):
        raise ValueError(f"{n_missing} of {found.size} values are missing or infinite")
    return found


def _check_level(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"a level of {level:g}: must lie between 0 and 1")
    return level


def _find_normal_quantile(level: float) -> float:
    """Return z: a normal value lies in [-z, z] with the probability `level`."""
    return -float(special.ndtri((1 - _check_level(level)) / 2))


def _compute_t_bounds(found: Values, level: float) -> tuple[float, float]:
    quantile = -float(special.stdtrit(found.size - 1, (1 - _check_level(level)) / 2))
    half = quantile * float(found.std(ddof=1)) / math.sqrt(found.size)
    mean = float(found.mean())
    return mean - half, mean + half


def _make(found: Values, bounds: tuple[float, float], method: Method) -> ConfidenceInterval:
    return ConfidenceInterval(float(found.mean()), *bounds, found.size, method, _warn_of_few(found.size, method))


def _without_spread(found: Values, method: Method) -> ConfidenceInterval | None:
    """Return the interval of no values, of one, or of equal ones; None where they differ."""
    if found.size == 0:
        return ConfidenceInterval(math.nan, -math.inf, math.inf, 0, method, "no values")
    first = float(found[0])
    if found.size == 1:
        return ConfidenceInterval(first, -math.inf, math.inf, 1, method, "one value: nothing is known of the spread")
    if np.ptp(found) <= ROUNDING * np.abs(found).max():
        return ConfidenceInterval(first, first, first, found.size, method, f"all {found.size} values are equal")
    return None


def _warn_of_few(n: int, method: Method) -> str:
    fewest = FEWEST[method]
    return f"only {n} values: fewer than {fewest}" if n < fewest else ""
