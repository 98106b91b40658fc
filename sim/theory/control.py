"""Controllers under constant compute: where they settle, how quiet they are, from when on they are unstable."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.difficulty import controllers
from sim.difficulty.asert import aserti3_2d
from sim.difficulty.base import steer
from sim.protocol.blocks.state import EpochObservation
from sim.theory.loop import compute_ramp_error, find_gain_limit, find_k_i_limit, find_limit
from sim.theory.row import Z_BOUND, Row

WANTED, START, SEED = 400, 100.0, 20260103
SETTLED = 100  # epochs that are left out: the controller has found the setpoint by then
BIAS_BOUND = 0.005
CASES: tuple[tuple[dict[str, Any], float], ...] = (  # a controller, epochs that its average is worth
    ({"kind": "sma", "window": 8}, 8.0),
    ({"kind": "lwma", "window": 8}, 3 * 8 * 9 / (4 * 8 + 2)),
    ({"kind": "ema", "lifetime": 4.0}, 1.0 / math.tanh(1.0 / 8.0)),
    ({"kind": "wtema", "lifetime": 4.5}, 8.0),
)
PID_GAINS = ((-0.5, 0.0), (0.0, 0.0), (0.5, 0.0), (0.2, 0.1))  # k_p, k_d
GROWTH = 0.01  # of ln compute an epoch
LASTING: tuple[tuple[dict[str, Any], float], ...] = (  # a controller, its k_i
    ({"kind": "proportional"}, 1.0),
    ({"kind": "pid", "k_i": 0.5, "k_p": 0.2, "k_d": 0.1}, 0.5),
)
BETWEEN = (0.05, 5.0, 0.002)  # where limits are sought, and how exactly
EXACT = 10**9  # wanted, where whole numbers should not matter


def control_rows(quick: bool) -> Iterator[Row]:
    """Mean and noise of averages with Poisson counts; the linear loops; one published ASERT value."""
    n_epochs = 600 if quick else 3000
    for spec, n_averaged in CASES:
        found, difficulties = _follow(spec, n_epochs)
        ratio = float(found.mean()) / WANTED
        yield Row.absolute(f"found / wanted under constant compute, {spec['kind']}", ratio, 1.0, BIAS_BOUND)
        spread, theory = float(difficulties.std() / difficulties.mean()), 1.0 / math.sqrt(n_averaged * WANTED)
        bound = Z_BOUND * math.sqrt(n_averaged / (2 * (n_epochs - SETTLED)))  # sd of an autocorrelated sample's sd
        yield Row.relative(f"noise of the difficulty, {spec['kind']}, relative", spread, theory, bound)
    found, _ = _follow({"kind": "asert", "half_life": 3.0}, n_epochs)
    ratio = float(found.mean()) / WANTED
    yield Row.absolute("found / wanted under constant compute, asert", ratio, 1.0, BIAS_BOUND)
    yield from _make_limit_rows()
    yield from _make_lasting_rows()
    ours = float(aserti3_2d(0xFFFF << 208 >> 32, 600 + 172_800, 0, max_target=0xFFFF << 208))
    theory = float((0xFFFF << 208 >> 32) * 2)
    yield Row.relative("ASERT, one half-life late: the target doubles, relative", ours, theory, 0.0)


def _follow(spec: dict[str, Any], n_epochs: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Counts and difficulties of the epochs after SETTLED; found nonces are Poisson, tries never change."""
    decide = steer(controllers.build({**spec, "target": {"valid_nonces_per_epoch": WANTED}}))
    generator, seen, control, difficulty = np.random.default_rng(SEED), [], None, START
    for epoch in range(1, n_epochs + 1):
        seen.append(EpochObservation(epoch, difficulty, int(generator.poisson(WANTED * START / difficulty))))
        control, difficulty = decide(control, seen[-1])
    kept = seen[SETTLED:]
    return np.array([float(o.valid_nonces) for o in kept]), np.array([o.difficulty for o in kept])


def _make_limit_rows() -> Iterator[Row]:
    """From when on errors grow, beside the poles of the linear loop."""
    for k_p, k_d in PID_GAINS:
        ours = find_limit(partial(_does_pid_die_out, k_p, k_d), *BETWEEN)
        limit = find_k_i_limit(k_p, k_d)
        which = f"k_p = {k_p:g}" + (f", k_d = {k_d:g}" if k_d else "")
        yield Row.relative(f"smallest unstable k_i of pid, {which}, relative", ours, limit, 0.01)
    ours = find_limit(lambda gain: _dies_out({"kind": "proportional"}, gain), *BETWEEN)
    limit = find_gain_limit(0.0, 1.0, 0.0)
    yield Row.relative("smallest unstable gain of proportional, relative", ours, limit, 0.01)


def _make_lasting_rows() -> Iterator[Row]:
    """The lasting error behind compute that has jumped, and behind compute that grows."""
    for spec, k_i in LASTING:
        jump, ramp = [math.log(2.0)] * 300, [GROWTH * epoch for epoch in range(300)]
        ours = _race_without_chance(spec, jump)[-1]
        yield Row(f"lasting error of ln D after compute doubled, {spec['kind']}", ours, 0.0, ours, 1e-6)
        ours, theory = _race_without_chance(spec, ramp)[-1], compute_ramp_error(k_i, GROWTH)
        quantity = f"lasting error of ln D behind growth of 1 %, {spec['kind']}"
        yield Row.relative(f"{quantity}, relative", ours, theory, 1e-4)


def _does_pid_die_out(k_p: float, k_d: float, k_i: float) -> bool:
    return _dies_out({"kind": "pid", "k_p": k_p, "k_d": k_d, "k_i": k_i})


def _dies_out(spec: dict[str, Any], gain: float = 1.0) -> bool:
    errors = np.abs(_race_without_chance(spec, [1e-4] * 400, gain))
    return bool(errors[-20:].max() < errors[0])


def _race_without_chance(spec: dict[str, Any], ln_compute: Sequence[float], gain: float = 1.0) -> list[float]:
    """Return ln(compute / difficulty) of each epoch; counts answer the difficulty by its power `gain`."""
    decide = steer(controllers.build({**spec, "max_step": 1000.0, "target": {"valid_nonces_per_epoch": EXACT}}))
    errors, control, difficulty = [], None, START
    for epoch, compute in enumerate(ln_compute, 1):
        errors.append(compute - math.log(difficulty / START))
        seen = EpochObservation(epoch, difficulty, round(EXACT * math.exp(gain * errors[-1])))
        control, difficulty = decide(control, seen)
    return errors
