"""What every controller decides after one epoch, and the two simplest ones."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.difficulty import controllers
from sim.difficulty.base import Target, replay, steer
from sim.difficulty.proportional import Proportional
from sim.difficulty.target import read_interval
from sim.protocol.blocks.state import EpochObservation


def decide(controller: Any, *found: int, difficulty: float = 20.0) -> Any:
    """The last decision after epochs that found so many nonces."""
    seen = [EpochObservation(epoch, difficulty, valid) for epoch, valid in enumerate(found, start=1)]
    return replay(controller, [read_interval(controller.target, each) for each in seen])[-1]


@pytest.mark.parametrize("found", [0, 1, 100, 10**9])
def test_contract(controller_spec: object, found: int) -> None:
    controller = controllers.build(controller_spec)
    decided = decide(controller, found)
    assert math.isfinite(decided)
    assert decided > 0
    assert decide(controller, found) == decided
    assert steer(controller)(None, EpochObservation(1, 20.0, found))[1] == decided


def test_fixed_never_moves() -> None:
    assert decide(controllers.build("fixed"), 3, 500) == 20.0


@pytest.mark.parametrize(("found", "factor"), [(100, 1.0), (150, 1.5), (50, 0.5), (1000, 2.0), (0, 0.5)])
def test_proportional_step_is_bounded_both_ways(found: int, factor: float) -> None:
    controller = Proportional(Target(valid_nonces_per_epoch=100), max_step=2.0)
    assert decide(controller, found) == pytest.approx(20.0 * factor)


@given(st.floats(1e3, 1e8), st.integers(10, 10_000))
def test_proportional_reaches_the_setpoint_under_constant_compute(tries: float, wanted: int) -> None:
    """Without noise, found = tries / difficulty: one decision after the last bounded step is exact."""
    controller, difficulty = Proportional(Target(valid_nonces_per_epoch=wanted), max_step=4.0), 20.0
    for epoch in range(1, 40):
        found = round(tries / difficulty)
        difficulty = steer(controller)(None, EpochObservation(epoch, difficulty, found))[1]
    assert tries / difficulty == pytest.approx(wanted, rel=0.06)
