"""Intervals against published tables, textbooks' worked examples and certified data."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sim.metrics.intervals import (
    ConfidenceInterval,
    Method,
    compute_bootstrap_interval,
    compute_mean_interval,
    compute_paired_interval,
    compute_proportion_interval,
    compute_share_interval,
    compute_statistic_interval,
    compute_studentised_bounds,
    drop_missing,
)

# A. R. Cushny, A. R. Peebles (1905), as used by Student (1908): extra hours of sleep of ten patients by two drugs
DRUG_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
DRUG_2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
# B. Efron, R. Tibshirani, An Introduction to the Bootstrap (1993), table 14.1: spatial test, A
SPATIAL_A = [48, 36, 20, 29, 42, 42, 20, 42, 22, 41, 45, 14, 6, 0, 33, 28, 34, 4, 32, 24, 47, 41, 24, 26, 30, 41]
# Two-sided 95 % points of Student's law, any printed table
T_TABLE = {2: 4.303, 9: 2.262, 19: 2.093, 1000: 1.962}
# NIST StRD, univariate summary statistics: (data, certified mean, certified standard deviation)
CERTIFIED = {
    "NumAcc1": ([10000001, 10000003, 10000002], 10000002.0, 1.0),
    "NumAcc2": ([1.2] + [1.1, 1.3] * 500, 1.2, 0.1),
    "NumAcc3": ([1000000.2] + [1000000.1, 1000000.3] * 500, 1000000.2, 0.1),
    "NumAcc4": ([10000000.2] + [10000000.1, 10000000.3] * 500, 10000000.2, 0.1),
}


@pytest.mark.parametrize("name", CERTIFIED)
def test_mean_of_certified_data(name: str) -> None:
    data, mean, deviation = CERTIFIED[name]
    made = compute_mean_interval(data)
    assert made.estimate == pytest.approx(mean, rel=1e-14)
    half = T_TABLE[len(data) - 1] * deviation / math.sqrt(len(data))
    assert made.half_width == pytest.approx(half, rel=3e-4)  # the tables' digits
    assert (made.n, made.method) == (len(data), "t")


def test_paired_difference_is_students_own() -> None:
    """R: t.test(extra ~ group, data = sleep, paired = TRUE) gives -1.58 [-2.4598858, -0.7001142]."""
    made = compute_paired_interval(DRUG_2, DRUG_1)
    assert (made.estimate, made.low, made.high) == pytest.approx((-1.58, -2.4598858, -0.7001142), abs=5e-8)
    assert made.excludes(0.0)
    assert made.warning == ""


@pytest.mark.parametrize(
    ("successes", "tries", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_as_published(successes: int, tries: int, low: float, high: float) -> None:
    """R. G. Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3."""
    made = compute_proportion_interval(successes, tries)
    assert (made.low, made.high) == pytest.approx((low, high), abs=5e-5)
    reference = stats.binomtest(successes, tries).proportion_ci(method="wilson")
    assert (made.low, made.high) == pytest.approx((reference.low, reference.high), abs=1e-12)


def test_bca_as_published() -> None:
    """Efron and Tibshirani 14.2: the variance of the 26 values is 171.5, its 90 % BCa interval [115.8, 259.6]."""
    made = compute_statistic_interval(SPATIAL_A, np.var, level=0.9, n_resamples=19999)
    assert made.estimate == pytest.approx(171.5, abs=0.05)
    assert made.low == pytest.approx(115.8, abs=3.0)  # of 2000 resamples in the book
    assert made.high == pytest.approx(259.6, abs=6.0)
    assert made.method == "BCa"
    assert made.warning == "only 26 values: fewer than 50"


def test_studentised_bootstrap_by_its_definition() -> None:
    """The slow way: a resample at a time, bounds are order statistics of its t."""
    values = np.random.default_rng(3).exponential(size=12)
    chosen = np.random.default_rng(5).integers(0, 12, (199, 12))
    t = []
    for row in chosen:
        drawn = values[row]
        t.append((drawn.mean() - values.mean()) / (drawn.std(ddof=1) / math.sqrt(12)))
    t.sort()
    error = values.std(ddof=1) / math.sqrt(12)
    low, high = compute_studentised_bounds(values, n_resamples=199, seed=5)
    assert (low, high) == pytest.approx((values.mean() - t[194] * error, values.mean() - t[4] * error), rel=1e-12)


def test_bootstrap_is_deterministic_and_agrees_with_student_on_normal_values() -> None:
    values = np.random.default_rng(1).normal(5.0, 2.0, 400)
    made = compute_bootstrap_interval(values)
    assert made == compute_bootstrap_interval(values)
    assert made != compute_bootstrap_interval(values, seed=1)
    student = compute_mean_interval(values)
    assert (made.low, made.high) == pytest.approx((student.low, student.high), abs=0.03)


def test_values_in_rows_have_the_bounds_of_each_row() -> None:
    rows = np.random.default_rng(2).exponential(size=(3, 15))
    low, high = compute_studentised_bounds(rows, n_resamples=399)
    for number, row in enumerate(rows):
        assert (low[number], high[number]) == pytest.approx(compute_studentised_bounds(row, n_resamples=399))


def test_too_few_different_values_for_the_bootstrap() -> None:
    made = compute_bootstrap_interval([0.0] * 19 + [1.0])
    assert made.method == "t"
    assert made.warning == "only 2 different values among 20: too few for the bootstrap"


def test_bca_falls_back_where_it_does_not_exist() -> None:
    made = compute_statistic_interval([1.0] * 8 + [2.0], np.median)
    assert (made.estimate, made.low, made.high, made.method) == (1.0, 1.0, 1.0, "percentile")


@pytest.mark.parametrize("compute", [compute_mean_interval, compute_bootstrap_interval])
def test_no_value_one_value_and_equal_values(compute) -> None:
    none, one, equal = compute([]), compute([3.0]), compute([3.0] * 12)
    assert math.isnan(none.estimate)
    assert none.warning == "no values"
    assert (one.estimate, one.low, one.high) == (3.0, -math.inf, math.inf)
    assert one.warning == "one value: nothing is known of the spread"
    assert (equal.low, equal.high, equal.warning) == (3.0, 3.0, "all 12 values are equal")
    assert compute_statistic_interval([3.0] * 4, np.median).estimate == 3.0


def test_few_values_bring_a_warning() -> None:
    assert compute_mean_interval([1.0, 2.0, 4.0]).warning == "only 3 values: fewer than 10"
    assert compute_bootstrap_interval(np.arange(12.0)).warning == "only 12 values: fewer than 20"
    assert compute_proportion_interval(1, 3).warning == "only 3 values: fewer than 5"
    assert compute_mean_interval(np.arange(10.0)).warning == ""


def test_shares_count_events_where_runs_agree_that_these_are_independent() -> None:
    """0 of 4 440 in ten runs is [0, 0.09 %] and not the [0, 28 %] of a coin that was thrown ten times."""
    made = compute_share_interval([0.0] * 10, [444] * 10)
    assert (made.low, made.n, made.method) == (0.0, 10, "Wilson, events")
    assert made.high == pytest.approx(0.000864, abs=5e-7)
    generator = np.random.default_rng(4)
    tries = generator.integers(50, 200, 20)
    independent = generator.binomial(tries, 0.1) / tries
    assert compute_share_interval(independent, tries).method == "Wilson, events"
    together = np.where(generator.random(20) < 0.4, 1.0, 0.0)  # all events of a run are alike
    assert compute_share_interval(together, tries).method == "Wilson"
    assert compute_share_interval(independent, tries * 100).method == "t"


def test_runs_that_are_all_alike_have_no_interval_of_a_coin() -> None:
    for value in (0.0, 1.0):
        made = compute_share_interval([value] * 20)
        assert (made.low, made.high, made.method) == (value, value, "t")
        assert made.warning == "all 20 values are equal"


def test_events_cover_what_they_say() -> None:
    """Error level: 1000 samples, the share covered has a standard deviation of 0.7 %."""
    generator = np.random.default_rng(9)
    n_covered = 0
    for _ in range(1000):
        tries = generator.integers(100, 300, 8)
        made = compute_share_interval(generator.binomial(tries, 0.05) / tries, tries)
        n_covered += made.low <= 0.05 <= made.high
    assert 930 <= n_covered <= 975


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_shares_stay_in_bounds(values: list[float]) -> None:
    made = compute_share_interval(values)
    if made.n > 1:
        assert 0 <= made.low <= made.estimate + 1e-12
        assert made.estimate - 1e-12 <= made.high <= 1


def test_equal_differences_of_few_pairs_resolve_nothing() -> None:
    """Five pairs of one sign happen by chance in 6 % of all cases, six in 3 %."""
    assert not compute_paired_interval([0.0] * 5, [1.0] * 5).excludes(0.0)
    assert compute_paired_interval([0.0] * 6, [1.0] * 6).excludes(0.0)
    assert not compute_paired_interval([2.0] * 6, [2.0] * 6).excludes(0.0)


def test_rounding_is_no_difference_and_no_spread() -> None:
    """0.1 + 0.2 is not 0.3 by 6e-17: neither a finding nor a width."""
    before = np.full(8, 0.3)
    after = before + 1e-16 * np.arange(1, 9)
    assert (after != before).any()
    made = compute_paired_interval(before, after)
    assert (made.estimate, made.low, made.high, made.excludes(0.0)) == (0.0, 0.0, 0.0, False)
    assert compute_mean_interval(after).half_width == 0.0
    assert compute_paired_interval(before, before + 1e-9).excludes(0.0)


def test_half_width_and_missing_values() -> None:
    assert ConfidenceInterval(1.0, 0.5, 1.5, 9, Method.T).half_width == 0.5
    assert drop_missing([1.0, math.nan, math.inf, 2.0]).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: compute_mean_interval([1.0, math.nan]), "1 of 2 values are missing or infinite"),
        (lambda: compute_mean_interval([[1.0]]), "expected one row"),
        (lambda: compute_mean_interval([1.0, 2.0], level=95), "a level of 95: must lie between 0 and 1"),
        (lambda: compute_share_interval([0.5, 1.5]), "a share lies in"),
        (lambda: compute_proportion_interval(3, 2), "3 successes in 2 tries"),
        (lambda: compute_paired_interval([1.0], [1.0, 2.0]), "1 values before and 2 after"),
        (lambda: compute_studentised_bounds([1.0]), "needs at least 2"),
        (lambda: compute_studentised_bounds([1.0, 2.0], n_resamples=20), "20 resamples are too few"),
    ],
)
def test_bad_input(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
