"""Downtime, miss test, INVALID (protocol 6.3)."""

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.service.status import (
    MISS_TABLE_TOTALS,
    InferenceRecord,
    Status,
    apply_inference_validation,
    compute_miss_table,
    compute_status,
    is_down,
    passes_miss_test,
    switch_status,
)

PUBLISHED = """2:2 3:2 4:2 5:3 10:4 20:5 30:7 40:8 50:10 60:11 70:12 80:14 90:15 100:16 150:22 200:28 250:34 300:40
350:45 400:51 500:62 600:73 700:84 800:95 900:106 990:116"""


@pytest.mark.parametrize(
    ("n_missed", "n_inferences", "down"),
    [(0, 0, False), (1, 0, True), (1, 19, False), (1, 18, True), (5, 95, False), (6, 94, True), (3, 57, False)],
)
def test_downtime_is_more_than_one_in_twenty(n_missed: int, n_inferences: int, down: bool) -> None:
    """Protocol 6.3."""
    assert is_down(n_missed, n_inferences) is down


def test_published_entries_of_the_miss_table() -> None:
    """Protocol 6.3: every listed entry."""
    published = {int(total): int(critical) for total, critical in (pair.split(":") for pair in PUBLISHED.split())}
    table = compute_miss_table()
    assert {total: table[total] for total in published} == published
    assert sorted(table) == [2, 3, 4, 5, *range(10, 991, 10)]


def smallest_critical(total: int, p0: Fraction, alpha: Fraction) -> int:
    """The rule in exact arithmetic: the smallest c with P(Bin(total, p0) >= c) <= alpha."""
    below, c = Fraction(0), 0
    while 1 - below > alpha:
        below += comb(total, c) * p0**c * (1 - p0) ** (total - c)
        c += 1
    return c


def test_miss_table_against_the_exact_binomial() -> None:
    """The one listed entry that the rule does not give is 4:2, for which P(Bin(4, 0.1) >= 2) is 5.2 %."""
    table = compute_miss_table()
    exact = {total: smallest_critical(total, Fraction(1, 10), Fraction(1, 20)) for total in MISS_TABLE_TOTALS}
    assert {total for total in exact if table[total] != exact[total]} == {4}
    assert (table[4], exact[4]) == (2, 3)


def test_miss_table_of_the_temporary_rate() -> None:
    """Protocol 0: p0 = 0.40 in v0.2.6; nothing listed is carried over to it."""
    table = compute_miss_table(0.40)
    totals = MISS_TABLE_TOTALS[::5]
    assert [table[n] for n in totals] == [smallest_critical(n, Fraction(2, 5), Fraction(1, 20)) for n in totals]
    assert passes_miss_test(45, 100, miss_rate=0.40)
    assert not passes_miss_test(45, 100)
    assert passes_miss_test(400, 1000, miss_rate=0.40)


@pytest.mark.parametrize(
    ("n_missed", "n_total", "passes"),
    [
        *[(0, 0, True), (1, 1, True), (2, 2, True), (3, 3, False)],
        *[(4, 19, True), (5, 19, False), (5, 20, True), (6, 20, False)],
        *[(116, 990, True), (117, 990, False), (99, 991, True), (100, 991, False), (100, 1000, True)],
    ],
)
def test_miss_test(n_missed: int, n_total: int, passes: bool) -> None:
    """Protocol 6.3: below 2 all pass, the largest total <= n decides, and the cliff after 990."""
    assert passes_miss_test(n_missed, n_total) is passes


@given(st.integers(0, 400), st.integers(2, 2000))
def test_more_misses_never_help(n_missed: int, n_total: int) -> None:
    assert passes_miss_test(n_missed, n_total) or not passes_miss_test(n_missed + 1, n_total)


@given(st.integers(1, 10**7))
def test_beyond_the_table_in_integers(n: int) -> None:
    """Protocol 6.3: 10 · missed <= n."""
    n_total = 990 + n
    assert passes_miss_test(n_total // 10, n_total)
    assert not passes_miss_test(n_total // 10 + 1, n_total)


def run_of(*outcomes: bool) -> InferenceRecord:
    record = InferenceRecord()
    for is_valid in outcomes:
        record = apply_inference_validation(record, is_valid)
    return record


def test_five_consecutive_invalidations_are_invalid_even_while_ramping() -> None:
    """Protocol 6.3 (a): 0.05^5 < 1e-6 <= 0.05^4."""
    assert run_of(*[False] * 4).status is Status.RAMPING
    assert run_of(*[False] * 5).status is Status.INVALID
    assert run_of(*[False] * 4, True, False).status is Status.RAMPING


def test_invalid_by_share_after_ten_measurements() -> None:
    """Protocol 6.3 (b): z(1 of 10) = 0.73, z(2 of 10) = 2.18."""
    assert run_of(False, *[True] * 8).status is Status.RAMPING
    assert run_of(False, *[True] * 9).status is Status.ACTIVE
    assert run_of(False, False, *[True] * 8).status is Status.INVALID


@pytest.mark.parametrize(("n", "limit"), [(10, 1), (20, 1), (53, 4), (100, 7), (1000, 56)])
def test_largest_share_that_is_not_invalid(n: int, limit: int) -> None:
    """z <= 1: n·0.05 + sqrt(n·0.05·0.95), by hand 1.19, 1.97, 4.24, 7.18, 56.89."""
    assert compute_status(InferenceRecord(n, limit)) is Status.ACTIVE
    assert compute_status(InferenceRecord(n, limit + 1)) is Status.INVALID


def test_status_is_recomputed_by_later_validations_only() -> None:
    """Protocol 6.3, v0.2.0: 2 of 20 are above the limit of 1.97, 2 of 21 below 2.05."""
    invalid = run_of(False, False, *[True] * 18)
    assert switch_status(invalid, resets_status=False) == invalid == InferenceRecord(20, 2, 0, Status.INVALID)
    assert apply_inference_validation(invalid, True) == InferenceRecord(21, 2, 0, Status.ACTIVE)


def test_everybody_is_active_again_at_the_switch_from_v0_2_2_on() -> None:
    """Protocol 6.3."""
    assert switch_status(InferenceRecord(20, 9, 3, Status.INVALID)) == InferenceRecord(20, 9, 3, Status.ACTIVE)
    assert switch_status(InferenceRecord()).status is Status.ACTIVE
