"""What each controller's docstring claims: its steady state, its noise, its stability limit.

The plant is the simplest one: an epoch finds tries / difficulty nonces, exactly or with Poisson noise.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.difficulty import controllers
from sim.difficulty.base import Interval, replay
from sim.difficulty.waiting import get_waiting_law

WANTED = 1000
TARGET = {"valid_nonces_per_epoch": WANTED}
CONTROLLED = [
    {"kind": "sma", "window": 5},
    {"kind": "lwma", "window": 5},
    {"kind": "ema", "lifetime": 3.0},
    {"kind": "wtema", "lifetime": 3.0},
    {"kind": "asert", "half_life": 2.0},
    {"kind": "epoch_average", "period": 2},
    {"kind": "digishield", "window": 3},
    {"kind": "pid"},
    {"kind": "kalman"},
    {"kind": "proportional"},
]


def build(spec: dict[str, Any]) -> Any:
    return controllers.build({**spec, "target": TARGET})


def make_epoch(index: int, difficulty: float, found: int, wanted: int = WANTED) -> Interval:
    """An epoch that found so many nonces, in the time that an epoch takes."""
    return Interval(difficulty, found / wanted, max(found, 0.5) / wanted, 1.0, max(found, 0.5), index)


def make_quota(index: int, difficulty: float, time: float) -> Interval:
    """An interval that found what is wanted, in so many times the wanted time."""
    return Interval(difficulty, 1.0, 1.0, time, WANTED, index)


def follow(controller: Any, tries: Callable[[int], float], n: int, start: float, draw: Any = round) -> np.ndarray:
    """Difficulty in force in each of n epochs."""
    state, difficulty, in_force, wanted = None, start, [], controller.target.valid_nonces_per_epoch
    for epoch in range(1, n + 1):
        seen = make_epoch(epoch, difficulty, int(draw(tries(epoch) / difficulty)), wanted)
        in_force.append(difficulty)
        state, difficulty = controller.decide(controller.start(seen) if epoch == 1 else state, seen)
    return np.array(in_force)


def decide(spec: dict[str, Any], *intervals: Interval) -> Any:
    """The last decision."""
    return replay(build(spec), intervals)[-1]


@pytest.mark.parametrize("spec", CONTROLLED, ids=lambda spec: spec["kind"])
@pytest.mark.parametrize("factor", [0.2, 5.0])
def test_a_step_in_compute_is_answered_in_full(spec: dict[str, Any], factor: float) -> None:
    found = follow(build(spec), lambda epoch: 2e6 * (factor if epoch > 20 else 1.0), 120, start=2000.0)
    assert found[19] == pytest.approx(2000.0, rel=0.002)
    assert found[-1] == pytest.approx(2000.0 * factor, rel=0.01)


@pytest.mark.parametrize("spec", CONTROLLED, ids=lambda spec: spec["kind"])
@pytest.mark.parametrize("factor", [0.2, 5.0])
def test_a_step_is_answered_through_times_as_through_counts(spec: dict[str, Any], factor: float) -> None:
    """A quota per interval instead of a time: each finds what is wanted, in a time that the difficulty decides."""
    controller, state, difficulty = build(spec), None, 2000.0
    for index in range(1, 121):
        if index == 20:
            assert difficulty == pytest.approx(2000.0)
        seen = make_quota(index, difficulty, WANTED * difficulty / (2e6 * (factor if index > 20 else 1.0)))
        state, difficulty = controller.decide(controller.start(seen) if index == 1 else state, seen)
    assert difficulty == pytest.approx(2000.0 * factor, rel=0.01)


def test_times_by_hand() -> None:
    """Two intervals, D = 100 and 200, each with what is wanted, in 1/2 and in 3/2 of the wanted time."""
    seen = [make_quota(1, 100.0, 0.5), make_quota(2, 200.0, 1.5)]
    kept = math.exp(-1.5 / 3.0)
    expected: list[tuple[dict[str, Any], float]] = [
        ({"kind": "sma"}, (100 + 200) / (0.5 + 1.5)),
        ({"kind": "lwma"}, (100 + 2 * 200) / (0.5 + 2 * 1.5)),
        ({"kind": "ema", "lifetime": 3.0}, 200 * kept + 200 / 1.5 * (1 - kept)),
        ({"kind": "wtema", "lifetime": 5.0}, 200 / (1 + 0.5 / 5)),
        ({"kind": "asert", "half_life": 1.0}, 100.0),
        ({"kind": "epoch_average", "period": 2}, 200.0),
        ({"kind": "proportional"}, 200 / 1.5),
        ({"kind": "pid", "k_p": 0.0, "k_i": 0.5}, 200 / math.sqrt(1.5)),
    ]
    for spec, difficulty in expected:
        assert decide(spec, *seen) == pytest.approx(difficulty), spec


def test_asert_forgets_a_false_timestamp() -> None:
    controller = build({"kind": "asert"})
    times = [0.7, 1.2, 0.4, 2.0, 0.9]
    false = [0.7, 1.2 + 5.0, 0.4 - 5.0, 2.0, 0.9]
    decided, misled = (
        replay(controller, [make_quota(number, 50.0, time) for number, time in enumerate(each, 1)])
        for each in (times, false)
    )
    assert misled[1] < decided[1] / 2
    assert misled[2:] == pytest.approx(decided[2:], rel=1e-12)


def scatter(spec: dict[str, Any], n: int = 4000) -> float:
    """Relative standard deviation of the difficulty under constant compute, Poisson counts."""
    generator = np.random.default_rng(5)
    found = follow(build(spec), lambda epoch: 1e6, n, start=1000.0, draw=generator.poisson)[200:]
    return float(found.std() / found.mean())


@pytest.mark.parametrize("window", [1, 4, 16])
def test_noise_of_averages(window: int) -> None:
    """σ(D)/D as the docstrings say, for 3 800 epochs: ± 12 % is more than 3 standard errors for 16 epochs of memory."""
    expected = 1 / math.sqrt(window * WANTED)
    assert scatter({"kind": "sma", "window": window}) == pytest.approx(expected, rel=0.12)
    lifetime = 1 / math.log((window + 1) / (window - 1)) if window > 1 else 0.01  # an average that is as quiet
    assert scatter({"kind": "ema", "lifetime": lifetime}, n=1500) == pytest.approx(expected, rel=0.2)
    linear = math.sqrt((4 * window + 2) / (3 * window * (window + 1)) / WANTED)
    assert scatter({"kind": "lwma", "window": window}) == pytest.approx(linear, rel=0.12)
    assert scatter({"kind": "epoch_average", "period": window}) == pytest.approx(expected, rel=0.2)


@pytest.mark.parametrize("k_p", [-0.5, 0.0, 0.5])
def test_stability_limit_of_pid(k_p: float) -> None:
    """k_i + 2 k_p < 2 (Jury): a tenth below is stable, a tenth above is not."""
    limit = 2 - 2 * k_p
    options = {"kind": "pid", "k_p": k_p, "max_step": 1000.0}
    assert decays({**options, "k_i": limit - 0.1})
    assert not decays({**options, "k_i": limit + 0.1})


def decays(spec: dict[str, Any]) -> bool:
    """Whether an error of 1 % dies out; large counts, so that rounding does not matter."""
    controller = controllers.build({**spec, "target": {"valid_nonces_per_epoch": 10**9}})
    found = follow(controller, lambda epoch: 1e12, 200, start=1010.0)
    return bool(np.abs(found[-20:] / 1000.0 - 1).max() < 0.005)


def test_stability_limit_of_asert() -> None:
    assert decays({"kind": "asert", "half_life": 0.36})
    assert not decays({"kind": "asert", "half_life": 0.33})


def test_asert_forgets_the_order_of_luck() -> None:
    spec = {"kind": "asert"}
    counts = [400, 1700, 900, 1200]
    decided = {
        decide(spec, *[make_epoch(epoch, 50.0, found) for epoch, found in enumerate(order, 1)])
        for order in (counts, counts[::-1], [counts[i] for i in (2, 0, 3, 1)])
    }
    assert max(decided) == pytest.approx(min(decided), rel=1e-12)
    assert decide(spec, make_epoch(1, 50.0, 500), make_epoch(2, 50.0, 1500)) == 50.0


def test_asert_near_the_setpoint_is_wtema() -> None:
    """Lifetime = half-life / ln 2 to first order of the error."""
    seen = make_epoch(1, 50.0, WANTED + 10)
    scheduled = decide({"kind": "asert", "half_life": 3.0}, seen)
    moved = decide({"kind": "wtema", "lifetime": 3.0 / math.log(2)}, seen)
    assert scheduled / 50.0 - 1 == pytest.approx(moved / 50.0 - 1, rel=0.01)


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=30), st.floats(1.5, 20.0))
def test_wtema_is_ema_started_from_the_difficulty_in_force(counts: list[int], lifetime: float) -> None:
    """Two recursions for one average: an independent second implementation of both."""
    wtema = build({"kind": "wtema", "lifetime": lifetime})
    seen = [make_epoch(0, 1000.0, WANTED)]  # an epoch that met the setpoint: its ideal is D₀
    difficulty = 1000.0
    for epoch, count in enumerate(counts, 1):
        seen.append(make_epoch(epoch, difficulty, count))
        _, difficulty = wtema.decide(None, seen[-1])
    continuous = -1 / math.log1p(-1 / lifetime)  # e^(-1/τ) = 1 - 1/lifetime
    assert decide({"kind": "ema", "lifetime": continuous}, *seen) == pytest.approx(difficulty)


def test_digishield_by_hand() -> None:
    """Two epochs of 1 500 found for 1 000 wanted: t = 2/3, damped 11/12, within its bounds."""
    mean = 2 / (1 / 100 + 1 / 200)
    found = decide({"kind": "digishield"}, make_epoch(1, 100.0, 1500), make_epoch(2, 200.0, 1500))
    assert found == pytest.approx(mean * 12 / 11)
    flood, drought = (decide({"kind": "digishield", "damping": 1.0}, make_epoch(1, 100.0, n)) for n in (10**6, 0))
    assert (flood, drought) == pytest.approx((100 / 0.84, 100 / 1.32))


def test_kalman_gain_settles_where_theory_says() -> None:
    """Steady state: gain² / (1 - gain) = drift² · found."""
    drift = 0.05
    steady = [make_epoch(epoch, 1000.0, WANTED) for epoch in range(1, 200)]
    decided = decide({"kind": "kalman", "drift": drift}, *steady, make_epoch(200, 1000.0, WANTED + 10))
    moved = math.log(decided / 1000.0) / math.log(1.01)
    ratio = drift**2 * WANTED
    assert moved == pytest.approx((-ratio + math.sqrt(ratio**2 + 4 * ratio)) / 2, rel=0.005)


def test_coefficient_by_hand() -> None:
    """Mechanisms 1.2: 5 % down at once, down again, a reversal halves, rest, then 5 % up; twice nothing: 10, 20 %."""
    seen = [make_epoch(epoch, 50.0, found) for epoch, found in enumerate([1200, 1051, 949, 1050, 800, 0, 0], 1)]
    coefficients = [50.0 / decided for decided in replay(build({"kind": "coefficient"}), seen)]
    steps = [coefficients[0], *(after / before for before, after in itertools.pairwise(coefficients))]
    assert steps == pytest.approx([0.95, 0.95, 1.025, 1.0, 1.05, 1.1, 1.2], rel=1e-12)


def test_coefficient_rests_within_its_zone_after_a_step() -> None:
    """Twice the compute: 14 steps of 5 % (0.95^14 = 0.488), then it stands still; as much back."""
    controller = build({"kind": "coefficient"})
    found = follow(controller, lambda epoch: 2e6 * (2.0 if 20 < epoch <= 60 else 1.0), 120, start=2000.0)
    assert set(found[:21]) == {2000.0}
    assert 2e6 * 2 / found[59] == pytest.approx(WANTED, rel=0.05)
    assert set(found[40:60]) == {found[59]}
    assert 2e6 / found[-1] == pytest.approx(WANTED, rel=0.05)
    moves = np.flatnonzero(np.diff(found[20:60]))
    assert list(moves) == list(range(13))


@pytest.mark.parametrize("factor", [0.01, 100.0])
def test_coefficient_stops_at_its_corridor(factor: float) -> None:
    controller = build({"kind": "coefficient", "low": 0.5, "high": 3.0})
    found = follow(controller, lambda epoch: 2e6 * factor, 60, start=2000.0)
    assert found[-1] == pytest.approx(2000.0 / (0.5 if factor > 1 else 3.0))


def test_coefficient_without_zone_circles_by_its_floor() -> None:
    """So many nonces that their number is never exactly what is wanted."""
    spec = {"kind": "coefficient", "zone": 0.0, "target": {"valid_nonces_per_epoch": 10**9}}
    found = follow(controllers.build(spec), lambda epoch: 2.1e12, 200, start=2000.0)[-40:]
    assert 1.0 < found.max() / found.min() <= 1.0101
    assert found.min() <= 2100.0 <= found.max()


def test_epoch_average_waits_for_its_period() -> None:
    controller = build({"kind": "epoch_average", "period": 3, "max_step": 1.5})
    decided = replay(controller, [make_epoch(epoch, 100.0, 2000) for epoch in (1, 2, 3)])
    assert decided == [100.0, 100.0, 150.0]


def test_schedule() -> None:
    controller = controllers.build(
        {"kind": "schedule", "steps": [{"epoch": 5, "difficulty": 70.0}, {"epoch": 3, "difficulty": 40.0}]}
    )
    decided = replay(controller, [make_epoch(epoch, 20.0, 10) for epoch in range(1, 7)])
    assert decided == [20.0, 40.0, 40.0, 70.0, 70.0, 70.0]


def list_parameters() -> list[tuple[str, str, Any]]:
    """Every parameter of every controller, with another value than its default."""
    found = []
    for schema in controllers.json_schema()["anyOf"]:
        for name, part in schema.get("properties", {}).items():
            if name not in ("kind", "target", "steps", "rule"):
                found.append((schema["properties"]["kind"]["const"], name, change(part)))
    return found


def change(part: dict[str, Any]) -> Any:
    value = part["default"]
    if "enum" in part:
        return next(each for each in part["enum"] if each != value)
    if isinstance(value, int):
        return value * 2 if value * 2 <= part.get("maximum", math.inf) else value - 1
    return value * 0.5 + (0.51 if part.get("minimum", 0.0) >= 1.0 else 0.01)


@pytest.mark.parametrize(("kind", "name", "other"), list_parameters())
def test_every_parameter_acts(kind: str, name: str, other: Any) -> None:
    """On decisions, or on what a waiting law says after them."""
    varied = np.random.default_rng(3).choice([0, 12, 200, 900, 960, 1000, 1100, 4000, 10**6], 40)
    counts = [*[0] * 20, *varied, *[200, 4000] * 5, *[10**6] * 110]
    seen = [make_epoch(epoch, 100.0 + epoch, int(count)) for epoch, count in enumerate(counts, 1)]
    seen += [make_quota(181 + n, 100.0 + n, time) for n, time in enumerate([0.5, 1.1, 1.9, 40.0, *[0.9, 30.0] * 990])]
    rule = {"rule": {"kind": "sma", "target": TARGET}} if has_field(kind, "rule") else {"target": TARGET}
    usual, changed = (
        observe(controllers.build(spec), seen) for spec in ({"kind": kind, **rule}, {"kind": kind, **rule, name: other})
    )
    assert usual != changed


def has_field(kind: str, name: str) -> bool:
    return any(field.name == name for field in dataclasses.fields(controllers.get(kind)))


def observe(controller: Any, seen: list[Interval]) -> list[Any]:
    state, found, law = controller.start(seen[0]), [], get_waiting_law(controller)
    for interval in seen:
        state, decided = controller.decide(state, interval)
        found.append(float(decided))
    return [*found, *([np.ravel([each.after, each.difficulty]).tolist() for each in law(state, 5e3)] if law else [])]
