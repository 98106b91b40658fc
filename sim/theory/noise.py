"""Noise of rules under constant compute, one decision per block: exact laws, and averages to the second order.

x = ln(difficulty / ideal), E exponential with mean 1, each block's work / its mean. What is held is the standard
deviation of x at a decision. To the second order in the weight a of one block, by the moments of the stationary law:

- `asert`: x' = x + a (1 - e^x E), a = ln 2 / half_life. Stationarity of the mean of e^(s x) for all s gives E e^x = 1
  and var x = a/2 · (1 + 11 a / 12). The leading term is 1 / (2 τ), τ = 1 / a the lifetime.
- `ema`: e^x' = e^x · e^(-a e^x E) + (1 - e^(-a e^x E)) / E, a = 1 / lifetime; var x = a/2 · (1 + 5 a / 12).
- `sma`: e^x' = Σ D / Σ D E over N blocks, weights D that remember the blocks before; var x = 1/N · (1 + 11 / (12 N)).
- `epoch_average`: one difficulty for a whole period, so that e^x' = N / Σ E with a Gamma law: var x = trigamma(N).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from scipy import special

from sim.difficulty import controllers
from sim.difficulty.matching import match_noise
from sim.economy import curves
from sim.economy.base import Floats
from sim.race.measures import measure_race
from sim.race.memory import compute_warm_up
from sim.race.rig import Setup, lay_out, run_race
from sim.theory.row import Row

SPACING_SECONDS, SEED = 600.0, 20260106
MEMORIES = (36, 83, 288, 1000)  # intervals that an average is worth
N_DECISIONS = 800  # fewer than the longest memory: the scatter within a race would be a third too low
MOST_ERRORS = 3.0  # standard errors, estimated from the replications

VARIANCES: dict[str, Callable[[float], float]] = {
    "asert": lambda half_life: _expand(math.log(2) / half_life, 11 / 12),
    "ema": lambda lifetime: _expand(1.0 / lifetime, 5 / 12),
    "sma": lambda window: (1.0 + 11 / (12 * window)) / window,
    "epoch_average": lambda period: float(special.polygamma(1, period)),
}


def compute_noise(kind: str, parameter: float) -> float:
    """Return the standard deviation of ln difficulty; `parameter`: half_life, lifetime, window or period in blocks."""
    return math.sqrt(VARIANCES[kind](parameter))


def _expand(weight: float, second: float) -> float:
    return weight / 2 * (1.0 + second * weight)


def noise_rows(quick: bool) -> Iterator[Row]:
    """Four rules at four memories, as a lab measures them."""
    for kind in VARIANCES:
        for n_averaged in MEMORIES:
            setup = Setup(SPACING_SECONDS, N_DECISIONS, 400 if quick else 2000, seed=SEED + n_averaged)
            name, value = match_noise(kind, n_averaged, setup.quota) or ("", 0)
            shares = _measure_noise(kind, {name: value}, setup)
            ours, error = float(shares.mean()), float(shares.std(ddof=1)) / math.sqrt(len(shares))
            theory = compute_noise(kind, value)
            quantity = f"noise over replications, {kind}, {name} {value:g}"
            yield Row(quantity, ours, theory, (ours - theory) / error, MOST_ERRORS)


def _measure_noise(kind: str, parameters: dict[str, Any], setup: Setup) -> Floats:
    controller = controllers.build({"kind": kind, **parameters, "target": {"valid_nonces_per_epoch": 1}})
    warmed_up = replace(setup, warm_up=compute_warm_up(controller, setup.quota))
    steps = lay_out(curves.build("constant"), warmed_up)
    return measure_race(run_race(controller, steps, warmed_up), steps, None, warmed_up)["noise"]
