"""The law on the sphere: against quadrature of its density, and against random points (kernel 4)."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy import integrate

from pow.sphere import hit_probability, r_target_for
from sim.theory.row import Z_BOUND, Row, compute_binomial_z

PUBLISHED = ((1.4013564660458173, 0.050647), (1.398077, 0.019975), (1.390051443, 0.001079))  # kernel 4, n = 8196
PUBLISHED_DIGITS = 5e-7  # the published values are rounded to six decimals
NETWORK_DIM = 8196
QUADRATURE_ERROR = 1e-9
INVERSE_ERROR = 1e-12
SAMPLE_DIM = 64
SAMPLE_R_TARGET = 1.25


def sphere_rows(quick: bool) -> Iterator[Row]:
    """Hit probability against published values, against quadrature, its inverse, and random points."""
    for r_target, published in PUBLISHED:
        ours = hit_probability(r_target, NETWORK_DIM)
        yield Row(
            f"hit probability at r = {r_target:.6f}, dimension 8196",
            ours,
            published,
            ours - published,
            PUBLISHED_DIGITS,
        )
    for dim in (3, 128, 8192, 100_000):
        r_target = math.sqrt(2.0) - 1.5 / math.sqrt(2.0 * dim)
        ours, theory = hit_probability(r_target, dim), _integrate(r_target, dim)
        error = ours / theory - 1.0
        yield Row(f"the same by quadrature, dimension {dim}, relative", ours, theory, error, QUADRATURE_ERROR)
        back = r_target_for(ours, dim)
        yield Row(f"its inverse, dimension {dim}, relative", back, r_target, back / r_target - 1.0, INVERSE_ERROR)
    yield _sample_row(20_000 if quick else 200_000)


def _integrate(r_target: float, dim: int) -> float:
    """Integrate the density of cos θ, ∝ (1 - c²)^((n - 3) / 2), over the cap; scaled by its maximum at c = 0."""

    def density(c: float) -> float:
        return math.exp(0.5 * (dim - 3) * math.log1p(-c * c)) if abs(c) < 1.0 else float(dim == 3)

    spread = min(1.0, 40.0 / math.sqrt(dim))  # beyond it the density is below 1e-300
    start = 1.0 - r_target**2 / 2.0
    cap, _ = integrate.quad(density, start, spread, epsabs=0.0, epsrel=1e-12, limit=400)
    half, _ = integrate.quad(density, 0.0, spread, epsabs=0.0, epsrel=1e-12, limit=400)
    return float(cap / (2.0 * half))


def _sample_row(n_points: int) -> Row:
    """Random points by normalised Gaussians: no formula of ours in it."""
    generator = np.random.default_rng(20260101)
    points = generator.standard_normal((n_points, SAMPLE_DIM))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    points[:, 0] -= 1.0  # the target is the first axis
    n_hits = int(np.count_nonzero(np.linalg.norm(points, axis=1) < SAMPLE_R_TARGET))
    theory = hit_probability(SAMPLE_R_TARGET, SAMPLE_DIM)
    score = compute_binomial_z(n_hits, n_points, theory)
    return Row(
        f"share of {n_points} random points hit, dimension {SAMPLE_DIM}", n_hits / n_points, theory, score, Z_BOUND
    )
