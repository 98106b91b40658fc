"""How long rules remember a race's beginning, beside their laws; what a warm-up leaves of it."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sim.difficulty import controllers
from sim.economy import curves
from sim.race.memory import LONGEST, compute_warm_up, measure_memory
from sim.race.rig import Setup, draw_warm_up, lay_out, run_race

SETUP = Setup(600.0, n_decisions=5, n_replications=3, warm_up=20)


def build(kind: str, **parameters: Any) -> Any:
    target = {} if kind in ("fixed", "schedule") else {"target": {"valid_nonces_per_epoch": 1}}
    return controllers.build({"kind": kind, **parameters, **target})


@pytest.mark.parametrize(
    ("kind", "parameters", "expected"),
    [
        ("sma", {"window": 100}, 99),  # the last 1 % of the window is the last 1 % of the answer
        ("sma", {"window": 1000}, 990),
        ("proportional", {}, 1),
        ("epoch_average", {"period": 100}, 100),  # 200 remembered intervals end with a period
        ("epoch_average", {"period": 120}, 160),  # renewed after 40, of which 80 were the old ones, and 120 later
        ("pid", {"k_i": 0.5, "k_p": 0.0}, math.log(100) / math.log(2)),  # the error halves with each decision
        ("fixed", {}, 0),
        ("schedule", {"steps": [{"epoch": 3, "difficulty": 5.0}]}, 0),
        ("pid", {"k_i": 3.0, "k_p": 0.0}, 0),  # unstable: no warm-up would help
        ("asert", {"half_life": 1e6}, math.inf),
        ("epoch_average", {"period": 100_000}, math.inf),
    ],
)
def test_memories_beside_their_laws(kind: str, parameters: dict[str, Any], expected: float) -> None:
    assert measure_memory(build(kind, **parameters), 1) == pytest.approx(expected, abs=1.0)


@pytest.mark.parametrize("kind", ["asert", "ema", "wtema"])
def test_memory_of_exponential_rules(kind: str) -> None:
    """Near the end the error falls by a factor e in a lifetime: ln 100 of them for 1 %, a little more because the first
    blocks are fast."""
    lifetime = 300.0
    parameters = {"half_life": lifetime * math.log(2)} if kind == "asert" else {"lifetime": lifetime}
    found = measure_memory(build(kind, **parameters), 1)
    assert math.log(100) < found / lifetime < math.log(100) + 0.5


def test_a_race_has_a_warm_up_at_all() -> None:
    assert compute_warm_up(build("fixed"), 1) == 200
    assert compute_warm_up(build("sma", window=700), 1) == 693
    assert compute_warm_up(build("asert", half_life=1e6), 1) == LONGEST


def test_warm_ups_share_their_latest_past() -> None:
    """Rules with warm-ups of their own begin a race after the same luck; that in the race is the same anyway."""
    longer = replace(SETUP, warm_up=50)
    assert np.array_equal(draw_warm_up(longer)[-20:], draw_warm_up(SETUP))
    assert draw_warm_up(replace(SETUP, warm_up=0)).shape == (0, 3)
    steps, short = lay_out(curves.build("constant"), SETUP), build("sma", window=5)
    one, other = (run_race(short, steps, setup) for setup in (SETUP, longer))
    assert one.tries / one.difficulty == pytest.approx(other.tries / other.difficulty)
    assert one.difficulty[0] == pytest.approx(other.difficulty[0], rel=1e-3)
