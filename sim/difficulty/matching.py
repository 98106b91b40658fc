"""Memories that make different controllers equally quiet, so that their speed can be compared.

Under constant compute all averages scatter like a simple one over some number N of intervals: σ(D)/D = 1 / √(N ·
wanted). Each function here turns N into the parameter of one controller; the laws stand in the controllers' docstrings.
"""

from __future__ import annotations

import math
from collections.abc import Callable

Parameter = tuple[str, int | float]


def _match_lwma(n: int, _wanted: int) -> Parameter:
    """Solve 3 W (W + 1) / (4 W + 2) = N."""
    half = 4 * n - 3
    return "window", round((half + math.sqrt(half**2 + 24 * n)) / 6)


def _match_kalman(n: int, wanted: int) -> Parameter:
    """An exponential average of gain 2 / (N + 1), which answers to drift and count."""
    gain = 2.0 / (n + 1)
    return "drift", gain / math.sqrt((1.0 - gain) * wanted)


_MATCHES: dict[str, Callable[[int, int], Parameter]] = {
    "sma": lambda n, _: ("window", n),
    "lwma": _match_lwma,
    "epoch_average": lambda n, _: ("period", n),
    "ema": lambda n, _: ("lifetime", 0.5 / math.atanh(1.0 / n)),
    "wtema": lambda n, _: ("lifetime", (n + 1) / 2),
    "asert": lambda n, _: ("half_life", math.log(2) * (n + 1) / 2),
    "kalman": _match_kalman,
}


def match_noise(kind: str, n_averaged: int, wanted: int) -> Parameter | None:
    """Return the parameter, name and value, that makes a controller as quiet as a simple average over `n_averaged`
    intervals (at least 2) with `wanted` nonces each; None for a controller without one memory.
    """
    match = _MATCHES.get(kind)
    return None if match is None else match(n_averaged, wanted)
