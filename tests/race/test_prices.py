"""Price paths beside their laws, and what their files refuse."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from sim.catalogue import PluginError
from sim.economy import curves, prices
from sim.economy.base import CurveError, Steps

Z = 3.9  # two-sided error level 1e-4
N = 20_000
JUMPY = {
    **{"kind": "jump_diffusion", "every": "1 h", "volatility": 0.01, "drift": 0.0125, "jump_every": "4 h"},
    **{"jump_mean": -0.05, "jump_sd": 0.1},
}


def lay_out(spec: Any, n_steps: int = N, seed: int = 1) -> Steps:
    made = prices.build(spec).lay_out(n_steps * 3600.0, np.random.default_rng(seed))
    assert isinstance(made, Steps)
    return made


def log_returns(spec: Any) -> np.ndarray:
    return np.diff(np.log(lay_out(spec).values))


@pytest.mark.parametrize("kind", [name for name in prices.names() if name != "csv"])
def test_contract(kind: str) -> None:
    for n_steps in (1, 300):
        steps = lay_out(kind, n_steps)
        assert steps.times[0] == 0
        assert (np.diff(steps.times) > 0).all()
        assert len(steps.times) == len(steps.values)
        assert (steps.values > 0).all()
        assert np.array_equal(lay_out(kind, n_steps).values, steps.values)


def test_constant() -> None:
    steps = lay_out({"kind": "constant", "level": 7.0})
    assert (steps.times.tolist(), steps.values.tolist()) == ([0.0], [7.0])


def test_brownian_motion_follows_its_law() -> None:
    """Mean, variance and normality of log returns; error level 1e-4 each."""
    found = log_returns({"kind": "jump_diffusion", "every": "1 h", "volatility": 0.02, "drift": 0.001})
    assert found.mean() == pytest.approx(0.001, abs=Z * 0.02 / math.sqrt(N))
    assert found.var() == pytest.approx(0.02**2, rel=Z * math.sqrt(2 / N))
    assert stats.kstest((found - 0.001) / 0.02, "norm").pvalue > 1e-4


def test_jumps_follow_mertons_law() -> None:
    """Mean and variance of log returns, whose standard errors come from the law's own cumulants; λ = 1/4 a step."""
    found, rate, mean, sd = log_returns(JUMPY), 0.25, -0.05, 0.1
    variance = 0.01**2 + rate * (mean**2 + sd**2)
    fourth = rate * (mean**4 + 6 * mean**2 * sd**2 + 3 * sd**4)  # cumulant
    assert found.mean() == pytest.approx(0.0125 + rate * mean, abs=Z * math.sqrt(variance / N))
    assert found.var() == pytest.approx(variance, abs=Z * math.sqrt((fourth + 2 * variance**2) / N))


@pytest.mark.parametrize("jump_every", ["1 h", "8 h", "400 h"])
def test_jump_frequency(jump_every: str) -> None:
    """Jumps of 1 exactly, nothing else: each step's change is a Poisson number (chi², error level 1e-4)."""
    spec = {**JUMPY, "volatility": 0.0, "drift": 0.0, "jump_mean": 1e-4, "jump_sd": 0.0, "jump_every": jump_every}
    counts = np.round(log_returns(spec) / 1e-4).astype(int)
    rate = 1 / float(jump_every.removesuffix(" h"))
    top = int(stats.poisson.ppf(1 - 20 / N, rate))
    seen = np.bincount(np.minimum(counts, top), minlength=top + 1)
    expected = N * np.append(stats.poisson.pmf(np.arange(top), rate), stats.poisson.sf(top - 1, rate))
    assert stats.chisquare(seen, expected).pvalue > 1e-4


def test_noise_is_gone_in_the_next_step() -> None:
    """Log returns of pure noise: variance 2 s² and lag-one correlation -1/2, error level 1e-4."""
    found = log_returns({"kind": "jump_diffusion", "volatility": 0.0, "noise": 0.04})
    assert found.var() == pytest.approx(2 * 0.04**2, rel=Z * math.sqrt(3 / N))
    assert np.corrcoef(found[1:], found[:-1])[0, 1] == pytest.approx(-0.5, abs=Z / math.sqrt(N))


def test_a_path_begins_the_same_whatever_the_horizon() -> None:
    short, long = lay_out(JUMPY, 100), lay_out(JUMPY, 1000)
    assert np.array_equal(long.values[: len(short.values)], short.values)
    assert not np.array_equal(lay_out(JUMPY, 100, seed=2).values, short.values)
    wild = lay_out({"kind": "jump_diffusion", "volatility": 10.0})
    assert wild.values.max() <= 1.0001e9
    assert wild.values.min() >= 1 / 1.0001e9


def test_every_parameter_acts() -> None:
    for name, other in {
        **{"level": 2.0, "volatility": 0.3, "drift": 0.1, "every": "7000 s", "jump_every": "5 h"},
        **{"jump_mean": 0.3, "jump_sd": 0.0, "noise": 0.1},
    }.items():
        usual, changed = lay_out(JUMPY, 100), lay_out({**JUMPY, name: other}, 100)
        assert usual.values.shape != changed.values.shape or not np.array_equal(usual.values, changed.values), name


def test_csv(tmp_path: Path) -> None:
    file = tmp_path / "price.csv"
    file.write_text("time (d), price\n3,60\n4,120\n6.5,30\n")
    steps = lay_out({"kind": "csv", "path": str(file)})
    assert steps.times.tolist() == [0.0, 86_400.0, 3.5 * 86_400.0]
    assert steps.values.tolist() == [60.0, 120.0, 30.0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ":1:1: the header must be two headings with units, for instance "),
        (
            "time (h),compute (nonces/s)\n1,2\n",
            ':1:1: the header must be two headings with units, for instance "time (h)',
        ),
        ("time,price\n1,2\n", ":1:1: the header"),
        ("time (h),price,price\n1,2\n", ":1:1: the header"),
        ("time (h),price\n", ":2:1: no values"),
        ("time (h),price\n1,2\n2,\n", ':3:3: "2," is a gap'),
        ("time (h),price\n1,2\n1,3\n", ":3:1: time 1 does not come after the line before"),
        ("time (h),price\n1,-4\n", ":2:3: price -4 must be more than 0"),
        ("time (h),price\n1,0\n", ":2:3: price 0 must be more than 0"),
        ("time (h),price\n1,2\n2,1e13\n", ":3:3: price 10000000000000 must be at most 1000000000000"),
        ("time (h),price\n1,2\n9,2\n", ":3:1: a gap of 28800 s; at most 7200 s"),
    ],
)
def test_csv_mistakes(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(text)
    with pytest.raises(CurveError) as caught:
        lay_out({"kind": "csv", "path": str(file), "max_gap": "2 h"})
    assert f"{file}{expected}" in str(caught.value)


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "constant", "level": -1.0},
        {"kind": "jump_diffusion", "volatility": -0.1},
        {"kind": "jump_diffusion", "jump_every": "0 s"},
        {"kind": "jump_diffusion", "jump_sd": -1.0},
        {"kind": "jumps"},
    ],
)
def test_bad_parameters_are_refused(spec: dict[str, Any]) -> None:
    with pytest.raises(PluginError):
        prices.build(spec)


def test_too_many_jumps_or_steps_are_refused() -> None:
    with pytest.raises(CurveError, match="at most 100"):
        lay_out({"kind": "jump_diffusion", "jump_every": "1 s"})
    with pytest.raises(CurveError, match="at most 200000"):
        lay_out({"kind": "jump_diffusion", "every": "1 s"})


def test_a_price_that_ends_before_the_race_is_told(tmp_path: Path) -> None:
    file = tmp_path / "price.csv"
    file.write_text("time (d),price\n3,60\n4,120\n")
    hosts = curves.build({"kind": "profit_driven", "price": {"kind": "csv", "path": str(file)}})
    assert list(hosts.find_warnings(86_400.0)) == []
    (told,) = hosts.find_warnings(2 * 86_400.0)
    assert told == f"{file} ends after 1 d, a race takes 2 d: its last value, 120, holds on"
    assert list(curves.build("profit_driven").find_warnings(1e9)) == []
