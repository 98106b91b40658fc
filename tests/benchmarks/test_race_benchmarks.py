"""Races beside their bars and beside what they cannot do without (`make bench`)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pow.benchmark import measure_seconds
from sim.difficulty import controllers
from sim.economy import curves
from sim.economy.base import Market, Steps
from sim.race.rig import Setup, draw_work, lay_out, run_race

pytestmark = pytest.mark.benchmark
SETUP = Setup(600.0, n_decisions=2000, n_replications=1000, warm_up=0)
N = SETUP.n_decisions * SETUP.n_replications
RECURSIVE = [
    {"kind": "asert", "half_life": 50.0},
    {"kind": "ema", "lifetime": 72.0},
    {"kind": "wtema", "lifetime": 72.0},
]
WINDOWED = [{"kind": "sma", "window": 144}, {"kind": "lwma", "window": 192}, {"kind": "digishield"}]
BARS = {"recursive": 5e6, "windowed": 1e6}
RULES = [("recursive", spec) for spec in RECURSIVE] + [("windowed", spec) for spec in WINDOWED]


def rate(work: Callable[[], object]) -> float:
    """Decisions times replications per second of the fastest repetition."""
    return N / measure_seconds(work, 2.0)


def draw_and_look_up(path: Steps) -> None:
    """The work of every block, and when it is done: no rule, no memory, no host who reacts, difficulty 1."""
    rows, work = np.empty((SETUP.n_decisions, SETUP.n_replications)), draw_work(SETUP)
    for number in range(SETUP.n_decisions):
        rows[number] = next(work)
    done = np.cumsum(rows, axis=0)
    total = np.concatenate([[0.0], np.cumsum(np.diff(path.times) * path.values[:-1])])
    for row in done:
        np.interp(row, total, path.times)


CURVES = [
    {"kind": "step"},
    {"kind": "sine", "period": "1 d"},
    {"kind": "profit_driven", "price": {"kind": "jump_diffusion", "every": "10 min", "jump_every": "7 d"}},
]


@pytest.mark.parametrize("curve", CURVES, ids=[curve["kind"] for curve in CURVES])
def test_races(curve: dict[str, Any]) -> None:
    steps = lay_out(curves.build(curve), SETUP)
    first = steps[0].prices if isinstance(steps[0], Market) else steps[0]
    limit = rate(lambda: draw_and_look_up(first))
    print(f"\nraces of {SETUP.n_decisions} decisions x {SETUP.n_replications} replications, {curve['kind']}")
    print(f"  {'draws and look-up alone':<40} {limit / 1e6:8.1f} million a second")
    for name, spec in RULES:
        controller = controllers.build({**spec, "target": {"valid_nonces_per_epoch": 1}})
        found = rate(lambda controller=controller: run_race(controller, steps, SETUP))
        title = f"{spec['kind']}, {name} (bar: {BARS[name] / 1e6:g})"
        print(f"  {title:<40} {found / 1e6:8.1f} million a second {found / limit:6.2f} of these")
        assert found >= 0.05 * limit
