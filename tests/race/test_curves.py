"""Compute curves: what they lay out, and what they refuse."""

import itertools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.catalogue import PluginError
from sim.economy import curves
from sim.economy.base import CurveError, Market, Steps, check_layout
from sim.race.compute import SteppedCompute
from sim.race.rig import Setup
from sim.race.rig import lay_out as lay_out_all

DAY, HORIZON = 86_400.0, 40 * 86_400.0
REACTING = ("profit_driven",)  # no steps of their own: tests/race/test_market.py
FROM_FILES = ("csv", "headers")  # tests/race/test_headers.py has the second one


def lay_out(spec: Any, horizon: float = HORIZON, seed: int = 1) -> Steps:
    made = curves.build(spec).lay_out(horizon, np.random.default_rng(seed))
    assert isinstance(made, Steps)
    return made


def value_at(steps: Steps, time: float) -> float:
    return float(steps.values[np.searchsorted(steps.times, time, side="right") - 1])


def mean(steps: Steps, start: float, end: float) -> float:
    edges = np.unique(np.concatenate([[start, end], steps.times[(steps.times > start) & (steps.times < end)]]))
    return sum(value_at(steps, a) * (b - a) for a, b in itertools.pairwise(edges)) / (end - start)


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    file = tmp_path / "compute.csv"
    file.write_text("time (h),compute (nonces/min)\n2,60\n3,120\n5.5,30\n")
    return file


@pytest.mark.parametrize("kind", sorted(set(curves.names()) - {*FROM_FILES, *REACTING}))
@pytest.mark.parametrize("horizon", [60.0, HORIZON])
def test_contract(kind: str, horizon: float) -> None:
    steps = lay_out(kind, horizon)
    assert steps.times[0] == 0
    assert (np.diff(steps.times) > 0).all()
    assert len(steps.times) == len(steps.values)
    assert (steps.values > 0).all()
    assert np.isfinite(steps.values).all()
    assert np.array_equal(lay_out(kind, horizon).values, steps.values)


def test_every_parameter_acts() -> None:
    for schema in curves.json_schema()["anyOf"]:
        kind = schema.get("properties", {}).get("kind", {}).get("const", "csv")
        for name, part in schema.get("properties", {}).items():
            if kind in (*FROM_FILES, *REACTING) or name == "kind":
                continue
            is_time = isinstance(part["default"], str)
            other = "7000 s" if is_time else part["default"] * 0.5 + 0.01
            usual, changed = lay_out(kind), lay_out({"kind": kind, name: other})
            same = usual.times.shape == changed.times.shape and np.array_equal(usual.times, changed.times)
            assert not (same and np.array_equal(usual.values, changed.values)), (kind, name)


def test_shapes_by_hand() -> None:
    step = lay_out({"kind": "step", "level": 10.0, "factor": 3.0, "time": "2 d"})
    assert (value_at(step, 2 * DAY - 1), value_at(step, 2 * DAY)) == (10.0, 30.0)
    at_once = lay_out({"kind": "step", "level": 10.0, "factor": 3.0, "time": "0 s"})
    assert at_once.values.tolist() == [30.0]
    ramp = lay_out({"kind": "ramp", "level": 10.0, "factor": 3.0, "time": "1 d", "over": "2 d"})
    assert (value_at(ramp, 0.0), value_at(ramp, 3 * DAY)) == (10.0, 30.0)
    assert mean(ramp, DAY, 3 * DAY) == pytest.approx(20.0)
    assert value_at(ramp, 2 * DAY) == pytest.approx(20.0, rel=0.01)
    growth = lay_out({"kind": "exponential", "level": 10.0, "factor": 2.0, "every": "1 d"})
    assert value_at(growth, 3 * DAY) == pytest.approx(80.0, rel=0.02)
    sine = lay_out({"kind": "sine", "level": 10.0, "amplitude": 0.5, "period": "1 d"})
    assert mean(sine, 0.0, 5 * DAY) == pytest.approx(10.0)
    assert value_at(sine, 10.25 * DAY) == pytest.approx(15.0, rel=0.01)
    peak = lay_out({"kind": "peak", "level": 10.0, "factor": 4.0, "time": "10 d", "width": "1 d"})
    assert value_at(peak, 10 * DAY) == pytest.approx(40.0, rel=0.01)
    assert value_at(peak, 11 * DAY) == pytest.approx(10 * (1 + 3 * math.exp(-0.5)), rel=0.02)
    assert (value_at(peak, 0.0), value_at(peak, 39 * DAY)) == (10.0, 10.0)
    on_off = lay_out({"kind": "on_off", "level": 10.0, "factor": 5.0, "period": "1 d", "share": 0.25})
    assert mean(on_off, 0.0, 40 * DAY) == pytest.approx(10 * (0.75 + 5 * 0.25))
    assert (value_at(on_off, 7.7 * DAY), value_at(on_off, 7.8 * DAY)) == (10.0, 50.0)


def test_random_walk() -> None:
    """4 000 steps: mean and standard deviation of a step within 4 standard errors; a prefix does not change."""
    spec = {"kind": "random_walk", "volatility": 0.02, "drift": 0.001, "every": "1 h"}
    moves = np.diff(np.log(lay_out(spec, 4000 * 3600.0).values))
    assert moves.mean() == pytest.approx(0.001, abs=4 * 0.02 / math.sqrt(4000))
    assert moves.std() == pytest.approx(0.02, rel=4 / math.sqrt(8000))
    short = lay_out(spec, 100 * 3600.0).values
    assert np.array_equal(lay_out(spec, 4000 * 3600.0).values[: len(short)], short)
    assert not np.array_equal(lay_out(spec, seed=2).values, lay_out(spec, seed=1).values)


def test_growth_and_walks_stay_finite() -> None:
    for spec in (
        {"kind": "exponential", "factor": 1e6, "every": "1 h"},
        {"kind": "exponential", "factor": 1e-5, "every": "1 h"},
        {"kind": "random_walk", "volatility": 10.0},
    ):
        values = lay_out(spec).values
        assert values.min() >= 100.0 / 1.0001e9
        assert values.max() <= 100.0 * 1.0001e9


def test_csv(csv_file: Path) -> None:
    steps = lay_out({"kind": "csv", "path": str(csv_file)})
    assert steps.times.tolist() == [0.0, 3600.0, 3.5 * 3600.0]
    assert steps.values.tolist() == [1.0, 2.0, 0.5]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ":1:1: the header must be two headings with units"),
        ("time,compute\n1,2\n", ":1:1: the header must be two headings with units"),
        ("time (h),compute (H/s)\n1,2\n", ":1:1: the header"),
        ("time (weeks),compute (nonces/s)\n1,2\n", ":1:1: the header"),
        ("time (h),compute (nonces/s)\n", ":2:1: no values"),
        ("time (h),compute (nonces/s)\n1,2\n2,\n", ':3:3: "2," is a gap'),
        ("time (h),compute (nonces/s)\n1,2\n\n,\n2,3\n", ':4:1: "," is a gap'),
        ("time (h),compute (nonces/s)\n1,2\n1,3\n", ":3:1: time 1 does not come after the line before"),
        ("time (h),compute (nonces/s)\n1,2\n3,3\n2,3\n", ":4:1: time 2 does not come after the line before"),
        ("time (h),compute (nonces/s)\n1,0\n", ":2:3: compute 0 must be more than 0 at both ends"),
        ("time (h),compute (nonces/s)\n1,-4\n", ":2:3: compute -4 must be at least 0"),
        ("time (h),compute (nonces/s)\n1,2\n2,1e31\n3,2\n", ":3:3: compute 1e+31 must be at most 1e+30"),
        ("time (h),compute (nonces/d)\n1,2\n2,1e36\n3,2\n", ":3:3: compute 1.15740740740740"),
        ("time (h),compute (nonces/s)\n1,2\n2,1e-8\n3,1e-10\n", ":4:3: compute 1e-10 must lie within a factor 1e+09"),
        ("time (h),compute (nonces/s)\n1,2\n2,3e9\n3,2\n", ":3:3: compute 3000000000 must lie within a factor 1e+09"),
        ("time (h),compute (nonces/s)\n1,2\n2,0\n", ":3:3: compute 0 must be more than 0 at both ends of a file"),
        ("time (d),compute (nonces/s)\n1,2\n1e305,2\n", ":3:1: time 1e305 is too large"),
        ("time (h),compute (nonces/s)\n1,nan\n", ':2:3: "1,nan" is not two numbers'),
        ("time (h),compute (nonces/s)\n1,2,3\n", ':2:1: "1,2,3" is not two numbers'),
        ("time (h),compute (nonces/s)\n1,2\n9,2\n", ":3:1: a gap of 28800 s; at most 7200 s"),
    ],
)
def test_csv_mistakes(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(text)
    with pytest.raises(CurveError) as caught:
        lay_out({"kind": "csv", "path": str(file), "max_gap": "2 h"})
    assert f"{file}{expected}" in str(caught.value)


def test_csv_mistakes_come_all_at_once(tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text("time (s),compute (nonces/s)\n1,2\n0,-1\nx,2\n")
    with pytest.raises(CurveError) as caught:
        lay_out({"kind": "csv", "path": str(file)})
    assert [line.split(":")[1] for line in str(caught.value).splitlines()] == ["3", "3", "4"]
    with pytest.raises(CurveError, match="no such file"):
        lay_out({"kind": "csv", "path": str(tmp_path / "none.csv")})


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "step", "factor": 0.0},
        {"kind": "sine", "amplitude": 1.0},
        {"kind": "on_off", "period": 5},
        {"kind": "constant", "level": -1.0},
        {"kind": "stepp"},
    ],
)
def test_bad_parameters_are_refused(spec: dict[str, Any]) -> None:
    with pytest.raises(PluginError):
        curves.build(spec)


def test_too_fine_a_curve_is_refused() -> None:
    with pytest.raises(CurveError, match="at most 200000"):
        lay_out({"kind": "sine", "period": "1 s"})


def test_compute_may_be_gone_for_a_while(tmp_path: Path) -> None:
    """100 nonces/s for an hour, none for a day, then 50: a block of 6e4 tries that is awaited spans the day."""
    file = tmp_path / "outage.csv"
    file.write_text("time (h),compute (nonces/s)\n0,100\n1,0\n25,50\n")
    compute = SteppedCompute([lay_out({"kind": "csv", "path": str(file)})] * 2)
    took = compute.advance(np.array([300_000.0, 400_000.0]))
    assert took.tolist() == [3000.0, 25 * 3600.0 + 40_000.0 / 50.0]
    assert compute.rate.tolist() == [100.0, 50.0]
    assert compute.count_tries(np.array([3600.0, 3600.0])).tolist() == [60_000.0, 180_000.0]
    # Done to the last try as compute goes: found when it is back.
    assert compute.advance(np.array([60_000.0, 1.0])) == pytest.approx([24 * 3600.0 + 600.0, 0.02], rel=1e-9)


@pytest.mark.parametrize("share", [0.3, 0.5])
def test_all_compute_may_come_and_go(share: float) -> None:
    """Half of the periods' tries, in as many periods, exactly; what lies behind the horizon has compute again."""
    spec = {"kind": "on_off", "level": 10.0, "factor": 0.0, "period": "1 d", "share": share}
    steps = check_layout(lay_out(spec, 3.2 * DAY))
    assert steps.values.tolist() == [10.0, 0.0] * 4 + [10.0]
    compute = SteppedCompute([steps, steps])
    a_day = (1.0 - share) * DAY * 10.0
    assert compute.advance(np.array([2.5 * a_day] * 2)) == pytest.approx((2.0 + 0.5 * (1.0 - share)) * DAY)


@dataclass(frozen=True)
class Steady:
    """A curve from outside, as it may come."""

    times: tuple[float, ...]
    values: tuple[float, ...]

    def lay_out(self, horizon_seconds: float, generator: np.random.Generator) -> Steps:
        return Steps(np.array(self.times), np.array(self.values))


@pytest.mark.parametrize(
    ("times", "values", "expected"),
    [
        ((0.0, 1.0), (0.0, 1.0), "compute begins at 0"),
        ((0.0, 1.0), (1.0, 0.0), "compute ends at 0: no block would ever come"),
        ((0.0, 1.0, 2.0), (1.0, -1.0, 1.0), "values at least 0"),
        ((0.0, 1.0, 2.0), (1.0, math.nan, 1.0), "finite numbers"),
        ((0.0, 1.0, 2.0), (1.0, math.inf, 1.0), "finite numbers"),
        ((1.0, 2.0), (1.0, 1.0), "must grow from 0"),
        ((0.0, 2.0, 2.0), (1.0, 1.0, 1.0), "must grow from 0"),
        ((0.0, 2.0), (1.0,), "one for each value"),
        ((), (), "must grow from 0"),
    ],
)
def test_a_layout_without_a_race_is_refused(times: Any, values: Any, expected: str) -> None:
    with pytest.raises(CurveError, match=expected):
        lay_out_all(Steady(times, values), Setup(600.0, n_decisions=20, n_replications=2))


def test_a_price_of_nothing_is_refused() -> None:
    market = Market(Steps(np.array([0.0, 1.0]), np.array([1.0, 0.0])), curves.build("profit_driven"))
    with pytest.raises(CurveError, match="the price must be above 0"):
        check_layout(market)


def test_a_series_that_ends_before_the_race_is_told(csv_file: Path) -> None:
    curve = curves.build({"kind": "csv", "path": str(csv_file)})
    assert list(curve.find_warnings(3.5 * 3600.0)) == []
    (told,) = curve.find_warnings(2 * DAY)
    assert told == f"{csv_file} ends after 0.1458 d, a race takes 2 d: its last value, 0.5, holds on"
