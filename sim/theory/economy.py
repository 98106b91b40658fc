"""Prices beside their law, a chain with false timestamps, and a published study of profit switchers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sim.difficulty import controllers
from sim.economy import curves, prices
from sim.economy.base import Floats
from sim.economy.timestamps import FalseTimestamps
from sim.race.rig import Setup, lay_out, run_race
from sim.theory.row import Z_BOUND, Row

SPACING_SECONDS, SEED = 600.0, 20260105
BIAS_BOUND = 0.005
N_STEPS = 10_000

STUDY: dict[str, Any] = {
    **{"kind": "profit_driven", "steady": 300.0, "variable": 2000.0, "greedy": 2000.0},
    **{"variable_margin": 0.15, "greedy_margin": 0.1, "window": 6, "delay": 1},
    # A block brings 12.5 coins and 0.1 of fees. Elsewhere 6357.9 PH/s share 13.75 dearer coins in every 600 s.
    **{"reward": 12.6, "cost": 0.012976},
    "price": {
        **{"kind": "jump_diffusion", "level": 0.18, "volatility": 0.00144, "every": "10 min", "noise": 0.0422},
        **{"jump_every": "600000 s", "jump_mean": -0.0082, "jump_sd": 0.1283},
    },
}
"""Steady, variable and greedy miners between two chains, in PH/s (kyuupichan/difficulty, mining.py, `default`)."""

PUBLISHED: dict[str, tuple[dict[str, Any], float, float, float]] = {
    "sma": ({"window": 144}, 605.0, 1038.0, 0.15),
    "lwma": ({"window": 144}, 606.0, 717.0, 0.08),
    "wtema": ({"lifetime": 104.0}, 603.0, 672.0, 0.08),
    "ema": ({"lifetime": 144.0}, 599.0, 657.0, 0.08),
}
"""Its rules cw-144, wt-144, wtema-72 and ema-1d; mean and standard deviation of the block time, s; how far from the
latter our nearest rule may be. "Choosing a controller" explains the differences."""


def economy_rows(quick: bool) -> Iterator[Row]:
    """Prices, timestamps, switchers."""
    yield from _make_price_rows()
    setup = Setup(SPACING_SECONDS, 4000, 30 if quick else 100, warm_up=1000, seed=SEED)
    for claim in ("ahead", "behind"):
        yield _make_timestamp_row(claim, setup)
    yield from _make_study_rows(replace(setup, n_decisions=10_000, n_replications=30 if quick else 100))


def _make_price_rows() -> Iterator[Row]:
    """Each step's change of ln price: a normal number and a compound Poisson one (Merton 1976)."""
    rate, mean, sd, volatility = 0.25, -0.05, 0.1, 0.01
    law = {"volatility": volatility, "drift": -rate * mean, "jump_every": "4 h", "jump_mean": mean, "jump_sd": sd}
    changes = _draw_changes(law)
    variance = volatility**2 + rate * (mean**2 + sd**2)
    fourth = rate * (mean**4 + 6 * mean**2 * sd**2 + 3 * sd**4)  # cumulant
    ours, error = float(changes.mean()), math.sqrt(variance / N_STEPS)
    yield Row(f"mean of {N_STEPS} log returns, price with jumps", ours, 0.0, ours / error, Z_BOUND)
    ours, error = float(changes.var()), math.sqrt((fourth + 2 * variance**2) / N_STEPS)
    yield Row("their variance", ours, variance, (ours - variance) / error, Z_BOUND)
    jumps_alone = _draw_changes({**law, "volatility": 0.0, "drift": 0.0, "jump_mean": 0.0})
    n_jumping, theory = int((jumps_alone != 0.0).sum()), -math.expm1(-rate)
    yield Row.binomial("share of steps with a jump, one in four steps on average", n_jumping, N_STEPS, theory)


def _draw_changes(law: Mapping[str, Any]) -> Floats:
    path = prices.build({"kind": "jump_diffusion", "every": "1 h", **law})
    return np.diff(np.log(path.lay_out(N_STEPS * 3600.0, np.random.default_rng(SEED)).values))


def _make_timestamp_row(claim: Any, setup: Setup) -> Row:
    """Asert sums all times up; a sum knows its ends only."""
    false = FalseTimestamps.model_validate({"share": 0.3, "claim": claim, "reading": "raw"})
    ours = float(_race("asert", {"half_life": 100.0}, "constant", replace(setup, false_timestamps=false)).mean())
    return Row.absolute(f"asert's mean interval, 3 of 10 timestamps {claim}", ours, 1.0, BIAS_BOUND)


def _make_study_rows(setup: Setup) -> Iterator[Row]:
    ours = {}
    for kind, (parameters, mean, sd, bound) in PUBLISHED.items():
        times = SPACING_SECONDS * _race(kind, parameters, STUDY, setup)
        found = float(times.mean())
        yield Row.relative(f"profit switchers: mean block time, {kind}, s, relative", found, mean, 0.01)
        ours[kind] = float(times.std(axis=0, ddof=1).mean())
        yield Row.relative(f"its standard deviation, {kind}, s, relative", ours[kind], sd, bound)
    # The table stands in the order of its standard deviations.
    n_wrong = sum(later >= sooner for sooner, later in itertools.combinations(ours.values(), 2))
    yield Row("profit switchers: pairs of rules in another order than published", n_wrong, 0, n_wrong, 0)


def _race(kind: str, parameters: Mapping[str, Any], curve: object, setup: Setup) -> Floats:
    controller = controllers.build({"kind": kind, **parameters, "target": {"valid_nonces_per_epoch": 1}})
    return run_race(controller, lay_out(curves.build(curve), setup), setup).time_ratio
