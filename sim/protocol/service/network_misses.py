"""The rate of misses that is tolerated follows the network's own, from v0.2.10 on (network 2.12).

Where many hosts miss many requests, the requests are the cause. The network's rate is counted in thousandths and
rounded up to one that has a table of critical counts, see `misses`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction

STEPS = (50, 100, 200, 300, 400, 500)
"""Rates with a table, in thousandths."""
MARGIN = 20
"""Added to the network's own rate, in thousandths."""
MIN_REQUESTS = 1000
MIN_HOSTS = 5
PER_MILLE = 1000


def choose_miss_rate(requests: Iterable[tuple[int, int]], governed: float) -> float | None:
    """Return p0 of an epoch's miss test; None where the network misses so many that nobody is punished.

    `requests` are (missed, all) of every host, of any status; `governed` is the rate that governance set. The rate is
    never below that one, rounded up like it; above 1 / 2 it holds as it is. It holds alone for fewer than 1000 requests
    or 5 hosts with any. Reference: network 2.12.
    """
    asked = [(missed, total) for missed, total in requests if total > 0]
    n_missed, n_requests = sum(missed for missed, _ in asked), sum(total for _, total in asked)
    least = _round_up(Fraction(str(governed)) * PER_MILLE)
    if n_requests < MIN_REQUESTS or len(asked) < MIN_HOSTS:
        return least
    own = _round_up(Fraction(min(STEPS[-1], PER_MILLE * n_missed // n_requests + MARGIN)))
    return None if own * PER_MILLE >= STEPS[-1] else max(own, least)


def _round_up(rate: Fraction) -> float:
    """To the next step, as a share; a rate above all steps stays."""
    return float(min((step for step in STEPS if step >= math.ceil(rate)), default=rate)) / PER_MILLE
