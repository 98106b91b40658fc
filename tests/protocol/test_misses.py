"""The miss test and its tables by version (protocol 6.3)."""

from fractions import Fraction
from math import comb, isqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.service.misses import (
    BINOMIAL_TOTALS,
    NORMAL_RATES,
    NORMAL_TOTALS,
    compute_binomial_table,
    compute_normal_table,
    passes_miss_test,
)
from sim.protocol.versions import VERSIONS

PUBLISHED = """2:2 3:2 4:2 5:3 10:4 20:5 30:7 40:8 50:10 60:11 70:12 80:14 90:15 100:16 150:22 200:28 250:34 300:40
350:45 400:51 500:62 600:73 700:84 800:95 900:106 990:116"""


def passes(n_missed: int, n_total: int, *, p0: float = 0.10, version: str = "v0.2.5") -> bool:
    return passes_miss_test(n_missed, n_total, miss_rate=p0, approximates=VERSIONS[version].approximates_misses)


def test_rates_by_version() -> None:
    """Protocol 6.3: none at launch, 0.10 from v0.2.2 on, 0.40 in v0.2.6, then 0.10 by vote."""
    assert [rules.miss_probability for rules in VERSIONS.values()] == [0.0, 0.1, 0.1, 0.1, 0.1, 0.4, *[0.1] * 10]
    assert [name for name, rules in VERSIONS.items() if not rules.approximates_misses][-1] == "v0.2.5"


def test_published_entries_of_the_table_until_v0_2_5() -> None:
    """Protocol 6.3: every listed entry."""
    published = {int(total): int(critical) for total, critical in (pair.split(":") for pair in PUBLISHED.split())}
    table = compute_binomial_table()
    assert {total: table[total] for total in published} == published
    assert list(table) == [2, 3, 4, 5, *range(10, 991, 10)]


def smallest_critical(total: int, p0: Fraction, alpha: Fraction) -> int:
    """The rule in exact arithmetic: the smallest c with P(Bin(total, p0) >= c) <= alpha."""
    below, c = Fraction(0), 0
    while 1 - below > alpha:
        below += comb(total, c) * p0**c * (1 - p0) ** (total - c)
        c += 1
    return c


def test_the_table_until_v0_2_5_against_the_exact_binomial() -> None:
    """The one listed entry that the rule does not give is 4:2, for which P(Bin(4, 0.1) >= 2) is 5.2 %."""
    table = compute_binomial_table()
    exact = {total: smallest_critical(total, Fraction(1, 10), Fraction(1, 20)) for total in BINOMIAL_TOTALS}
    assert {total for total in exact if table[total] != exact[total]} == {4}
    assert (table[4], exact[4]) == (2, 3)


def approximate(total: int, percent: int) -> int:
    """The rule in whole numbers: f = floor(x + sqrt(y)) is the largest f with (f - x)² <= y, in units of 1e-10."""
    if percent != 10 and total < 5:
        return total
    mean = total * percent * 10**8
    spread = isqrt(1645**2 * total * percent * (100 - percent) * 10**10)
    critical = (mean + spread) // 10**10
    return critical if percent == 10 else max(4, critical)


def test_all_642_entries_of_the_tables_from_v0_2_6_on() -> None:
    """Protocol 6.3: 107 totals at each of six rates."""
    tables = {rate: compute_normal_table(rate) for rate in NORMAL_RATES}
    assert sum(len(table) for table in tables.values()) == 642
    for rate, table in tables.items():
        assert list(table) == [*range(2, 11), *range(20, 991, 10)] == list(NORMAL_TOTALS)
        assert dict(table) == {total: approximate(total, int(100 * rate)) for total in NORMAL_TOTALS}
    assert [compute_normal_table(Fraction(1, 10))[t] for t in range(2, 11)] == [0, 1, 1, 1, 1, 2, 2, 2, 2]
    assert [compute_normal_table(Fraction(2, 5))[t] for t in range(2, 11)] == [2, 3, 4, 4, 4, 4, 5, 6, 6]


PAIRS_OF_V0_2_6 = [
    *[(10, 2, 0.10), (100, 14, 0.10), (500, 61, 0.10), (15, 2, 0.10), (5, 1, 0.10), (50, 8, 0.10)],
    *[(100, 8, 0.05), (100, 26, 0.20), (100, 37, 0.30), (100, 48, 0.40), (100, 58, 0.50), (50, 25, 0.40)],
]
PAIRS_OF_V0_2_5 = [(10, 4), (20, 5), (100, 16), (500, 62), (990, 116), (1000, 100), (10_000, 1000), (5000, 500)]


@pytest.mark.parametrize(("n_total", "most", "p0"), PAIRS_OF_V0_2_6)
def test_largest_number_of_misses_from_v0_2_6_on(n_total: int, most: int, p0: float) -> None:
    """The network's own tests, and 25 of 50 at 0.40 (protocol 6.3)."""
    assert passes(most, n_total, p0=p0, version="v0.2.6")
    assert not passes(most + 1, n_total, p0=p0, version="v0.2.6")


@pytest.mark.parametrize(("n_total", "most"), PAIRS_OF_V0_2_5)
def test_largest_number_of_misses_until_v0_2_5(n_total: int, most: int) -> None:
    """The network's own tests (protocol 6.3)."""
    assert passes(most, n_total)
    assert not passes(most + 1, n_total)


@pytest.mark.parametrize(
    ("n_missed", "n_total", "is_tolerated"),
    [
        *[(0, 0, True), (1, 1, True), (2, 2, True), (3, 3, False)],
        *[(4, 19, True), (5, 19, False), (5, 20, True), (6, 20, False)],
        *[(116, 990, True), (117, 990, False), (99, 991, True), (100, 991, False), (100, 1000, True)],
    ],
)
def test_edges_of_the_table(n_missed: int, n_total: int, is_tolerated: bool) -> None:
    """Protocol 6.3: below 2 all pass, the largest total <= n decides, and the cliff after 990."""
    assert passes(n_missed, n_total) is is_tolerated


def test_one_request_may_be_missed_from_v0_2_6_on_too() -> None:
    assert passes(1, 1, version="v0.2.6")
    assert not passes(1, 2, version="v0.2.6")


RATES = st.sampled_from([0.05, 0.10, 0.20, 0.30, 0.40, 0.50, 0.15, 0.07])


@given(st.integers(0, 400), st.integers(2, 2000), RATES, st.sampled_from(["v0.2.5", "v0.2.6"]))
def test_more_misses_never_help(n_missed: int, n_total: int, p0: float, version: str) -> None:
    later = passes(n_missed + 1, n_total, p0=p0, version=version)
    assert passes(n_missed, n_total, p0=p0, version=version) or not later


@given(st.integers(1, 10**7))
def test_beyond_the_table_in_integers(n: int) -> None:
    """Protocol 6.3: 10 · missed <= n."""
    n_total = 990 + n
    for version in ("v0.2.5", "v0.2.6"):
        assert passes(n_total // 10, n_total, version=version)
        assert not passes(n_total // 10 + 1, n_total, version=version)


@pytest.mark.parametrize(("p0", "version"), [(0.15, "v0.2.6"), (0.15, "v0.2.5"), (0.4, "v0.2.5"), (0.03, "v0.2.5")])
@pytest.mark.parametrize("n_total", [0, 1, 7, 40, 1200])
def test_a_rate_without_a_table_is_tested_exactly(p0: float, version: str, n_total: int) -> None:
    """Protocol 6.3: P(Bin(n, p0) >= missed) >= 0.05, so the critical count is one less than the smallest below 0.05."""
    critical = smallest_critical(n_total, Fraction(str(p0)), Fraction(1, 20))
    assert passes(critical - 1, n_total, p0=p0, version=version)
    assert not passes(critical, n_total, p0=p0, version=version) or n_total < critical
