"""When a sweep has enough runs."""

import math

import numpy as np
import pytest
from scipy import stats

from sim.metrics.intervals import estimate_runs_needed, is_precise_enough
from sim.metrics.measures import is_measure_precise_enough, run_measures

N_SWEEPS, LONGEST = 2000, 150


def test_stops_at_the_first_narrow_interval() -> None:
    values = np.random.default_rng(1).normal(0.0, 1.0, 200)
    enough = [n for n in range(1, 201) if is_precise_enough(values[:n], 0.3)]
    first = enough[0]
    half = stats.t.isf(0.025, first - 1) * values[:first].std(ddof=1) / math.sqrt(first)
    assert half <= 0.3
    assert enough[-1] == 200
    assert 10 <= first < 80  # (1.96 / 0.3)² = 43 for a spread of exactly 1


def test_never_before_the_fewest_runs() -> None:
    assert not is_precise_enough([1.0] * 9, 0.1)
    assert is_precise_enough([1.0] * 10, 0.1)
    assert not is_precise_enough([1.0] * 10, 0.1, min_runs=11)


def test_failed_runs_count_as_nothing() -> None:
    assert not is_precise_enough([1.0] * 9 + [math.nan] * 5, 0.1)
    assert not is_precise_enough([], 0.1)


def test_shares_without_spread_need_more_than_ten_runs() -> None:
    """Ten runs that all say 0 have no spread; the number of events that they count decides."""
    share, rate = (run_measures.get(name) for name in ("cheater_accepted_share", "success_rate"))
    unknown = [math.nan] * 10
    assert not is_measure_precise_enough(share, [0.0] * 10, 0.05, unknown)
    assert not is_measure_precise_enough(share, [0.0] * 10, 0.05, [1.0] * 10)
    assert is_measure_precise_enough(share, [0.0] * 10, 0.05, [20.0] * 10)
    assert is_measure_precise_enough(rate, [0.4] * 10, 0.05)


def test_coverage_after_optional_stopping() -> None:
    """Looking after every run costs a little coverage; from ten runs on it stays above 92 % (docs/statistics.md)."""
    values = np.random.default_rng(2).normal(0.0, 1.0, (N_SWEEPS, LONGEST))
    n = np.arange(1, LONGEST + 1)
    mean = values.cumsum(axis=1) / n
    variance = np.maximum((values**2).cumsum(axis=1) - n * mean**2, 0) / np.maximum(n - 1, 1)
    half = stats.t.isf(0.025, np.maximum(n - 1, 1)) * np.sqrt(variance / n)
    stop = np.argmax((half <= 0.3) & (n >= 10), axis=1)
    for row in range(0, N_SWEEPS, 100):  # the vectorised rule is the function's
        assert is_precise_enough(values[row, : stop[row] + 1], 0.3)
        assert stop[row] + 1 == 10 or not is_precise_enough(values[row, : stop[row]], 0.3)
    rows = np.arange(N_SWEEPS)
    assert stop.min() >= 9
    assert 0.92 < np.mean(np.abs(mean[rows, stop]) <= half[rows, stop]) < 0.96


def test_runs_needed() -> None:
    values = np.random.default_rng(3).normal(0.0, 1.0, 1000)
    assert estimate_runs_needed(values, 0.1) == pytest.approx((1.96 / 0.1) ** 2, rel=0.1)
    assert estimate_runs_needed([1.0, 1.0], 0.1) == 10
    assert estimate_runs_needed([1.0], 0.1) is None


@pytest.mark.parametrize(("options", "message"), [({"half_width": 0}, "half width of 0"), ({"min_runs": 1}, "1 runs")])
def test_bad_input(options, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        is_precise_enough([1.0, 2.0], **{"half_width": 0.1, **options})
