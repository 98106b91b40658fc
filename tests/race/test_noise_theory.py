"""The closed forms of `sim.theory.noise`, beside a second implementation of the loops, and the rows that use them."""

import math

import numpy as np
import pytest

from sim.theory import noise
from sim.theory.noise import compute_noise, noise_rows


def simulate(kind: str, weight: float, n_blocks: int = 400, n_races: int = 40_000) -> tuple[float, float]:
    """Variance of ln(difficulty / ideal) and its standard error, by the loop as its law writes it."""
    generator, y = np.random.default_rng(7), np.ones(n_races)
    for _ in range(n_blocks):
        time = y * generator.standard_exponential(n_races)
        kept = np.exp(-weight * time)
        y = y * np.exp(weight * (1.0 - time)) if kind == "asert" else y * kept + y / time * (1.0 - kept)
    x = np.log(y)
    return float(x.var(ddof=1)), math.sqrt(float(np.var((x - x.mean()) ** 2) / n_races))


@pytest.mark.parametrize("kind", ["asert", "ema"])
def test_second_order_of_exponential_rules(kind: str) -> None:
    """Weight 1/10 a block: the second order is 9 and 4 % of the variance, a standard error 0.7 %."""
    weight = 0.1
    found, error = simulate(kind, weight)
    expected = compute_noise(kind, math.log(2) / weight if kind == "asert" else 1.0 / weight) ** 2
    assert abs(found - expected) < 4 * error + 0.01 * expected  # the third order is about weight²
    if kind == "asert":
        assert abs(found - weight / 2) > 4 * error + 0.01 * expected  # 1 / (2 τ) alone would not do


def test_leading_terms() -> None:
    assert compute_noise("asert", 1e6 * math.log(2)) == pytest.approx(1 / math.sqrt(2e6), rel=1e-5)
    assert compute_noise("ema", 1e6) == pytest.approx(1 / math.sqrt(2e6), rel=1e-5)
    assert compute_noise("sma", 10**6) == pytest.approx(1e-3, rel=1e-5)
    # trigamma(1) = π² / 6, and trigamma(n) = that minus the sum of 1 / k² below n
    expected = math.pi**2 / 6 - sum(1.0 / k**2 for k in range(1, 50))
    assert compute_noise("epoch_average", 50) == pytest.approx(math.sqrt(expected), rel=1e-9)


def test_rows_see_the_scatter_within_a_race(monkeypatch: pytest.MonkeyPatch) -> None:
    """They pass, and fail with the noise that labs had before: of one race, without its mean."""
    monkeypatch.setattr(noise, "MEMORIES", (288,))
    assert all(row.passed for row in noise_rows(True))
    measure = noise.measure_race
    errors = []

    def measure_within(race, steps, reference, setup):
        errors.append(np.log(race.difficulty / race.ideal))
        return {**measure(race, steps, reference, setup), "noise": errors[-1].std(axis=0, ddof=1)}

    monkeypatch.setattr(noise, "measure_race", measure_within)
    assert not any(row.passed for row in noise_rows(True))
    assert len(errors) == len(noise.VARIANCES)


def test_rows_need_a_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Races that begin at rest scatter too little; the more the longer the memory."""
    monkeypatch.setattr(noise, "MEMORIES", (1000,))
    monkeypatch.setattr(noise, "VARIANCES", {kind: noise.VARIANCES[kind] for kind in ("asert", "ema")})
    monkeypatch.setattr(noise, "compute_warm_up", lambda controller, quota: 0)
    assert not any(row.passed for row in noise_rows(True))
