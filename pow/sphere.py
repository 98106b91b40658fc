"""The geometry of the target: how often a random point of the sphere lies within a chord distance of a given one.

Of a random unit vector in n dimensions at angle θ to the target only c = cos θ counts. With d² = 2 − 2c, a = (n − 1)/2,
C = Γ(n/2) / (√π·Γ(a)) and s = 1 − c², the chance of a distance below r is, for c ≥ 0 (and mirrored for c < 0),

    h(r) = ½·I_s(a, ½) = C·c·s^a / (2·K)         away from the equator, K a continued fraction,
         = ½ − ½·I_{c²}(½, a) = ½ − C·c·s^a·S    near it, S a power series.

Everything is evaluated here in plain double precision to 1e-12 of its value, in either direction, for 2 to 100 000
dimensions. General incomplete-beta routines lose an order of magnitude more there, and differ between versions.
No torch here. Reference: kernel 1, 4
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

from pow.seeds import target_generator

FloatArray = npt.NDArray[np.float64]

SQRT2: Final = math.sqrt(2.0)
SQRT2_REST: Final = -9.667293313452913e-17  # the exact √2 less its double
N_TERMS: Final = 80  # of the series and of the fraction; 60 reach double precision where each is used
LARGE_DIM: Final = 200
CACHE_SIZE: Final = 4096


def target(block_hash: str, dim: int) -> FloatArray:
    """Draw the target, a unit vector, float64 (dim,). Raises ValueError if dim < 1. Reference: kernel 1"""
    if dim < 1:
        raise ValueError(f"dim is {dim}; it must be at least 1")
    direction = target_generator(block_hash).standard_normal((1, dim))
    unit: FloatArray = (direction / np.linalg.norm(direction))[0]
    return unit


@lru_cache(maxsize=CACHE_SIZE)  # a network asks for the same few radii again and again
def hit_probability(r_target: float, dim: int) -> float:
    """Give the chance that a random nonce is valid, that is, lies nearer to the target than r_target.

    Its inverse is the difficulty; it is 0 where it is less than a float can say. Raises ValueError if r_target is not
    in (0, 2] or dim < 2. Reference: kernel 4
    """
    if not 0 < r_target <= 2:
        raise ValueError(f"r_target is {r_target}; it must be above 0 and at most 2")
    return float(distance_cdf(r_target, dim))


def mismatch_probability(rms_error: float, r_target: float, dim: int) -> float:
    """Give the chance that a nonce accepted with normal errors of this size is found invalid without them.

    To first order in the error: the density at r_target times half the mean size of the error, among the valid ones.
    Errors as `hit_probability`. Reference: kernel 6
    """
    density = float(distance_pdf(r_target, dim))
    return density * rms_error / math.sqrt(2 * math.pi) / hit_probability(r_target, dim)


@lru_cache(maxsize=CACHE_SIZE)
def r_target_for(hit_probability: float, dim: int) -> float:
    """Give the r_target that a random nonce hits with this probability, the inverse of `hit_probability`.

    Raises ValueError if the probability is not in (0, 1] or dim < 2. Reference: kernel 4
    """
    if not 0 < hit_probability <= 1:
        raise ValueError(f"hit_probability is {hit_probability}; it must be above 0 and at most 1")
    return float(distance_ppf(hit_probability, dim))


def distance_cdf(distances: npt.ArrayLike, dim: int) -> FloatArray:
    """Give the share of random points nearer than each distance; 0 below 0, 1 above 2. Shape of `distances`.

    Raises ValueError if dim < 2 or a distance is not a number.
    """
    _check_dim(dim)
    r = _numbers("distance", distances)
    share = np.zeros_like(r)
    share[r >= 2.0] = 1.0
    inside = (r > 0.0) & (r < 2.0)
    c = _cosine(r[inside])
    nearer = np.exp(_log_cap(r[inside], np.abs(c), dim))
    share[inside] = np.where(c >= 0, nearer, 1.0 - nearer)
    return share


def distance_pdf(distances: npt.ArrayLike, dim: int) -> FloatArray:
    """Give the density of the distance of a random point, per unit of distance; 0 outside (0, 2).

    Raises ValueError if dim < 2 or a distance is not a number.
    """
    _check_dim(dim)
    r = _numbers("distance", distances)
    density = np.zeros_like(r)
    inside = (r > 0.0) & (r < 2.0)
    r_inside = r[inside]
    log_s = _log_sine_squared(r_inside, _cosine(r_inside))
    density[inside] = _equator_density(dim) * np.exp((dim - 3) / 2 * log_s + np.log(r_inside))
    return density


def distance_ppf(probabilities: npt.ArrayLike, dim: int) -> FloatArray:
    """Give the distance below which a random point lies with each probability. Shape of `probabilities`.

    Raises ValueError if dim < 2 or a probability is not in [0, 1].
    """
    _check_dim(dim)
    p = _numbers("probability", probabilities)
    wrong = p[(p < 0) | (p > 1)]
    if wrong.size:
        raise ValueError(f"a probability is {wrong.flat[0]}; it must be at least 0 and at most 1")
    # The nearer half of the sphere is solved; 1 - p is exact for p >= ½, and so is its mirror image 4 - r².
    nearer = np.minimum(p, 1.0 - p)
    r = np.zeros_like(p)
    r[nearer > 0] = _solve_near(nearer[nearer > 0], dim)
    return np.where(p <= 0.5, r, np.sqrt(4.0 - r * r))


def _solve_near(p: FloatArray, dim: int) -> FloatArray:
    """Solve h(r) = p for 0 < p ≤ ½ by Newton's method on log h over log r.

    There h is nearly a power of r: the curve is straight at first and bends one way only (down if n > 3), so that
    the method converges from anywhere.
    """
    log_p = np.log(p)
    log_r = _log_start(p, dim)
    log_density = math.log(_equator_density(dim))
    for _ in range(60):
        r = np.exp(log_r)
        c = np.maximum(_cosine(r), 0.0)
        log_h = _log_cap(r, c, dim)
        log_slope = log_density + 2 * log_r + (dim - 3) / 2 * _log_sine_squared(r, c) - log_h
        step = (log_p - log_h) * np.exp(-log_slope)
        log_r = np.minimum(log_r + step, math.log(SQRT2))
        # Convergence is quadratic: the step after one of 1e-9 would be lost in rounding.
        if np.max(np.abs(step), initial=0.0) < 1e-9:
            break
    return np.exp(log_r)


def _log_start(p: FloatArray, dim: int) -> FloatArray:
    """Give a first guess of log r from the normal law, with s = exp(−z²/n) to keep it on the sphere."""
    z = special.ndtri(p)
    log_s = -z * z / dim
    c = np.sqrt(-np.expm1(log_s))
    log_r: FloatArray = 0.5 * (math.log(2.0) + log_s - np.log1p(c))
    return log_r


def _log_cap(r: FloatArray, c: FloatArray, dim: int) -> FloatArray:
    """Give log of ½·I_s(a, ½), the cap's share of the sphere, from r and c = |cos θ|; both are needed for accuracy."""
    a = (dim - 1) / 2
    # The fraction converges for s < (a + 1)/(a + 2.5), the series for the rest.
    near = c * c <= 1.5 / (a + 2.5)
    log_share = np.empty_like(c)
    log_s = _log_sine_squared(r, c)
    belt = _equator_density(dim) * c[near] * np.exp(a * log_s[near]) * _series(a, c[near])
    log_share[near] = np.log(0.5 - belt)
    far = ~near
    prefactor = np.log(0.5 * _equator_density(dim) * c[far] / _fraction(a, c[far]))
    log_share[far] = prefactor + a * log_s[far]
    return log_share


def _series(a: float, c: FloatArray) -> FloatArray:
    """Sum of (a + ½)_k / (3/2)_k · c^2k over k ≥ 0: all terms positive, nothing cancels."""
    term = np.ones_like(c)
    total = np.ones_like(c)
    for k in range(N_TERMS):
        term = term * (c * c * ((a + 0.5 + k) / (1.5 + k)))
        total += term
    return total


def _fraction(a: float, c: FloatArray) -> FloatArray:
    """Give the continued fraction K of the incomplete beta function, in the form that subtracts no near-equal numbers.

    With I_s(a, b) = s^a·c^2b / (B(a, b)·K) and λ = (a + b)·c² − b; evaluated from its far end.
    Source: DiDonato and Morris 1992, algorithm 708.
    """
    b = 0.5
    y = c * c
    s = 1.0 - y
    excess = (a + b) * y - b
    value = np.ones_like(c)
    for m in range(N_TERMS, 0, -1):
        at = a + 2 * m - 1
        beta = m + m * (b - m) * s / at + (a + m) * (excess + 1 + m * (1 + y)) / (at + 2)
        value = (a + m - 1) * (a + b + m - 1) * m * (b - m) * (s / at) ** 2 / (beta + value * (m < N_TERMS))
    return a * (excess + 1) / (a + 1) + value


def _cosine(r: FloatArray) -> FloatArray:
    """Give 1 − r²/2 to full relative accuracy, near r = √2 too."""
    return ((SQRT2 - r) + SQRT2_REST) * ((SQRT2 + r) / 2)


def _log_sine_squared(r: FloatArray, c: FloatArray) -> FloatArray:
    """Give log(1 − c²) = log(r²·(1 − r²/4)), by whichever form keeps its digits."""
    equatorial = np.log1p(-np.minimum(c * c, 0.5))
    polar = 2 * np.log(r) + np.log1p(-r * r / 4)
    return np.where(c * c < 0.5, equatorial, polar)


def _equator_density(dim: int) -> float:
    """Give C = Γ(n/2) / (√π·Γ((n − 1)/2)), the density of c at 0."""
    a = (dim - 1) / 2
    if dim < LARGE_DIM:
        return math.gamma(dim / 2) / math.gamma(a) / math.sqrt(math.pi)
    # Γ(a + ½)/Γ(a) by its asymptotic series; the difference of two log-gammas would cost three digits.
    i = 1 / a
    ratio = 1 + i * (-1 / 8 + i * (1 / 128 + i * (5 / 1024 + i * (-21 / 32768 - i * (399 / 262144)))))
    return math.sqrt(a / math.pi) * ratio


def _numbers(name: str, values: npt.ArrayLike) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    if np.isnan(array).any():
        raise ValueError(f"a {name} is nan; it must be a number")
    return array


def _check_dim(dim: int) -> None:
    if dim < 2:
        raise ValueError(f"dim is {dim}; a sphere with distances needs at least 2")
