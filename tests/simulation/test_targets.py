"""What a controller may hold at its setpoint: reading it, refusing it, and every controller on every quantity."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.catalogue import PluginError
from sim.difficulty import controllers
from sim.difficulty.base import replay
from sim.difficulty.target import QUANTITIES, Target, read_interval
from sim.protocol.blocks.state import EpochObservation

SEEN = EpochObservation(4, 20.0, 60, success_rate=0.04, arrivals=(0, 10, 30, 20), checked_per_validator=90.0)
TARGETS: dict[str, dict[str, Any]] = {
    "valid_nonces_per_epoch": {"valid_nonces_per_epoch": 40},
    "success_rate": {"success_rate": 0.05},
    "blocks_until_quota": {"blocks_until_quota": 6.0, "quota": 25},
    "checked_nonces_per_validator": {"checked_nonces_per_validator": 30.0},
}


@pytest.mark.parametrize(
    ("name", "measured", "found", "count"),
    [
        ("valid_nonces_per_epoch", 60.0, 1.5, 60),
        ("success_rate", 0.04, 0.8, 60),
        ("blocks_until_quota", 3.0, 2.0, 25),
        ("checked_nonces_per_validator", 90.0, 3.0, 60),
    ],
)
def test_reading(name: str, measured: float, found: float, count: float) -> None:
    target = Target(**TARGETS[name])
    assert (target.quantity, target.setpoint) == (name, float(TARGETS[name][name]))
    assert target.measure(SEEN) == measured
    assert target.compute_found(SEEN) == pytest.approx(found)
    assert target.compute_ratio(SEEN) == pytest.approx(found)
    assert target.compute_count(SEEN) == count
    interval = read_interval(target, SEEN)
    assert (interval.difficulty, interval.time, interval.index) == (20.0, 1.0, 4)
    assert (interval.found, interval.ratio, interval.count) == (target.compute_found(SEEN), interval.found, count)
    assert interval.ideal == pytest.approx(20.0 * found)


def test_all_quantities_are_tested() -> None:
    assert TARGETS.keys() == QUANTITIES.keys()


@pytest.mark.parametrize(("quota", "blocks"), [(1, 2), (10, 2), (11, 3), (40, 3), (60, 4), (120, 8), (61, 4 * 61 / 60)])
def test_blocks_until_a_quota(quota: int, blocks: float) -> None:
    """The first block that completes it; beyond what came, at the epoch's pace."""
    assert Target(blocks_until_quota=1.0, quota=quota).measure(SEEN) == pytest.approx(blocks)


@pytest.mark.parametrize(
    ("name", "found", "ratio"),
    [
        ("valid_nonces_per_epoch", 0.0, 0.5 / 40),
        ("success_rate", 0.0, 0.5),
        ("blocks_until_quota", 6.0 * 0.5 / (4 * 25), 6.0 * 0.5 / (4 * 25)),
        ("checked_nonces_per_validator", 0.0, 0.5 / 30),
    ],
)
def test_an_epoch_without_anything(name: str, found: float, ratio: float) -> None:
    nothing, target = EpochObservation(4, 20.0, 0, arrivals=(0,) * 4), Target(**TARGETS[name])
    assert target.compute_found(nothing) == pytest.approx(found)
    assert target.compute_ratio(nothing) == pytest.approx(ratio)
    assert target.compute_count(nothing) == 0.5


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_every_controller_answers_every_quantity_the_same_way(target: dict[str, Any], controller_spec: Any) -> None:
    """More than wanted raises the difficulty, less lowers it; the same found / wanted gives the same decision."""
    if "target" not in controller_spec:
        return
    # Twelve equal epochs, so that any period has ended.
    period = {"period": 12} if hasattr(controllers.get(controller_spec["kind"]), "period") else {}
    controller, counted = (
        controllers.build({**controller_spec, **period, "target": each})
        for each in (target, {"valid_nonces_per_epoch": 40})
    )
    name = next(iter(target))
    for factor in (0.5, 1.0, 2.0):
        seen = [make(name, epoch, target[name], factor) for epoch in range(1, 13)]
        simple = [make("valid_nonces_per_epoch", epoch, 40, factor) for epoch in range(1, 13)]
        decided = decide_last(controller, seen)
        if controller_spec["kind"] != "kalman":  # which weighs counts as well
            assert decided == pytest.approx(decide_last(counted, simple))
        assert (decided > 20.0001) == (factor > 1.0)
        assert (decided < 19.9999) == (factor < 1.0)


def decide_last(controller: Any, seen: list[EpochObservation]) -> Any:
    return replay(controller, [read_interval(controller.target, each) for each in seen])[-1]


def make(name: str, epoch: int, wanted: float, factor: float) -> EpochObservation:
    """An epoch that found `factor` times what is wanted of one quantity."""
    nonces, blocks = round(40 * factor), round(wanted / factor)
    if name == "success_rate":
        return EpochObservation(epoch, 20.0, nonces, success_rate=wanted * factor)
    if name == "checked_nonces_per_validator":
        return EpochObservation(epoch, 20.0, nonces, checked_per_validator=wanted * factor)
    if name == "blocks_until_quota":
        return EpochObservation(epoch, 20.0, nonces, arrivals=(*[0] * (blocks - 1), 25, 3))
    return EpochObservation(epoch, 20.0, nonces)


MISTAKES = [
    ({}, "target: must have one of valid_nonces_per_epoch, success_rate, blocks_until_quota, "),
    ({"success_rate": 0.1, "valid_nonces_per_epoch": 3}, "not valid_nonces_per_epoch and success_rate"),
    ({"blocks_until_quota": 3.0}, "target: blocks_until_quota needs quota beside it"),
    ({"quota": 3}, "target: quota needs blocks_until_quota beside it"),
    ({"quota": 3, "success_rate": 0.1}, "target: quota needs blocks_until_quota beside it"),
    ({"success_rate": 1.5}, "target.success_rate: 1.5 must be at most 1"),
    ({"success_rate": 0.0}, "target.success_rate: 0.0 must be more than 0"),
    ({"blocks_until_quota": 0.0, "quota": 1}, "target.blocks_until_quota: 0.0 must be more than 0"),
    ({"blocks_until_quota": 2.0, "quota": 0}, "target.quota: 0 must be at least 1"),
    ({"checked_nonces_per_validator": -1.0}, "target.checked_nonces_per_validator: -1.0 must be more than 0"),
    ({"valid_nonce_per_epoch": 1}, "target.valid_nonce_per_epoch: unknown key."),
]


@pytest.mark.parametrize(("target", "message"), MISTAKES)
def test_mistakes(target: dict[str, Any], message: str) -> None:
    with pytest.raises(PluginError) as caught:
        controllers.build({"kind": "sma", "target": target})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"kind": "asert", "half_life": 0.0}, "half_life: 0.0 must be more than 0"),
        ({"kind": "asert", "half_life": -3.0}, "half_life: -3.0 must be more than 0"),
        ({"kind": "ema", "lifetime": 0.0}, "lifetime: 0.0 must be more than 0"),
        ({"kind": "wtema", "lifetime": 1.0}, "lifetime: 1.0 must be more than 1"),
        ({"kind": "sma", "window": 0}, "window: 0 must be at least 1"),
        ({"kind": "lwma", "window": 0}, "window: 0 must be at least 1"),
        ({"kind": "digishield", "window": 0}, "window: 0 must be at least 1"),
        ({"kind": "epoch_average", "period": 0}, "period: 0 must be at least 1"),
        ({"kind": "coefficient", "low": 2.0}, "low: 2.0 must be at most 1"),
        ({"kind": "coefficient", "high": 0.5}, "high: 0.5 must be at least 1"),
        ({"kind": "coefficient", "step_ceiling": 0.0}, "step_ceiling: 0.0 must be more than 0"),
    ],
)
def test_empty_memories_are_refused(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(PluginError) as caught:
        controllers.build({**spec, "target": {"valid_nonces_per_epoch": 40}})
    assert message in str(caught.value)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30), st.integers(1, 400))
def test_a_quota_takes_longer_the_larger_it_is(arrivals: list[int], quota: int) -> None:
    seen = EpochObservation(1, 20.0, sum(arrivals), arrivals=tuple(arrivals))
    less, more = (Target(blocks_until_quota=1.0, quota=each).measure(seen) for each in (quota, quota + 1))
    assert 0 < less <= more
    if sum(arrivals) >= quota:
        assert sum(arrivals[: int(less)]) >= quota > sum(arrivals[: int(less) - 1])
