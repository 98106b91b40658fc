import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mpf
from scipy import integrate

from pow.sphere import (
    distance_cdf,
    distance_pdf,
    distance_ppf,
    hit_probability,
    mismatch_probability,
    r_target_for,
    target,
)

DIMS = [2, 3, 4, 5, 10, 128, 199, 200, 1000, 8192, 8196, 100_000]
SQRT2 = math.sqrt(2)
TOLERANCE = 1e-12


def true_share(r: float, dim: int) -> mpf:
    """The cap's share by a positive series with so many digits that the difference from ½ keeps 40."""
    a = mpf(dim - 1) / 2
    c = 1 - mpf(r) ** 2 / 2
    with mpmath.workdps(60):
        r = mpf(r)
        if c * c > 0.5:
            cap = mpmath.betainc(a, 0.5, 0, r * r * (1 - r * r / 4), regularized=True) / 2
            return cap if c > 0 else 1 - cap
    digits = 40 + int(-a * mpmath.log10(1 - c * c))
    with mpmath.workdps(digits):
        c = 1 - r**2 / 2
        term = total = mpf(1)
        k = 0
        while term > total * mpf(10) ** -digits:
            term *= c * c * (a + 0.5 + k) / (1.5 + k)
            total += term
            k += 1
        return mpf(1) / 2 - c * (1 - c * c) ** a * total / mpmath.beta(0.5, a)


def true_density(r: float, dim: int) -> mpf:
    with mpmath.workdps(60):
        r = mpf(r)
        return r * (r * r * (1 - r * r / 4)) ** (mpf(dim - 3) / 2) / mpmath.beta(0.5, mpf(dim - 1) / 2)


def grid(dim: int) -> list[float]:
    """Distances over (0, 2), near √2, near the seam between the two forms, and far into the tail."""
    seam = math.sqrt(1.5 / ((dim - 1) / 2 + 2.5))
    cosines = [z / math.sqrt(dim) for z in (-6, -3, -1, -1e-3, 1e-9, 1e-3, 0.5, 1, 2, 3, 5, 10, 20, 30, 36.5)]
    cosines += [seam * factor for factor in (-1.001, 0.999, 1.001)]
    distances = [math.sqrt(2 - 2 * c) for c in cosines if abs(c) < 0.9]
    distances += [
        SQRT2,
        math.nextafter(SQRT2, 2),
        1.4013564660458173,
        0.001,
        0.05,
        0.3,
        0.7654,
        1.0,
        1.2,
        1.6,
        1.9,
        1.999,
    ]
    # Roughly the shares from 1e-300 to 1 - 1e-13.
    lowest = {True: -690.0, False: -30.0}
    return [r for r in distances if (dim - 1) / 2 * math.log(r * r * (1 - r * r / 4)) > lowest[r < SQRT2]]


@pytest.mark.parametrize("dim", DIMS)
def test_hit_probability_against_mpmath(dim: int) -> None:
    for r in grid(dim):
        truth = true_share(r, dim)
        assert abs(mpf(hit_probability(r, dim)) / truth - 1) < TOLERANCE, r


@pytest.mark.parametrize("dim", DIMS)
def test_r_target_for_against_mpmath(dim: int) -> None:
    shares = [float(true_share(r, dim)) for r in grid(dim)]
    for p in [*shares, 1e-300, 1e-100, 1e-12, 0.5 - 1e-15, 0.5, 0.5 + 1e-15, 0.999, 1 - 1e-12]:
        r = r_target_for(p, dim)
        if r == 2.0:  # the root is nearer to 2 than any other double
            assert true_share(math.nextafter(2.0, 0), dim) < p
            continue
        # One Newton step in 60 digits from a point this near is the root.
        error = (true_share(r, dim) - mpf(p)) / true_density(r, dim) / r
        assert abs(error) < TOLERANCE, p


@pytest.mark.parametrize("dim", DIMS)
def test_density_against_mpmath(dim: int) -> None:
    distances = grid(dim)
    for r, density in zip(distances, distance_pdf(distances, dim), strict=True):
        assert abs(mpf(float(density)) / true_density(r, dim) - 1) < TOLERANCE, r


@pytest.mark.parametrize("r", [1e-300, 1e-9, 0.1, 1.0, SQRT2, 1.7, 2.0])
def test_circle_and_ball(r: float) -> None:
    assert hit_probability(r, 2) == pytest.approx(2 * math.asin(r / 2) / math.pi, rel=TOLERANCE)
    if r > 1e-100:
        assert hit_probability(r, 3) == pytest.approx(r * r / 4, rel=TOLERANCE)
        assert r_target_for(r * r / 4, 3) == pytest.approx(r, rel=TOLERANCE)


def test_published_hit_probabilities() -> None:
    published = {1.4013564660458173: 0.050647, 1.398077: 0.019975, 1.390051443: 0.001079}  # kernel 4, protocol 8
    for r, h in published.items():
        assert hit_probability(r, 8196) == pytest.approx(h, abs=5e-7)
    assert distance_pdf(1.4013564660458173, 8196) == pytest.approx(13.2, abs=0.05)  # kernel 6


@settings(deadline=None)  # a busy machine is no failure
@given(
    dim=st.integers(2, 100_000),
    h=st.floats(1e-300, 0.5) | st.floats(-300, 0).map(lambda x: 10**x) | st.floats(0, 1 - 1e-12, exclude_min=True),
)
def test_round_trip(dim: int, h: float) -> None:
    h = max(h, 1e-300)
    r = r_target_for(h, dim)
    assert 0 < r <= 2
    # Half a unit in r's last place already moves h by its slope, d ln h / d ln r.
    slope = r * float(distance_pdf(r, dim)) / h if r < 2 else 1e9
    assert hit_probability(r, dim) == pytest.approx(h, rel=TOLERANCE + 2.3e-16 * slope)


@settings(deadline=None)  # a busy machine is no failure
@given(dim=st.integers(2, 100_000), r=st.floats(1e-6, 2), s=st.floats(1e-6, 2))
def test_monotone(dim: int, r: float, s: float) -> None:
    near, far = sorted((r, s))
    a, b = hit_probability(near, dim), hit_probability(far, dim)
    assert a <= b * (1 + TOLERANCE)


@settings(deadline=None)  # a busy machine is no failure
@given(dim=st.integers(2, 10_000), h=st.floats(1e-4, 0.5))
def test_antipodes(dim: int, h: float) -> None:
    near, far = distance_ppf([h, 1 - h], dim)
    assert near**2 + far**2 == pytest.approx(4, rel=1e-9)


@pytest.mark.parametrize("dim", [3, 7, 128, 8196])
def test_density_is_the_derivative(dim: int) -> None:
    middle = r_target_for(0.3, dim)
    mass, _ = integrate.quad(lambda r: float(distance_pdf(r, dim)), middle * 0.98, middle, epsabs=0, epsrel=1e-11)
    assert mass == pytest.approx(float(np.diff(distance_cdf([middle * 0.98, middle], dim))[0]), rel=1e-9)


def test_arrays_keep_their_shape_and_limits() -> None:
    distances = np.array([[-1.0, 0.0, 1.0], [2.0, 3.0, SQRT2]])
    assert distance_cdf(distances, 3).tolist() == [[0.0, 0.0, pytest.approx(0.25)], [1.0, 1.0, pytest.approx(0.5)]]
    assert distance_pdf(distances, 3).tolist() == [[0.0, 0.0, pytest.approx(0.5)], [0.0, 0.0, pytest.approx(SQRT2 / 2)]]
    assert distance_ppf([[0.0, 0.25], [0.5, 1.0]], 3).tolist() == [[0.0, pytest.approx(1)], [pytest.approx(SQRT2), 2.0]]
    assert distance_cdf([], 3).shape == distance_ppf([], 3).shape == (0,)


def test_random_points_follow_the_law() -> None:
    points = np.random.default_rng(8).standard_normal((200_000, 12))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    distances = np.sort(np.linalg.norm(points - np.eye(12)[3], axis=1))
    steps = np.arange(1, distances.size + 1) / distances.size
    # The Kolmogorov-Smirnov distance exceeds 2.2/√n for a right law about once in 10 000 seeds.
    assert np.abs(distance_cdf(distances, 12) - steps).max() < 2.2 / math.sqrt(distances.size)


def test_golden_targets(target_case) -> None:
    drawn = target(target_case["block_hash"], target_case["vocab_size"])
    assert drawn.dtype == np.float64
    assert drawn.shape == (target_case["vocab_size"],)
    assert drawn[:8] == pytest.approx(target_case["first8"], abs=1e-15)
    assert drawn[-4:] == pytest.approx(target_case["last4"], abs=1e-15)
    assert np.linalg.norm(drawn) == pytest.approx(target_case["norm"], abs=1e-15)
    assert drawn.sum() == pytest.approx(target_case["sum"], abs=1e-13)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hit_probability(0.0, 8), r"r_target is 0\.0; it must be above 0 and at most 2"),
        (lambda: hit_probability(2.1, 8), r"r_target is 2\.1; it must be above 0 and at most 2"),
        (lambda: hit_probability(math.nan, 8), "r_target is nan; it must be above 0 and at most 2"),
        (lambda: hit_probability(1.0, 1), "dim is 1; a sphere with distances needs at least 2"),
        (lambda: r_target_for(0.0, 8), r"hit_probability is 0\.0; it must be above 0 and at most 1"),
        (lambda: r_target_for(1.5, 8), r"hit_probability is 1\.5; it must be above 0 and at most 1"),
        (lambda: r_target_for(0.5, 0), "dim is 0; a sphere with distances needs at least 2"),
        (lambda: distance_ppf([0.1, -0.1], 8), r"a probability is -0\.1; it must be at least 0 and at most 1"),
        (lambda: distance_cdf([math.nan], 8), "a distance is nan; it must be a number"),
        (lambda: target("hash", 0), "dim is 0; it must be at least 1"),
    ],
)
def test_mistakes_name_value_and_bound(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("rms_error", "expected"), [(2e-8, 2e-6), (2.8e-6, 2.7e-4), (2.7e-7, 2.7e-5), (6.9e-6, 7.3e-4), (5.0e-5, 5.0e-3)]
)
def test_published_mismatches(rms_error: float, expected: float) -> None:
    """The table of kernel 6; its errors have two digits."""
    assert mismatch_probability(rms_error, 1.4013564660458173, 8192) == pytest.approx(expected, rel=0.1)


def test_mismatch_by_drawing() -> None:
    """Distances of the law with normal errors: the share of the accepted ones that lie outside without the error."""
    generator, dim, r_target, rms = np.random.default_rng(1), 128, 1.35, 2e-3
    true = distance_ppf(generator.random(2_000_000), dim)
    accepted = true + rms * generator.standard_normal(true.size) < r_target
    found = float((true[accepted] > r_target).mean())
    assert mismatch_probability(rms, r_target, dim) == pytest.approx(found, rel=0.05)  # 6 standard errors
