"""The miss test: how many requests, or due validations, a participant may miss and keep its reward, or its claim.

The chain reads a table of critical counts. Until v0.2.5 it is that of the binomial law, from v0.2.6 on that of its
normal approximation, with entries of their own for totals of 6 to 9. Reference: protocol 6.3.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from types import MappingProxyType

import numpy as np

MISS_ALPHA = 0.05
BINOMIAL_RATES = frozenset({Fraction(1, 10)})
"""Rates p0 that have a table until v0.2.5."""
BINOMIAL_TOTALS = (2, 3, 4, 5, *range(10, 1000, 10))
LISTED_CRITICALS = MappingProxyType({4: 2})
"""The entry that the rule does not give: it gives 3 for a total of 4."""
NORMAL_RATES = frozenset(Fraction(percent, 100) for percent in (5, 10, 20, 30, 40, 50))
"""Rates p0 that have a table from v0.2.6 on."""
NORMAL_TOTALS = (*range(2, 11), *range(20, 1000, 10))
NORMAL_QUANTILE = 1.645
SMALL_TOTAL = 5
"""Fewer requests than these may all be missed, and 4 of more, at any rate but 0.10."""


def passes_miss_test(n_missed: int, n_total: int, *, miss_rate: float, approximates: bool) -> bool:
    """Whether so many misses among `n_total` are tolerated: missed <= critical of the largest total <= n.

    Fewer than 2 always pass. Above the table's end, 990, the test is missed <= p0 · n: a cliff, since 990 of v0.2.5
    tolerate 11.7 % and 991 only 10 %. A rate without a table is tested exactly: P(Bin(n, p0) >= missed) >= 0.05.
    `approximates`: by the table of v0.2.6. Reference: protocol 6.3.
    """
    p0 = Fraction(str(miss_rate))
    if p0 not in (NORMAL_RATES if approximates else BINOMIAL_RATES):
        from scipy import special  # states reach this module: checking a file must not wait for scipy

        return n_missed == 0 or bool(special.bdtrc(n_missed - 1, n_total, miss_rate) >= MISS_ALPHA)
    table = compute_normal_table(p0) if approximates else compute_binomial_table()
    totals = tuple(table)
    if n_total < totals[0]:
        return True
    if n_total > totals[-1]:
        return n_missed <= p0 * n_total
    return n_missed <= table[totals[bisect_right(totals, n_total) - 1]]


@cache
def compute_binomial_table() -> Mapping[int, int]:
    """Return total -> critical at p0 = 0.10 until v0.2.5: the smallest c with P(Bin(total, p0) >= c) <= 0.05.

    An entry of `LISTED_CRITICALS` stands in for what the rule gives. Reference: protocol 6.3.
    """
    (p0,) = BINOMIAL_RATES
    computed = {total: _find_critical(total, float(p0)) for total in BINOMIAL_TOTALS}
    return MappingProxyType({**computed, **LISTED_CRITICALS})


def _find_critical(total: int, miss_rate: float) -> int:
    from scipy import special

    at_most = special.bdtr(np.arange(total + 1), total, miss_rate)
    return int(np.argmax(at_most >= 1.0 - MISS_ALPHA)) + 1


@cache
def compute_normal_table(miss_rate: Fraction) -> Mapping[int, int]:
    """Return total -> critical from v0.2.6 on: floor(t · p0 + 1.645 · sqrt(t · p0 · (1 - p0))).

    At other rates than 0.10 the first totals are exempt, see `SMALL_TOTAL`. Reference: protocol 6.3.
    """
    computed = {}
    for total in NORMAL_TOTALS:
        mean = total * miss_rate
        critical = math.floor(float(mean) + NORMAL_QUANTILE * math.sqrt(mean * (1 - miss_rate)))
        if miss_rate != Fraction(1, 10):
            critical = total if total < SMALL_TOTAL else max(SMALL_TOTAL - 1, critical)
        computed[total] = critical
    return MappingProxyType(computed)
