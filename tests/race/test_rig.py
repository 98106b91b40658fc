"""The race rig: exact times, plug-ins as they are, common random numbers."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.difficulty import controllers
from sim.difficulty.base import Interval
from sim.economy import curves
from sim.economy.base import Steps
from sim.errors import UserError
from sim.race.compute import SteppedCompute
from sim.race.rig import Race, Setup, draw_work, lay_out, run_race
from sim.race.steering import Steering

UNCONTROLLED = ("fixed", "schedule")
SETUP = Setup(600.0, n_decisions=300, n_replications=4, warm_up=20)


def build(kind: str, quota: int = 1, **parameters: Any) -> Any:
    target = {} if kind in UNCONTROLLED else {"target": {"valid_nonces_per_epoch": quota}}
    return controllers.build({"kind": kind, **parameters, **target})


def race(kind: str, curve: Any = "constant", setup: Setup = SETUP, **parameters: Any) -> Race:
    return run_race(build(kind, setup.quota, **parameters), lay_out(curves.build(curve), setup), setup)


def test_coefficient_meets_the_median_of_single_blocks() -> None:
    """Steps alike up and down: half of the blocks are late. Their mean is 1 / ln 2 of it; ± 3 % by its own swings."""
    setup = replace(SETUP, n_decisions=3000, n_replications=60, warm_up=500)
    found = race("coefficient", setup=setup, zone=0.0, step_ceiling=0.01, bootstrap_ceiling=0.01)
    assert np.mean(found.time_ratio > 1.0) == pytest.approx(0.5, abs=0.01)
    assert found.time_ratio.mean() == pytest.approx(1.0 / math.log(2.0), rel=0.03)


class Halving:
    """A plug-in: half the last difficulty, and the first one again every third interval."""

    target = None

    def start(self, first: Interval) -> Any:
        return first.difficulty

    def decide(self, state: Any, interval: Interval) -> tuple[Any, Any]:
        return state, state if interval.index % 3 == 0 else interval.difficulty / 2


@pytest.mark.parametrize("kind", ["asert", "fixed"])
def test_races_end_at_one_horizon(kind: str) -> None:
    """Compute quadruples: whatever the rule makes of it, each replication ends in the interval that is under way."""
    setup = replace(SETUP, n_decisions=144, n_replications=8, horizon_seconds=86_400.0)
    curve = {"kind": "step", "factor": 4.0, "time": "4 h"}
    found = race(kind, curve, setup)
    assert found.times_inside.sum(axis=0) * 600.0 == pytest.approx(86_400.0)
    assert (found.times.sum(axis=0) > found.horizon).all()
    last = found.n_counted - 1
    assert (found.begins[last, np.arange(8)] < found.horizon).all()
    assert len(found.difficulty) == found.n_counted.max() > found.n_counted.min()
    assert found.n_counted.min() > 144
    longer = race(kind, curve, replace(setup, n_decisions=len(found.difficulty), horizon_seconds=None))
    assert np.array_equal(found.difficulty, longer.difficulty)
    assert (longer.counts.all(), longer.horizon) == (True, math.inf)


def test_a_race_that_cannot_keep_up_ends_before_its_horizon() -> None:
    """At most 16 times the decisions on schedule: compute grows a million times, and nothing answers it."""
    setup = replace(SETUP, n_decisions=20, horizon_seconds=12_000.0)
    found = race("fixed", {"kind": "step", "factor": 1e6, "time": "1 h"}, setup)
    assert found.difficulty.shape == (16 * 20, 4)
    assert (found.times_inside.sum(axis=0) < found.horizon).all()


def test_a_wait_that_ends_after_the_horizon_counts_whole() -> None:
    """Nearly all compute goes: what is left of the race is one interval."""
    setup = replace(SETUP, n_decisions=72, n_replications=3, horizon_seconds=43_200.0)
    found = race("sma", {"kind": "step", "factor": 1e-5, "time": "4 h"}, setup)
    last = found.n_counted - 1
    assert (found.times[last, np.arange(3)] > 72).all()
    assert found.times_inside.sum(axis=0) == pytest.approx(72.0)


def test_a_plugin_runs_as_it_is() -> None:
    steps = lay_out(curves.build("constant"), SETUP)
    found = run_race(Halving(), steps, replace(SETUP, warm_up=0))
    assert found.difficulty[:5, 0].tolist() == [6e4, 3e4, 1.5e4, 6e4, 3e4]


class Scalar(Halving):
    """A plug-in whose law is written for one number."""

    def decide(self, state: Any, interval: Interval) -> tuple[Any, Any]:
        return state, max(interval.difficulty, interval.difficulty / interval.time)


def test_a_law_for_single_numbers_is_refused_with_a_word_on_numpy() -> None:
    with pytest.raises(UserError, match=r"Scalar cannot decide for all replications at once: .*np\.where"):
        run_race(Scalar(), lay_out(curves.build("constant"), SETUP), SETUP)


def test_replications_that_begin_alike_are_raced_as_those_that_do_not(controller_spec: Any) -> None:
    """Memory of a race's beginning is kept once for all, where it is the same for all."""
    times = np.random.default_rng(2).exponential(1.0, (50, 2))
    alike, apart = (
        Steering(controllers.build(controller_spec), np.array(first), 1, 1, has_lies=False)
        for first in ([6e4, 6e4], [6e4, 3e5])
    )
    for time in times:
        found, other = alike.decide(np.array([6e4, 6e4]), time), apart.decide(np.array([6e4, 3e5]), time)
        assert found[0] == pytest.approx(other[0], rel=1e-12)


@pytest.mark.parametrize("kind", ["ema", "kalman", "sma", "lwma", "digishield", "epoch_average"])
def test_no_race_begins_from_one_lucky_block(kind: str) -> None:
    """A first block that comes ten times as fast as wanted moves no average by more than 30 %."""
    steering = Steering(build(kind), np.full(3, 6e4), 1, 1, has_lies=False)
    assert np.abs(np.log(steering.decide(np.full(3, 6e4), np.full(3, 0.1)) / 6e4)).max() < math.log(1.3)


def test_schedule_counts_recorded_intervals_from_one() -> None:
    found = race("schedule", steps=[{"epoch": 3, "difficulty": 50.0}])
    assert found.difficulty[:4, 1].tolist() == [6e4, 6e4, 50.0, 50.0]


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.01, 50), st.floats(0.01, 100)), min_size=1, max_size=12), st.data())
def test_times_are_exact(parts: list[tuple[float, float]], data: st.DataObject) -> None:
    """A second implementation: walk along the steps, and use up the work."""
    times = np.concatenate([[0.0], np.cumsum([length for length, _ in parts])[:-1]])
    steps = Steps(times, np.array([value for _, value in parts]))
    compute, now = SteppedCompute([steps, Steps(np.array([0.0]), np.array([7.0]))]), 0.0
    for tries in data.draw(st.lists(st.floats(0.0, 2000.0), min_size=1, max_size=20)):
        took = compute.advance(np.array([tries, tries]))
        end = walk(steps, now, tries)
        assert took[0] == pytest.approx(end - now, rel=1e-9, abs=1e-9)
        assert took[1] == pytest.approx(tries / 7.0, abs=1e-9)
        now = end


def walk(steps: Steps, now: float, tries: float) -> float:
    while True:
        number = int(np.searchsorted(steps.times, now, side="right")) - 1
        end = steps.times[number + 1] if number + 1 < len(steps.times) else math.inf
        if tries <= (end - now) * steps.values[number]:
            return float(now + tries / steps.values[number])
        tries -= (end - now) * steps.values[number]
        now = end


def test_controllers_share_their_luck_and_curves_too() -> None:
    """Under `fixed` the same work takes the same time; a longer race begins as the shorter one."""
    walk = {"kind": "random_walk", "every": "1 h"}
    one, other = race("fixed", walk), race("schedule", walk, steps=[{"epoch": 10**6, "difficulty": 1.0}])
    assert np.array_equal(one.time_ratio, other.time_ratio)
    longer = race("fixed", walk, replace(SETUP, n_decisions=500))
    assert np.array_equal(longer.time_ratio[:300], one.time_ratio)
    wider = race("fixed", walk, replace(SETUP, n_replications=6))
    assert np.array_equal(wider.time_ratio[:, :4], one.time_ratio)
    assert not np.array_equal(race("fixed", walk, replace(SETUP, seed=2)).time_ratio, one.time_ratio)
    assert len(np.unique(one.ideal[-1])) == 4  # every replication has its own path


@pytest.mark.parametrize("quota", [1, 20])
def test_work_of_a_quota_is_gamma(quota: int) -> None:
    """Mean q and variance q, 5 standard errors; the rows go on across the block that is drawn at once."""
    setup = replace(SETUP, quota=quota, n_decisions=5000, n_replications=8)
    work = draw_work(setup)
    rows = np.array([next(work) for _ in range(5000)])
    n = rows.size
    assert rows.mean() == pytest.approx(quota, abs=5 * math.sqrt(quota / n))
    assert rows.var() == pytest.approx(quota, rel=5 * math.sqrt((2 + 6 / quota) / n))
    assert len(np.unique(rows)) == n


def test_fixed_intervals_are_exponential() -> None:
    found = race("fixed", setup=replace(SETUP, n_decisions=4000))
    assert np.sort(found.time_ratio.ravel())[8000] == pytest.approx(math.log(2), rel=0.05)
    assert np.all(found.difficulty == 100.0 * 600.0)
    assert np.array_equal(found.ideal, found.difficulty)


def test_difficulty_cannot_run_away() -> None:
    """An unstable rule stays within a factor 10¹² of the first difficulty: numbers, not errors."""
    found = race("pid", k_p=3.0, k_i=5.0, max_step=1000.0)
    assert np.isfinite(found.time_ratio).all()
    assert found.difficulty.max() <= 6e4 * 1e12
    assert found.difficulty.min() >= 6e4 / 1.001e12
