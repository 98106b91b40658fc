"""The published study of profit switchers, simulated a second time: plainly, and with the study's own details.

Facts from kyuupichan/difficulty, mining.py, scenario `default`; none of its code. `powsim theory` holds the rig to the
same table, with rules and prices of the lab. Here is what lies between: fees that change from block to block, whole
seconds, a start far from balance, exactly ten jumps of four sizes; a moving average from the median of three blocks to
another one, bounded to [1/2, 2]; a weighted average of targets.
"""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sim.economy import curves
from sim.race.lab_file import load_lab
from sim.theory.economy import PUBLISHED, STUDY

N_BLOCKS, N_RUNS, SEED = 10_000, 60, 1
EVEN = 1048.7  # PH/s at which both chains pay the same at the first price
START = 640.1  # PH/s for which the first difficulty is right
Rows = list[np.ndarray]
NextDifficulty = Callable[[Rows, Rows, Rows, Rows], np.ndarray]


def cw_144(difficulties: Rows, times: Rows, clock: Rows, work: Rows) -> np.ndarray:
    """Honest clocks run forward, so that the median of three blocks is the middle one."""
    span = np.clip(clock[-2] - clock[-146], 72.0, 288.0)
    return np.asarray((work[-2] - work[-146]) / span)


def wt_144(difficulties: Rows, times: Rows, clock: Rows, work: Rows) -> np.ndarray:
    ranks = np.arange(1.0, 145.0)[:, np.newaxis]
    return np.asarray(ranks.sum() / (ranks * np.array(times[-144:]) / np.array(difficulties[-144:])).sum(axis=0))


def wtema_72(difficulties: Rows, times: Rows, clock: Rows, work: Rows) -> np.ndarray:
    return np.asarray(difficulties[-1] / (1.0 + (times[-1] - 1.0) / 104.0))


def ema_1d(difficulties: Rows, times: Rows, clock: Rows, work: Rows) -> np.ndarray:
    time = np.maximum(times[-1], 0.01)
    weight = 1.0 - np.exp(-time / 144.0)
    return np.asarray(difficulties[-1] * (1.0 - weight + weight / time))


def draw_jumps(generator: np.random.Generator) -> np.ndarray:
    jumps = np.zeros((N_BLOCKS, N_RUNS))
    for run in range(N_RUNS):
        for height in generator.integers(N_BLOCKS, size=10):
            jumps[height, run] = math.log(generator.choice([0.85, 0.9, 1.1, 1.15]))
    return jumps


def simulate(rule: NextDifficulty) -> np.ndarray:
    """Block times (s), blocks × runs. Difficulties are in PH/s for which they are right, times in 600 s."""
    generator = np.random.default_rng(SEED)
    one, is_greedy_here = np.ones(N_RUNS), np.zeros(N_RUNS, dtype=bool)
    difficulties, times, costs = [START * one] * 150, [one] * 150, [one] * 6
    clock, work = [number * one for number in range(-149, 1)], [START * number * one for number in range(-149, 1)]
    price, jumps, found = one, np.exp(draw_jumps(generator)), np.empty((N_BLOCKS, N_RUNS))
    for height in range(N_BLOCKS):
        seen = sum(costs[-6:]) / 6.0
        is_greedy_here = (is_greedy_here | (seen <= 0.9)) & (seen < 1.1)
        compute = 300.0 + 2000.0 * np.clip((1.15 - seen) / 0.3, 0.0, 1.0) + 2000.0 * is_greedy_here
        difficulty = rule(difficulties, times, clock, work)
        time = np.round(600.0 * generator.exponential(size=N_RUNS) * difficulty / compute) / 600.0
        price = price * (1.0 + (generator.random(N_RUNS) - 0.5) / 200.0) * jumps[height]
        elsewhere = (12.75 + 2.0 * generator.random(N_RUNS)) / 13.75
        here = price * (12.5 + 0.2 * generator.random(N_RUNS)) / 12.6
        found[height] = time
        for rows, row in (
            *((difficulties, difficulty), (times, time), (costs, difficulty / EVEN * elsewhere / here)),
            *((clock, clock[-1] + time), (work, work[-1] + difficulty)),
        ):
            rows.append(row)
            del rows[0]
    return 600.0 * found


@pytest.mark.parametrize(("kind", "rule"), [("sma", cw_144), ("lwma", wt_144), ("wtema", wtema_72), ("ema", ema_1d)])
def test_the_published_table_comes_out(kind: str, rule: NextDifficulty) -> None:
    """All eight numbers: means within 0.75 %, standard deviations within 6 %, of which 3 % are 4 standard errors or
    less of ours."""
    _, mean, sd, _ = PUBLISHED[kind]
    times = simulate(rule)
    assert times.mean() == pytest.approx(mean, rel=0.0075)
    assert times.std(axis=0, ddof=1).mean() == pytest.approx(sd, rel=0.06)


def test_the_scenario_is_the_study() -> None:
    config = load_lab(Path(__file__).parent.parent.parent / "scenarios/difficulty/profit-switchers.yaml").config
    assert config.curves == (curves.build(STUDY),)
    for (kind, (parameters, *_)), controller in zip(PUBLISHED.items(), config.controllers, strict=False):
        assert type(controller).__module__.endswith(kind)
        assert all(getattr(controller, name) == value for name, value in parameters.items())
