"""Controllers are pure: difficulty in, difficulty out."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.difficulty import controllers
from sim.difficulty.base import Target
from sim.difficulty.proportional import Proportional
from sim.protocol.state import EpochObservation


def past(*found: int, difficulty: float = 20.0) -> list[EpochObservation]:
    return [EpochObservation(epoch, difficulty, valid) for epoch, valid in enumerate(found, start=1)]


@pytest.mark.parametrize("found", [0, 1, 100, 10**9])
def test_contract(controller_spec: object, found: int) -> None:
    controller = controllers.build(controller_spec)
    decided = controller.next_difficulty(past(found))
    assert math.isfinite(decided)
    assert decided > 0
    assert controller.next_difficulty(past(found)) == decided


def test_fixed_never_moves() -> None:
    assert controllers.build("fixed").next_difficulty(past(3, 500)) == 20.0


@pytest.mark.parametrize(("found", "factor"), [(100, 1.0), (150, 1.5), (50, 0.5), (1000, 2.0), (0, 0.5)])
def test_proportional_step_is_bounded_both_ways(found: int, factor: float) -> None:
    controller = Proportional(Target(valid_nonces_per_epoch=100), max_step=2.0)
    assert controller.next_difficulty(past(found)) == pytest.approx(20.0 * factor)


@given(st.floats(1e3, 1e8), st.integers(10, 10_000))
def test_proportional_reaches_the_setpoint_under_constant_compute(tries: float, wanted: int) -> None:
    """Without noise, found = tries / difficulty: one decision after the last bounded step is exact."""
    controller, difficulty = Proportional(Target(valid_nonces_per_epoch=wanted), max_step=4.0), 20.0
    for epoch in range(1, 40):
        found = round(tries / difficulty)
        difficulty = controller.next_difficulty([EpochObservation(epoch, difficulty, found)])
    assert tries / difficulty == pytest.approx(wanted, rel=0.06)
