"""The linear loop of a controller that answers in logarithms: poles, limits of stability, lasting errors.

x = ln difficulty, c = ln compute (in the same units), e = c - x the error that an epoch shows. `pid` decides x' = x +
k_i e + k_p (e - e₁) + k_d (e - 2 e₁ + e₂); `proportional` is the case k_i = 1, k_p = k_d = 0. As transfer functions of
z: controller C = (k_i z² + k_p z (z - 1) + k_d (z - 1)²) / z², plant P = 1 / (z - 1). The loop is C P, and its poles
are the roots of z² (z - 1) + k_i z² + k_p z (z - 1) + k_d (z - 1)². A test holds this page against python-control.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

HIGHEST_GAIN = 64.0  # no loop here is stable beyond
PRECISION = 1e-9


def compute_poles(k_p: float, k_i: float, k_d: float, gain: float = 1.0) -> NDArray[np.complex128]:
    """Return the closed loop's three poles; `gain` multiplies the error: how strongly counts answer the difficulty."""
    error = np.array([k_i + k_p + k_d, -k_p - 2.0 * k_d, k_d])  # of z², z, 1
    return np.asarray(np.roots(np.array([1.0, -1.0, 0.0, 0.0]) + gain * np.append(0.0, error)), dtype=np.complex128)


def is_stable(k_p: float, k_i: float, k_d: float, gain: float = 1.0) -> bool:
    """Whether every error dies out: all poles lie inside the unit circle."""
    return bool(np.abs(compute_poles(k_p, k_i, k_d, gain)).max() < 1.0)


def find_gain_limit(k_p: float, k_i: float, k_d: float) -> float:
    """Return the smallest gain from which on a loop that is stable for small ones is unstable."""
    return find_limit(lambda gain: is_stable(k_p, k_i, k_d, gain))


def find_k_i_limit(k_p: float, k_d: float) -> float:
    """Return the smallest k_i from which on `pid` is unstable, k_p and k_d being as they are."""
    return find_limit(lambda k_i: is_stable(k_p, k_i, k_d))


def find_limit(
    is_fine: Callable[[float], bool], low: float = 0.0, high: float = HIGHEST_GAIN, precision: float = PRECISION
) -> float:
    """Halve the interval between a value that is fine and one that is not, until it is no longer than `precision`."""
    while high - low > precision:
        middle = (low + high) / 2
        low, high = (middle, high) if is_fine(middle) else (low, middle)
    return (low + high) / 2


def compute_ramp_error(k_i: float, growth: float) -> float:
    """Return the lasting error of ln difficulty behind compute whose logarithm grows by `growth` an epoch.

    The loop has one integrator: a step leaves no error, a ramp growth / K, with the velocity constant K = lim (z - 1) C
    P = k_i for z to 1.
    """
    return growth / k_i
