"""Controllers under constant compute: where they settle, how quiet they are, from when on they are unstable."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.difficulty import controllers
from sim.difficulty.asert import aserti3_2d
from sim.protocol.state import EpochObservation
from sim.theory.levels import Z_BOUND
from sim.theory.rows import Row

WANTED, START, SEED = 400, 100.0, 20260103
SETTLED = 100  # epochs that are left out: the controller has found the setpoint by then
BIAS_BOUND = 0.005
CASES: tuple[tuple[dict[str, Any], float], ...] = (  # a controller, epochs that its average is worth
    ({"kind": "sma", "window": 8}, 8.0),
    ({"kind": "lwma", "window": 8}, 3 * 8 * 9 / (4 * 8 + 2)),
    ({"kind": "ema", "lifetime": 4.0}, 1.0 / math.tanh(1.0 / 8.0)),
    ({"kind": "wtema", "lifetime": 4.5}, 8.0),
)
JURY = ((-0.5, 3.0), (0.0, 2.0), (0.5, 1.0))  # k_p, smallest unstable k_i = 2 - 2 k_p


def control_rows(quick: bool) -> Iterator[Row]:
    """Mean and noise of averages with Poisson counts; the stability limits of pid; one published ASERT value."""
    n_epochs = 600 if quick else 3000
    for spec, n_averaged in CASES:
        found, difficulties = _follow(spec, n_epochs)
        ratio = float(found.mean()) / WANTED
        yield Row(f"found / wanted under constant compute, {spec['kind']}", ratio, 1.0, ratio - 1.0, BIAS_BOUND)
        spread, theory = float(difficulties.std() / difficulties.mean()), 1.0 / math.sqrt(n_averaged * WANTED)
        bound = Z_BOUND * math.sqrt(n_averaged / (2 * (n_epochs - SETTLED)))  # sd of an autocorrelated sample's sd
        yield Row(f"noise of the difficulty, {spec['kind']}, relative", spread, theory, spread / theory - 1.0, bound)
    found, _ = _follow({"kind": "asert", "half_life": 3.0}, n_epochs)
    ratio = float(found.mean()) / WANTED
    yield Row("found / wanted under constant compute, asert", ratio, 1.0, ratio - 1.0, BIAS_BOUND)
    for k_p, limit in JURY:
        ours = _find_stability_limit(k_p)
        yield Row(f"smallest unstable k_i of pid, k_p = {k_p:g}, relative", ours, limit, ours / limit - 1.0, 0.01)
    ours = float(aserti3_2d(0xFFFF << 208 >> 32, 600 + 172_800, 0, max_target=0xFFFF << 208))
    theory = float((0xFFFF << 208 >> 32) * 2)
    yield Row("ASERT, one half-life late: the target doubles, relative", ours, theory, ours / theory - 1.0, 0.0)


def _follow(spec: dict[str, Any], n_epochs: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Counts and difficulties of the epochs after SETTLED; what is found is Poisson, tries never change."""
    controller = controllers.build({**spec, "target": {"valid_nonces_per_epoch": WANTED}})
    generator, history, difficulty = np.random.default_rng(SEED), [], START
    for epoch in range(1, n_epochs + 1):
        history.append(EpochObservation(epoch, difficulty, int(generator.poisson(WANTED * START / difficulty))))
        difficulty = controller.next_difficulty(history)
    kept = history[SETTLED:]
    return np.array([float(o.valid_nonces) for o in kept]), np.array([o.difficulty for o in kept])


def _find_stability_limit(k_p: float) -> float:
    """Halve the interval of k_i between an error that dies out and one that grows; counts without noise."""
    low, high = 0.05, 5.0
    while high - low > 0.002:
        middle = (low + high) / 2
        low, high = (middle, high) if _dies_out(k_p, middle) else (low, middle)
    return (low + high) / 2


def _dies_out(k_p: float, k_i: float) -> bool:
    wanted = 10**9  # so many that whole numbers do not matter
    spec = {"kind": "pid", "k_p": k_p, "k_i": k_i, "max_step": 1000.0}
    controller = controllers.build({**spec, "target": {"valid_nonces_per_epoch": wanted}})
    history: list[EpochObservation] = []
    difficulty = START * 1.0001
    for epoch in range(1, 400):
        history.append(EpochObservation(epoch, difficulty, round(wanted * START / difficulty)))
        difficulty = controller.next_difficulty(history[-3:])
    return _get_error(history[-20:]) < _get_error(history[:20])


def _get_error(history: Sequence[EpochObservation]) -> float:
    return max(abs(observation.difficulty / START - 1.0) for observation in history)
