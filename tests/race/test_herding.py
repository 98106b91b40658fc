"""Hosts who share a pot per time: the poles of their loop, and swings that no controller ends."""

import math
from pathlib import Path

import numpy as np
import pytest

from sim.difficulty import controllers
from sim.economy import curves
from sim.race.lab_file import load_lab
from sim.race.measures import measure_race
from sim.race.rig import Setup, lay_out, run_race
from sim.theory import herding
from sim.theory.herding import compute_critical_gain, compute_loop_gain, compute_period, herding_rows

ROOT = Path(__file__).parent.parent.parent


def find_largest_pole(window: int, delay: int, gain: float) -> float:
    """z^(w+d) + K / w (z^(w-1) + ... + 1), by NumPy's companion matrix."""
    polynomial = np.zeros(window + delay + 1)
    polynomial[0], polynomial[-window:] = 1.0, polynomial[-window:] + gain / window
    return float(np.abs(np.roots(polynomial)).max())


@pytest.mark.parametrize(("window", "delay"), [(1, 0), (6, 1), (2, 0), (6, 0), (12, 1), (24, 3), (5, 40)])
def test_poles_reach_the_unit_circle_at_the_critical_gain(window: int, delay: int) -> None:
    limit = compute_critical_gain(window, delay)
    assert find_largest_pole(window, delay, limit) == pytest.approx(1.0, abs=1e-9)
    assert find_largest_pole(window, delay, 0.99 * limit) < 1.0 < find_largest_pole(window, delay, 1.01 * limit)


def test_numbers_of_the_page() -> None:
    assert compute_critical_gain(6, 1) == pytest.approx(2.37, abs=0.005)
    assert compute_critical_gain(6, 1) == pytest.approx(6 * math.sin(math.pi / 9) / math.sin(2 * math.pi / 3))
    assert compute_period(6, 1) == 9
    assert compute_critical_gain(1, 0) == pytest.approx(1.0)  # the cobweb: slopes of supply and demand alike
    assert compute_loop_gain(curves.build("profit_driven"), 600.0) == pytest.approx(80 / 0.3 / 100)
    calmer = compute_loop_gain(curves.build({"kind": "profit_driven", "variable_margin": 0.2}), 600.0)
    assert calmer < compute_critical_gain(6, 1) < compute_loop_gain(curves.build("profit_driven"), 600.0)
    crash = load_lab(ROOT / "scenarios" / "difficulty" / "price-crash.yaml").config
    found = [compute_loop_gain(crash.curves[1], crash.spacing, price) for price in (1.0, 0.4)]
    assert found == [pytest.approx(0.83, abs=0.005), pytest.approx(2.1, abs=0.05)]
    halved = compute_loop_gain(curves.build("profit_driven"), 600.0, price=0.5)
    assert halved == pytest.approx(2 * 80 / 0.3 / 100)


def test_rows_hold_and_a_wrong_law_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(row.passed for row in herding_rows(True))
    monkeypatch.setattr(
        herding, "compute_critical_gain", lambda window, delay: 1.02 * compute_critical_gain(window, delay)
    )
    assert [row.passed for row in herding_rows(True)] == [False, False, True]


@pytest.mark.parametrize("kind", ["sma", "asert"])
def test_swings_are_as_the_criterion_says_whatever_the_controller(kind: str) -> None:
    """Chance is always there; margins on both sides of the limit part hosts who answer it from hosts who swing."""
    built = controllers.build({"kind": kind, "target": {"valid_nonces_per_epoch": 50}})
    setup = Setup(600.0, n_decisions=1500, n_replications=8, quota=50)
    swings = []
    for share in (0.5, 2.0):
        margin = 80 / 2 / 100 / (share * compute_critical_gain(6, 1))
        spec = {"kind": "profit_driven", "greedy": 0.0, "paid_per": "time", "variable_margin": margin}
        markets = lay_out(curves.build(spec), setup)
        swings.append(
            float(measure_race(run_race(built, markets, setup), markets, None, setup)["compute_swing"].mean())
        )
    assert swings[0] < 0.1 < 0.25 < swings[1]
