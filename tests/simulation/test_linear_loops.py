"""The poles and lasting errors of `sim.theory.loop`, held against python-control."""

import control
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.theory.loop import compute_poles, compute_ramp_error, find_gain_limit, find_k_i_limit, is_stable

GAINS = st.tuples(*(st.floats(-1.5, 1.5).map(lambda x: round(x, 3)) for _ in range(2)), st.floats(0.05, 2.5))
CASES = [(0.2, 0.5, 0.0), (0.0, 1.0, 0.0), (-0.3, 0.8, 0.0), (0.2, 0.5, 0.1), (0.1, 0.4, -0.2)]
z = control.tf("z")


def make_loop(k_p: float, k_i: float, k_d: float) -> control.TransferFunction:
    """Controller times plant, from the law of `pid` as its docstring writes it."""
    return (k_i + k_p * (1 - 1 / z) + k_d * (1 - 1 / z) * (1 - 1 / z)) / (z - 1)


def close(k_p: float, k_i: float, k_d: float, gain: float = 1.0) -> control.TransferFunction:
    """Error in answer to ln compute, without what cancels."""
    return control.minreal(control.feedback(1, gain * make_loop(k_p, k_i, k_d)), 1e-7, verbose=False)


@pytest.mark.parametrize("gains", CASES)
def test_poles(gains: tuple[float, float, float]) -> None:
    theirs = np.sort(np.abs(close(*gains).poles()))
    ours = np.sort(np.abs(compute_poles(*gains)))
    n_cancelled = len(ours) - len(theirs)  # poles at 0
    assert ours[:n_cancelled] == pytest.approx(0.0, abs=1e-6)
    assert ours[n_cancelled:] == pytest.approx(theirs, abs=1e-6)


@given(GAINS)
def test_stability(gains: tuple[float, float, float]) -> None:
    k_p, k_d, k_i = gains
    largest = np.abs(control.feedback(make_loop(k_p, k_i, k_d), 1).poles()).max()
    if abs(largest - 1.0) > 1e-3:
        assert is_stable(k_p, k_i, k_d) == (largest < 1.0)


@pytest.mark.parametrize("gains", CASES)
def test_the_largest_gain_puts_a_pole_on_the_circle(gains: tuple[float, float, float]) -> None:
    limit = find_gain_limit(*gains)
    assert np.abs(close(*gains, gain=limit).poles()).max() == pytest.approx(1.0, abs=1e-6)
    assert np.abs(close(*gains, gain=0.99 * limit).poles()).max() < 1.0
    k_p, _, k_d = gains
    k_i = find_k_i_limit(k_p, k_d)
    assert np.abs(close(k_p, k_i, k_d).poles()).max() == pytest.approx(1.0, abs=1e-6)


def test_limits_by_hand() -> None:
    """Jury, at z = -1: k_i + 2 k_p + 4 k_d = 2; a loop with the one pole 1 - gain."""
    assert find_k_i_limit(0.5, 0.0) == pytest.approx(1.0)
    assert find_k_i_limit(0.2, 0.1) == pytest.approx(1.2)
    assert find_gain_limit(0.0, 1.0, 0.0) == pytest.approx(2.0)


@pytest.mark.parametrize("gains", CASES)
def test_lasting_errors(gains: tuple[float, float, float]) -> None:
    """A step of ln compute leaves nothing, a ramp leaves growth / k_i, as python-control simulates 400 epochs."""
    error = close(*gains)
    time = np.arange(400)
    assert control.forced_response(error, time, np.ones(400)).outputs[-1] == pytest.approx(0.0, abs=1e-9)
    found = control.forced_response(error, time, 0.01 * time).outputs[-1]
    assert found == pytest.approx(compute_ramp_error(gains[1], 0.01), rel=1e-6)
