"""Measures of races by hand, and what the theory of averages says of them."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sim.difficulty import controllers
from sim.difficulty.matching import match_noise
from sim.economy import curves
from sim.economy.base import Steps
from sim.race.measures import (
    RACE_MEASURES,
    compute_quantiles,
    find_step,
    follow,
    leave_out_step,
    measure_noise,
    measure_race,
    measure_step,
)
from sim.race.memory import compute_warm_up
from sim.race.rig import Race, Setup, lay_out, run_race

SETUP = Setup(10.0, n_decisions=4, n_replications=2)
CONSTANT = [Steps(np.array([0.0]), np.array([5.0]))] * 2


def column(*values: float) -> np.ndarray:
    return np.array([values, values]).T


def test_measures_by_hand() -> None:
    race = Race(column(1, 2, 4, 2), column(2, 2, 2, 2), column(0.5, 1.0, 3.0, 1.5), column(1, 2, 6, 3))
    found = measure_race(race, CONSTANT, None, SETUP)
    assert found["mean_interval"].tolist() == [1.5, 1.5]
    assert found["interval_sd"][0] == pytest.approx(np.std([0.5, 1.0, 3.0, 1.5], ddof=1))
    assert found["worst_wait"].tolist() == [3.0, 3.0]
    assert found["interval_p95"][0] == pytest.approx(1.5 + 0.85 * 1.5)
    # sorted: 0.5, 1, 1.5, 3; the p-th percentile stands at position 3 p / 100 from 0
    assert found["interval_p05"].tolist() == pytest.approx([0.5 + 0.15 * 0.5] * 2)
    assert found["interval_p50"].tolist() == [1.25, 1.25]
    assert found["noise"].tolist() == [0.0, 0.0]  # both races are alike
    assert found["tracking_error"][0] == pytest.approx(math.log(2) * 3.5 / 6.0)
    without = {"settling", "overshoot", "compute_swing", "manipulation_gain", "manipulation_bias"}
    assert set(found) == set(RACE_MEASURES) - without
    assert "noise" not in measure_race(race, [Steps(np.array([0.0, 1.0]), np.array([1.0, 2.0]))] * 2, None, SETUP)


def test_measures_until_a_horizon_by_hand() -> None:
    """The first race ends in its third interval, of which one half lies inside; the second one in its second."""
    times = np.array([[0.5, 2.0], [1.0, 3.0], [2.0, 1.0], [9.0, 1.0]])
    difficulty = np.array([[1.0, 2.0], [2.0, 4.0], [4.0, 9.0], [9.0, 9.0]])
    race = Race(difficulty, np.full((4, 2), 2.0), times, times * difficulty, horizon=2.5)
    found = measure_race(race, CONSTANT, None, SETUP)
    assert found["decisions"].tolist() == [3.0, 2.0]
    assert found["lasted"] == pytest.approx([2.5 * 10.0 / 86_400] * 2)
    assert found["mean_interval"].tolist() == [3.5 / 3, 2.5]
    assert found["interval_sd"] == pytest.approx([np.std([0.5, 1.0, 2.0], ddof=1), np.std([2.0, 3.0], ddof=1)])
    assert found["worst_wait"].tolist() == [2.0, 3.0]
    assert found["interval_p50"].tolist() == [1.0, 2.5]
    assert found["interval_p05"] == pytest.approx([0.55, 2.05])
    log = math.log(2)
    assert found["tracking_error"] == pytest.approx([log * (0.5 + 1.0) / 2.5, log * 0.5 / 2.5])
    # at a decision: only the first two are in both races
    assert found["noise"].mean() == pytest.approx(log / math.sqrt(2))
    followed = follow(race, difficulty, SETUP, np.array([0.0, 6.0, 16.0, 24.0, 36.0]))
    assert followed[:4].tolist() == [[1.0, 2.0], [2.0, 2.0], [4.0, 2.0], [4.0, 4.0]]
    assert np.isnan(followed[4, 0])


def test_a_single_interval_has_no_spread() -> None:
    race = Race(*[column(1.0, 1.0)] * 4, horizon=0.5)
    found = measure_race(race, CONSTANT, None, SETUP)
    assert np.isnan(found["interval_sd"]).all()
    assert found["interval_p95"].tolist() == [1.0, 1.0]


def test_quantiles_leave_out_what_is_none() -> None:
    values = np.array([[3.0, 1.0, np.inf, 2.0], [5.0, np.inf, np.inf, np.inf]])
    low, median = compute_quantiles(values, (0.25, 0.5))
    assert low.tolist() == [1.5, 5.0]
    assert median.tolist() == [2.0, 5.0]
    assert compute_quantiles(values[:1, [0, 1, 3]], (0.1,))[0] == np.quantile([3.0, 1.0, 2.0], 0.1)


def test_a_step_is_settled_within_the_horizon() -> None:
    """What comes after it neither settles nor unsettles: here the answer leaves the band once more, too late."""
    errors = np.concatenate([np.zeros(10), [-0.69, -0.4], np.zeros(12), [-0.9] * 3])
    steps = [Steps(np.array([0.0, 100.0]), np.array([1.0, 2.0]))] * 2
    race = Race(column(*np.exp(errors)), *[column(*[1.0] * 27)] * 3, horizon=24.0)
    reference = replace(race, difficulty=np.ones((27, 2)), horizon=math.inf)
    settling, _ = measure_step(race, steps, reference, SETUP)
    assert settling.tolist() == [2.0, 2.0]
    settling, _ = measure_step(replace(race, horizon=math.inf), steps, reference, SETUP)
    assert np.isnan(settling).all()


def test_rounding_is_no_measure() -> None:
    """A steady host loses nothing under constant compute, and not 1e-15."""
    setup = replace(SETUP, n_decisions=200)
    controller = controllers.build({"kind": "ema", "target": {"valid_nonces_per_epoch": 1}})
    steps = lay_out(curves.build("constant"), setup)
    assert measure_race(run_race(controller, steps, setup), steps, None, setup)["steady_loss"].tolist() == [0.0, 0.0]


def test_noise_by_hand() -> None:
    """Three races, two decisions: variances 1 and 4 over the races, so that s² = 2.5; a drift of all is none."""
    errors = np.array([[0.0, 1.0, 2.0], [10.0, 14.0, 12.0]])
    shares = measure_noise(errors)
    assert shares.mean() == pytest.approx(math.sqrt(2.5))
    own = 1.5 * np.array([(1.0 + 4.0) / 2, (0.0 + 4.0) / 2, (1.0 + 0.0) / 2])
    assert shares == pytest.approx((math.sqrt(2.5) + own / math.sqrt(2.5)) / 2)
    assert measure_noise(np.ones((5, 3))).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(("kind", "parameters"), [("asert", {"half_life": 83.0}), ("sma", {"window": 1000})])
def test_noise_of_a_memory_that_is_long_beside_the_race(kind: str, parameters: dict[str, Any]) -> None:
    """800 decisions: the scatter within a race is 19 and 35 % too low. Theory: √(a / 2), a = ln 2 / 83, and 1 / √1000,
    with 200 races within 15 %, 3 standard errors of the second."""
    controller = controllers.build({"kind": kind, **parameters, "target": {"valid_nonces_per_epoch": 1}})
    setup = Setup(600.0, n_decisions=800, n_replications=200, warm_up=compute_warm_up(controller, 1))
    steps = lay_out(curves.build("constant"), setup)
    race = run_race(controller, steps, setup)
    expected = {"asert": math.sqrt(math.log(2) / 83 / 2), "sma": 1 / math.sqrt(1000)}[kind]
    assert measure_race(race, steps, None, setup)["noise"].mean() == pytest.approx(expected, rel=0.15)
    assert np.log(race.difficulty / race.ideal).std(axis=0, ddof=1).mean() < 0.85 * expected


def test_percentiles_of_a_difficulty_that_is_always_right() -> None:
    """Intervals of one nonce are exponential: the p-th percentile is -ln(1 - p)."""
    setup = Setup(60.0, n_decisions=4000, n_replications=40)
    steps = lay_out(curves.build("constant"), setup)
    found = measure_race(run_race(controllers.build("fixed"), steps, setup), steps, None, setup)
    for name, p in (("interval_p05", 0.05), ("interval_p50", 0.5), ("interval_p95", 0.95)):
        assert found[name].mean() == pytest.approx(-math.log(1.0 - p), rel=0.02)


def answer_step(errors: list[float], factor: float) -> tuple[float, float]:
    """Settling and overshoot where a step comes after ten decisions, and the reference has noise of its own."""
    n, noise = 10 + len(errors), np.random.default_rng(1).normal(0, 0.3, 10 + len(errors))
    steps = [Steps(np.array([0.0, 100.0]), np.array([1.0, factor]))] * 2
    race = Race(column(*np.exp(noise + np.concatenate([np.zeros(10), errors]))), *[column(*[1.0] * n)] * 3)
    reference = replace(race, difficulty=column(*np.exp(noise)))
    settling, overshoot = measure_step(race, steps, reference, SETUP)
    assert settling[0] == settling[1] or math.isnan(settling[0])
    return float(settling[0]), float(overshoot[0])


def test_settling_and_overshoot_by_hand() -> None:
    down = [-0.69, -0.4, -0.2, -0.05]
    assert answer_step([*down, *[0.0] * 10], 2.0) == (3.0, 0.0)
    settling, overshoot = answer_step([*down, 0.2, 0.08, *[0.0] * 10], 2.0)
    assert (settling, overshoot) == (5.0, pytest.approx(math.expm1(0.2)))
    settling, overshoot = answer_step([0.69, 0.3, -0.15, *[0.0] * 10], 0.5)
    assert (settling, overshoot) == (3.0, pytest.approx(math.expm1(0.15)))
    assert answer_step([0.0] * 12, 1.05) == (0.0, 0.0)
    assert math.isnan(answer_step([-0.69] * 12, 2.0)[0])
    assert all(math.isnan(value) for value in answer_step([0.0] * 9, 2.0))


def test_only_one_common_change_is_a_step() -> None:
    assert find_step(lay_out(curves.build({"kind": "step", "time": "50 s", "factor": 3.0}), SETUP)) == (50.0, 3.0)
    for kind in ("constant", "ramp", "sine", "on_off", "random_walk"):
        assert find_step(lay_out(curves.build(kind), replace(SETUP, spacing_seconds=1e5))) is None
    one, other = (Steps(np.array([0.0, time]), np.array([1.0, 2.0])) for time in (5.0, 6.0))
    assert find_step([one, other]) is None
    assert leave_out_step([one])[0].values.tolist() == [1.0]


def test_follow_by_hand() -> None:
    values, times = np.array([[1.0, 2.0], [3.0, 2.0]]), np.array([[1.0, 2.0], [1.0, 2.0]])
    race = Race(values, values, times, values)
    found = follow(race, values, SETUP, np.array([0.0, 9.9, 10.0, 19.9, 20.0, 39.0]))
    assert found[:, 0].tolist()[:4] == [1.0, 1.0, 3.0, 3.0]
    assert np.isnan(found[4:, 0]).all()
    assert found[:, 1].tolist() == [2.0, 2.0, 2.0, 2.0, 2.0, 2.0]


@pytest.mark.parametrize("kind", ["sma", "lwma", "epoch_average", "ema", "wtema", "asert", "kalman"])
@pytest.mark.parametrize("n_averaged", [2, 40])
def test_matched_controllers_are_equally_quiet(kind: str, n_averaged: int) -> None:
    """sd of ln difficulty = 1 / √(N · quota); quotas of 50, for which logarithms are as good as normal."""
    quota = 50
    name, value = match_noise(kind, n_averaged, quota) or ("", 0)
    setup = Setup(60.0, n_decisions=3000, n_replications=40, quota=quota)
    controller = controllers.build({"kind": kind, name: value, "target": {"valid_nonces_per_epoch": quota}})
    steps = lay_out(curves.build("constant"), setup)
    found = measure_race(run_race(controller, steps, setup), steps, None, setup)["noise"].mean()
    # lwma's window is a whole number: 2 intervals are worth 1.8 or 2.57
    assert found * math.sqrt(n_averaged * quota) == pytest.approx(1.0, rel=0.04 if n_averaged > 2 else 0.08)


def test_controllers_without_one_memory_are_left_alone() -> None:
    assert all(match_noise(kind, 20, 1) is None for kind in ("fixed", "schedule", "pid", "digishield", "proportional"))


@pytest.mark.parametrize(("kind", "parameters"), [("sma", {"window": 20}), ("ema", {"lifetime": 10.0})])
def test_a_step_is_answered_in_the_time_that_the_law_says(kind: str, parameters: dict[str, Any]) -> None:
    """Compute doubles: an average over 20 knows all after 20 and is within 10 % shortly before; the error of an
    exponential one falls from 1/2 to 1/11 in τ · ln 5.5 wanted intervals, of which it makes up to two each."""
    setup = Setup(60.0, n_decisions=300, n_replications=100, quota=50)
    controller = controllers.build({"kind": kind, **parameters, "target": {"valid_nonces_per_epoch": 50}})
    steps = lay_out(curves.build({"kind": "step", "factor": 2.0, "time": "5 d"}), setup)
    reference = run_race(controller, leave_out_step(steps), setup)
    settling, _ = measure_step(run_race(controller, steps, setup), steps, reference, setup)
    expected = {"sma": (14, 21), "ema": (18, 32)}[kind]
    assert expected[0] < settling.mean() < expected[1]


def test_incomes_by_hand() -> None:
    """Two intervals: 10 nonces/s for 1 wanted interval, then 40 for 1/2. A host of 1 finds 1/10 of a nonce and 1/40; in
    an even stream its shares last 1 and 1/2 of 3/4 wanted intervals each."""
    tries = column(10 * 1.0, 40 * 0.5)
    race = Race(column(10, 20), column(10, 40), column(1.0, 0.5), tries)
    found = measure_race(race, CONSTANT, None, replace(SETUP, small_host=0.1))
    evenly = (0.1 * 1.0 + 0.025 * 0.5) / 0.75
    assert found["steady_loss"] == pytest.approx([1 - 0.125 / evenly] * 2)
    assert found["small_host_sd"] == pytest.approx([math.sqrt(0.1 * 0.9 + 0.025 * 0.975) / 0.125] * 2)
    quota = measure_race(replace(race, tries=4 * tries), CONSTANT, None, replace(SETUP, small_host=0.1, quota=4))
    assert quota["steady_loss"] == pytest.approx(found["steady_loss"])
    assert quota["small_host_sd"] == pytest.approx(found["small_host_sd"] / 2)


def test_no_host_is_steady_while_there_is_no_compute() -> None:
    steps = lay_out(curves.build({"kind": "on_off", "factor": 0.0, "period": "100 s"}), SETUP)
    found = measure_race(run_race(controllers.build("fixed"), steps, SETUP), steps, None, SETUP)
    assert {"steady_loss", "small_host_sd"}.isdisjoint(found)
    assert np.isfinite(list(found.values())).all()


def test_small_hosts_scatter_as_told() -> None:
    """Thinning by hand: nonces of a host with 5 % in 4 000 replays of one path; sd within 4 standard errors."""
    setup = replace(SETUP, n_decisions=300, quota=3, small_host=0.05)
    controller = controllers.build({"kind": "sma", "window": 20, "target": {"valid_nonces_per_epoch": 3}})
    steps = lay_out(curves.build({"kind": "on_off", "period": "3000 s"}), setup)
    race = run_race(controller, steps, setup)
    shares = 0.05 * race.ideal[0, 0] * 3 * race.time_ratio[:, 0] / race.tries[:, 0]
    incomes = np.random.default_rng(1).binomial(3, shares, (4000, 300)).sum(axis=1)
    expected = measure_race(race, steps, None, setup)["small_host_sd"][0]
    assert incomes.std() / incomes.mean() == pytest.approx(expected, rel=4 / math.sqrt(8000))


def test_nobody_loses_to_constant_compute() -> None:
    setup = replace(SETUP, n_decisions=200)
    controller = controllers.build({"kind": "ema", "target": {"valid_nonces_per_epoch": 1}})
    steps = lay_out(curves.build("constant"), setup)
    assert measure_race(run_race(controller, steps, setup), steps, None, setup)["steady_loss"] == pytest.approx(0.0)


def test_compute_swing_by_hand() -> None:
    market = [curves.build("profit_driven").lay_out(1000.0, np.random.default_rng(1))] * 2
    race = Race(column(1, 1), column(1, math.e), column(1.0, 3.0), column(1, 1))
    assert measure_race(race, market, None, SETUP)["compute_swing"] == pytest.approx([math.sqrt(3 / 16)] * 2)
