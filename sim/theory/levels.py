"""Error levels of statistical rows.

Every simulated row fails by chance with probability 1e-4 on a fresh seed; seeds are fixed, so a row that passes keeps
passing until the code changes.
"""

from __future__ import annotations

import math

from scipy import stats

ERROR_LEVEL = 1e-4
Z_BOUND = float(stats.norm.isf(ERROR_LEVEL / 2))


def compute_binomial_z(n_successes: int, n_tries: int, probability: float) -> float:
    """Standard score of a binomial count, continuity not corrected; its law is close to normal for np(1-p) > 10."""
    expected = n_tries * probability
    return (n_successes - expected) / math.sqrt(expected * (1.0 - probability))
