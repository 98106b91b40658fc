"""The gain of a cheat, by hand and where it is known."""

import math
import statistics

import numpy as np
import pytest

from sim.theory.strategies.gain import NETWORK, SUSPECT, Gain, get_participants, make_row, measure_gain


def test_gain_by_hand() -> None:
    """Twice the weight from the same work; the same from half of it; something from nothing; nothing from nothing."""
    gain = Gain(np.array([8.0, 5, 3, 0]), np.array([4.0, 5, 3, 3]), np.array([10.0, 5, 0, 0]), np.full(4, 10.0))
    assert gain.by_seed[:3].tolist() == [2.0, 2.0, math.inf]
    assert math.isnan(gain.by_seed[3])
    assert gain.weight_by_seed.tolist() == [2.0, 1.0, 1.0, 0.0]


def test_a_row_is_scored_in_standard_errors() -> None:
    values = [1.1, 1.3, 0.8, 1.0]
    row = make_row("gain", np.array(values), 1.0)
    assert row.score == pytest.approx((statistics.mean(values) - 1) / (statistics.stdev(values) / 2))
    assert make_row("gain", np.array(values), 3.0).score < -3, "a wrong theory fails"
    assert make_row("gain", np.ones(3), 1.0).score == 0
    assert make_row("gain", np.ones(3), 1.001).score == -math.inf, "runs that agree leave no room"


@pytest.mark.parametrize(("n_runs", "expected"), [(2, 0.02), (3, 0.02), (8, 0.02), (60, 0.004)])
def test_a_right_row_fails_as_often_as_stated_however_few_its_runs(n_runs: int, expected: float) -> None:
    draws = np.random.default_rng(5).normal(1.0, 0.01, (2000, n_runs))
    n_failed = sum(not make_row("gain", values, 1.0).passed for values in draws)
    assert abs(n_failed - 2000 * expected) < 4 * math.sqrt(2000 * expected)


def test_whoever_does_the_same_gains_nothing() -> None:
    gain = measure_gain("honest", (1, 2))
    assert gain.by_seed.tolist() == [1.0, 1.0]
    assert gain.standard_error == 0


def test_only_the_claims_that_were_accepted_count() -> None:
    """A liar that claims twice what it found is refused, and the weight of those beside it is as before."""
    gain = measure_gain({"kind": "overclaim", "excess": 1.0}, (1,))
    assert gain.weight.tolist() == [0.0]
    assert gain.work_operations == pytest.approx(gain.honest_work_operations, rel=1e-2)
    honest = get_participants(NETWORK, {}, 1)
    mine = honest[honest["host_group"] == SUSPECT]
    assert gain.honest_weight.tolist() == [mine["claimed_weight"].sum()]
    assert mine["is_accepted"].all()
