"""The race rig: exact times, twins beside the plug-ins, common random numbers."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sim.difficulty import controllers
from sim.economy import curves
from sim.economy.base import Steps
from sim.protocol.state import EpochObservation
from sim.race.compute import Compute
from sim.race.rig import Race, Setup, draw_work, lay_out, run_race
from sim.race.rules import N_BEFORE, TWINS, ReadableRule, Start, make_rule
from sim.race.windows import RankedSum, RunningSum

UNCONTROLLED = ("fixed", "schedule")
SETUP = Setup(600.0, n_decisions=300, n_replications=4, warm_up=20)


def build(kind: str, quota: int = 1, **parameters: Any) -> Any:
    target = {} if kind in UNCONTROLLED else {"target": {"valid_nonces_per_epoch": quota}}
    return controllers.build({"kind": kind, **parameters, **target})


def race(kind: str, curve: Any = "constant", setup: Setup = SETUP, **parameters: Any) -> Race:
    return run_race(build(kind, setup.quota, **parameters), lay_out(curves.build(curve), setup), setup)


PARAMETERS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "fixed": {},
    "proportional": {"max_step": st.floats(1.01, 50.0)},
    "ema": {"lifetime": st.floats(0.2, 300.0)},
    "wtema": {"lifetime": st.floats(1.01, 300.0)},
    "asert": {"half_life": st.floats(0.1, 300.0)},
    "pid": {"k_p": st.floats(-1, 1), "k_i": st.floats(0, 2), "k_d": st.floats(-1, 1), "max_step": st.floats(1.1, 9)},
    "kalman": {"drift": st.floats(0.001, 2.0)},
    "epoch_average": {"period": st.integers(1, 300), "max_step": st.floats(1.01, 9)},
    "sma": {"window": st.integers(1, 300)},
    "lwma": {"window": st.integers(1, 300)},
    "digishield": {
        "window": st.integers(1, 300),
        "damping": st.floats(1.0, 9.0),
        "max_rise": st.floats(0.05, 0.9),
        "max_fall": st.floats(0.05, 3.0),
    },
    "coefficient": {
        "low": st.floats(0.01, 1.0),
        "high": st.floats(1.0, 50.0),
        "zone": st.floats(0.0, 0.9),
        "step_floor": st.floats(0.001, 0.3),
        "step_ceiling": st.floats(0.001, 0.3),
        "bootstrap_ceiling": st.floats(0.01, 0.9),
        "bootstrap_share": st.floats(0.0, 0.9),
    },
}
CASES = st.sampled_from(sorted(PARAMETERS)).flatmap(
    lambda kind: st.tuples(st.just(kind), st.fixed_dictionaries(PARAMETERS[kind]))
)


@settings(deadline=None, max_examples=120)
@given(CASES, st.integers(1, 50), st.integers(0, 2**32), st.floats(0.05, 3.0))
def test_twins_decide_as_the_plugins_do(
    case: tuple[str, dict[str, Any]], quota: int, seed: int, scatter: float
) -> None:
    """On one history of arbitrary difficulties and times, every decision of both is the same to 1e-9."""
    kind, parameters = case
    generator = np.random.default_rng(seed)
    difficulties = 1e5 * np.exp(scatter * generator.standard_normal((60, 2)))
    times = generator.standard_gamma(quota, (60, 2)) / quota + 1e-9
    start, controller = Start(np.array([1e5, 3e4]), quota, 1), build(kind, quota, **parameters)
    twin, readable = make_rule(controller, start), ReadableRule(controller, start)
    assert type(twin) is not ReadableRule
    for difficulty, time in zip(difficulties, times, strict=True):
        assert twin.decide(difficulty, time) == pytest.approx(readable.decide(difficulty, time), rel=1e-9)


def test_every_registered_controller_has_a_twin_or_says_why_not() -> None:
    without = {name for name in controllers.names() if controllers.get(name) not in TWINS}
    assert without == {"schedule"}  # decided beforehand: nothing to compute
    assert set(PARAMETERS) == set(controllers.names()) - without


@pytest.mark.parametrize("kind", ["asert", "wtema", "ema", "kalman", "sma", "lwma", "digishield", "epoch_average"])
def test_whole_races_agree(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closed loop, stable parameters: rounding does not grow."""
    fast = race(kind, {"kind": "step", "time": "1 d"})
    monkeypatch.setattr("sim.race.rules.TWINS", {})
    readable = race(kind, {"kind": "step", "time": "1 d"})
    assert fast.difficulty == pytest.approx(readable.difficulty, rel=1e-9)
    assert fast.time_ratio == pytest.approx(readable.time_ratio, rel=1e-8)


def test_coefficient_meets_the_median_of_single_blocks() -> None:
    """Steps alike up and down: half of the blocks are late. Their mean is 1 / ln 2 of it; ± 3 % by its own swings."""
    setup = replace(SETUP, n_decisions=3000, n_replications=60, warm_up=500)
    found = race("coefficient", setup=setup, zone=0.0, step_ceiling=0.01, bootstrap_ceiling=0.01)
    assert np.mean(found.time_ratio > 1.0) == pytest.approx(0.5, abs=0.01)
    assert found.time_ratio.mean() == pytest.approx(1.0 / math.log(2.0), rel=0.03)


@dataclass(frozen=True)
class Halving:
    """A plug-in without twin: half the last difficulty, and the first one again every third interval."""

    @property
    def target(self) -> None:
        return None

    def next_difficulty(self, history: Any) -> float:
        last: EpochObservation = history[-1]
        return history[0].difficulty if last.epoch_index % 3 == 0 else last.difficulty / 2


def test_a_plugin_without_twin_runs() -> None:
    steps = lay_out(curves.build("constant"), SETUP)
    found = run_race(Halving(), steps, replace(SETUP, warm_up=0))
    assert found.difficulty[:5, 0].tolist() == [6e4, 3e4, 1.5e4, 6e4, 3e4]


def test_schedule_counts_recorded_intervals_from_one() -> None:
    found = race("schedule", steps=[{"epoch": 3, "difficulty": 50.0}])
    assert found.difficulty[:4, 1].tolist() == [6e4, 6e4, 50.0, 50.0]


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.01, 50), st.floats(0.01, 100)), min_size=1, max_size=12), st.data())
def test_times_are_exact(parts: list[tuple[float, float]], data: st.DataObject) -> None:
    """A second implementation: walk along the steps, and use up the work."""
    times = np.concatenate([[0.0], np.cumsum([length for length, _ in parts])[:-1]])
    steps = Steps(times, np.array([value for _, value in parts]))
    compute, now = Compute([steps, Steps(np.array([0.0]), np.array([7.0]))]), 0.0
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


@pytest.mark.parametrize("cls", [RunningSum, RankedSum])
@pytest.mark.parametrize(("window", "n_before"), [(1, 5), (7, 3), (7, 20), (300, N_BEFORE)])
def test_running_sums_do_not_drift(cls: Any, window: int, n_before: int) -> None:
    """Against plain sums, with rows that differ by a factor 10¹⁶."""
    generator = np.random.default_rng(1)
    ring = cls(window, np.full(3, 2.0), n_before)
    rows: list[NDArray[np.float64]] = [np.full(3, 2.0)] * n_before
    for _ in range(1000):
        rows.append(10.0 ** generator.uniform(-8, 8, 3))
        seen = np.array(rows[-window:])
        ranks = np.arange(1, len(seen) + 1) if cls is RankedSum else np.ones(len(seen))
        assert ring.push(rows[-1]) == pytest.approx(ranks @ seen, rel=1e-9)


def test_difficulty_cannot_run_away() -> None:
    """An unstable rule stays within a factor 10¹² of the first difficulty: numbers, not errors."""
    found = race("pid", k_p=3.0, k_i=5.0, max_step=1000.0)
    assert np.isfinite(found.time_ratio).all()
    assert found.difficulty.max() <= 6e4 * 1e12
    assert found.difficulty.min() >= 6e4 / 1.001e12
