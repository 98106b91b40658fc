"""Intervals for proportions."""

from __future__ import annotations

import math

Z_95 = 1.959963984540054  # two-sided 95 % point of the normal law


def compute_wilson_interval(n_successes: int, n_tries: int, z: float = Z_95) -> tuple[float, float]:
    """Wilson score interval of a proportion; (0, 1) without any try.

    Covers close to 95 % even for few tries or rare successes, where the normal interval does not.
    Source: E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209.
    """
    if not 0 <= n_successes <= n_tries:
        raise ValueError(f"{n_successes} successes in {n_tries} tries: expected 0 <= successes <= tries")
    if n_tries == 0:
        return 0.0, 1.0
    share = n_successes / n_tries
    spread = z * z / n_tries
    centre = share + spread / 2
    half = z * math.sqrt(share * (1 - share) / n_tries + spread / (4 * n_tries))
    low, high = (centre - half) / (1 + spread), (centre + half) / (1 + spread)
    return (0.0 if n_successes == 0 else low), (1.0 if n_successes == n_tries else high)
