"""Races of controllers: bias and noise under constant compute, lag under steady growth, false timestamps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from sim.difficulty import controllers
from sim.difficulty.base import Controller, Interval, replay
from sim.difficulty.matching import match_noise
from sim.economy import curves
from sim.race.rig import Race, Setup, lay_out, run_race
from sim.theory.row import Z_BOUND, Row

SPACING_SECONDS, SEED = 600.0, 20260104
BIAS_BOUND = 0.005
FEW, MANY = 72, 288  # intervals that averages are worth
LEVEL, PAUSE, MU = 100.0, 2.0, 10.0  # nonces/s; wanted times until the difficulty falls, and by how much
AWAY, END = 1 / 3, 0.01  # share of the day without compute; of a mean interval, for the race's last day
DOUBLING, HALF_LIFE = 1000, 100.0  # intervals in which compute doubles; of asert


def race_rows(quick: bool) -> Iterator[Row]:
    """One decision per block."""
    setup = Setup(SPACING_SECONDS, 4000, 50 if quick else 300, warm_up=1000, seed=SEED)
    n = setup.n_decisions * setup.n_replications
    noise_bound = Z_BOUND * math.sqrt(MANY / (2 * n))  # sd of an autocorrelated sample's sd, as in control_rows
    power_bound = Z_BOUND * math.sqrt((FEW + MANY) / (2 * n)) / math.log(MANY / FEW)
    for kind in ("asert", "ema", "wtema", "sma", "lwma"):
        few, many = (_race_quietly(kind, n_averaged, setup) for n_averaged in (FEW, MANY))
        mean = float(many.time_ratio.mean())
        yield Row.absolute(f"mean interval under constant compute, {kind}, relative", mean, 1.0, BIAS_BOUND)
        noise, theory = _compute_noise(many), 1.0 / math.sqrt(MANY)
        yield Row.relative(f"noise of one decision per block, {kind}", noise, theory, noise_bound)
        power = math.log(noise / _compute_noise(few)) / math.log(MANY / FEW)
        yield Row(f"power of the memory by which noise falls, {kind}", power, -0.5, power + 0.5, power_bound)
    yield from _make_waiting_rows(setup)
    yield _make_outage_row(setup)
    yield _make_growth_row(setup)
    yield _make_timestamp_row()


def _race_quietly(kind: str, n_averaged: int, setup: Setup) -> Race:
    name, value = match_noise(kind, n_averaged, setup.quota) or ("", 0)
    return run_race(_build(kind, **{name: value}), lay_out(curves.build("constant"), setup), setup)


def _build(kind: str, **parameters: Any) -> Controller:
    built: Controller = controllers.build({"kind": kind, **parameters, "target": {"valid_nonces_per_epoch": 1}})
    return built


def _compute_noise(race: Race) -> float:
    """Standard deviation of ln difficulty over time, from all replications together."""
    return float(np.log(race.difficulty / race.ideal).std())


def _make_waiting_rows(setup: Setup) -> Iterator[Row]:
    """Blocks that come at the rate 1 until they have been awaited for PAUSE, and MU times as fast from there on.

    Their mean is 1 - e^(-T) + e^(-T) / μ, their mean square twice the sum of 1 - (1 + T) e^(-T) and e^(-T) (T / μ + 1 /
    μ²), and a share p of them has come by T + (-ln(1 - p) - T) / μ, if that is after T.
    """
    steps = lay_out(curves.build({"kind": "constant", "level": LEVEL}), setup)
    rule = {"kind": "minimum_after_pause", "after": PAUSE, "minimum": LEVEL * SPACING_SECONDS / MU}
    waits = run_race(controllers.build({**rule, "rule": "fixed"}), steps, setup).time_ratio
    late = math.exp(-PAUSE)
    mean, square = 1.0 - late + late / MU, 2.0 * (1.0 - (1.0 + PAUSE) * late + late * (PAUSE / MU + 1.0 / MU**2))
    ours, error = float(waits.mean()), math.sqrt((square - mean**2) / waits.size)
    yield Row("mean wait, ten times the rate after two wanted times", ours, mean, (ours - mean) / error, Z_BOUND)
    for p in (0.5, 0.95):
        reached = -math.log1p(-p)
        by_then = reached if reached < PAUSE else PAUSE + (reached - PAUSE) / MU
        n_reached = int((waits <= by_then).sum())
        yield Row.binomial(f"share of these waits up to their law's {100 * p:g} % quantile", n_reached, waits.size, p)


def _make_outage_row(setup: Setup) -> Row:
    """Time goes on while compute is away: blocks of a fixed difficulty take the longer, the longer it is."""
    outage = {"kind": "on_off", "factor": 0.0, "period": "1 d", "share": AWAY}
    race = run_race(controllers.build("fixed"), lay_out(curves.build(outage), setup), setup)
    # Whole periods of the race's mean length: a part of one at its end is less than a thousandth of it.
    ours, error = float(race.time_ratio.mean()), 1.0 / ((1.0 - AWAY) * math.sqrt(race.time_ratio.size))
    theory = 1.0 / (1.0 - AWAY)
    return Row.absolute("mean interval, no compute for a third of each day", ours, theory, Z_BOUND * error + END)


def _make_growth_row(setup: Setup) -> Row:
    """The schedule of asert must run ahead of the clock to keep up: an interval t lets ln D grow by (1 - t) · ln 2 / h,
    and compute grows by r · t, so that t = 1 / (1 + r · h / ln 2).
    """
    growth = {"kind": "exponential", "factor": 2.0, "every": f"{DOUBLING * SPACING_SECONDS} s"}
    race = run_race(_build("asert", half_life=HALF_LIFE), lay_out(curves.build(growth), setup), setup)
    late = race.time_ratio[DOUBLING:]  # the lag has built up by then
    ours, theory = float(late.mean()), 1.0 / (1.0 + HALF_LIFE / DOUBLING)
    return Row.absolute("asert's mean interval while compute doubles again and again", ours, theory, BIAS_BOUND)


def _make_timestamp_row() -> Row:
    """Every second block's timestamp is false by two hours, one way and the other; the last one is right."""
    times = np.random.default_rng(SEED).exponential(1.0, 100)
    shifts = np.zeros(100)
    shifts[1:99:2] = 12.0 * np.where(np.arange(49) % 2, 1.0, -1.0)
    false = times + shifts - np.concatenate([[0.0], shifts[:-1]])
    decided, misled = (_decide(each) for each in (times, false))
    # Decision n comes after block n: those after a block with a right timestamp must not know of any false one.
    is_right = shifts == 0.0
    ours = float(np.abs(misled[is_right] / decided[is_right] - 1.0).max())
    return Row("asert after a right timestamp that follows false ones, error", ours, 0.0, ours, 1e-12)


def _decide(times: np.ndarray) -> np.ndarray:
    controller = _build("asert", half_life=20.0)
    intervals = [Interval(1000.0, 1.0, 1.0, time, 1.0, number) for number, time in enumerate(times.tolist(), 1)]
    return np.array(replay(controller, intervals))
