"""The whole run of main net's epoch 56 against what was observed of it; the table stands in "Is it true?"."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sim.results import Result
from sim.runner import run
from sim.scenario.load import load_scenario
from sim.theory.epoch56 import (
    GUARDIANS,
    load_block_times,
    load_observed_nodes,
    load_participants,
    simulate_block_times,
)

FILE = Path(__file__).parent.parent.parent / "scenarios" / "mainnet-epoch-56.yaml"
WHOLE, AFTER = 2, 3
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def result() -> Result:
    return run(load_scenario(FILE))


def of_epoch(result: Result, frame: str, epoch: int) -> pd.DataFrame:
    """Rows of one epoch, by the participants' names in the observed tables."""
    rows = result.frames[frame]
    rows = rows[rows["epoch"] == epoch]
    return rows.set_index(rows["participant"].str.removesuffix("-0"))


def test_the_epoch_has_its_length_and_everybody_is_accepted(result: Result) -> None:
    blocks = result.frames["blocks"]
    assert (blocks["epoch"] == WHOLE).sum() == 15_391
    assert result.frames["participants"].groupby("epoch")["is_accepted"].sum().to_dict() == {1: 26, 2: 26, 3: 26}


def test_weights_come_out_as_they_went_in(result: Result) -> None:
    observed = pd.Series(load_participants("weight_epoch56"))
    weights = of_epoch(result, "participants", WHOLE)["weight"]
    assert weights.sum() == pytest.approx(307_751, rel=0.01)
    assert ((weights - observed).abs() <= 4.5 * np.sqrt(observed) + 0.02 * observed).all()


def test_as_many_ml_nodes_of_each_participant_skip_the_next_proof(result: Result) -> None:
    nodes = of_epoch(result, "ml_nodes", AFTER)
    skipping = Counter(nodes.index[nodes["is_preserved"]])
    assert skipping == Counter(node.address for node in load_observed_nodes() if node.is_preserved)
    assert skipping.total() == 50


def test_guardians_hold_their_share_and_equal_powers(result: Result) -> None:
    powers = of_epoch(result, "participants", WHOLE)["consensus_power"]
    guardians = powers[list(GUARDIANS)]
    assert guardians.nunique() == 1
    assert guardians.sum() / powers.sum() == pytest.approx(0.52 / 1.52, rel=1e-4)


def test_the_reward_is_shared_as_observed(result: Result) -> None:
    rewards = of_epoch(result, "rewards", WHOLE)["reward_ngonka"]
    assert rewards.sum() == math.trunc(323_000 * 10**9 * math.exp(-0.000475 * (WHOLE - 1)))
    assert rewards["P01"] / rewards.sum() == pytest.approx(0.1228, abs=0.002)


def test_the_mean_interval_is_fitted(result: Result) -> None:
    blocks = result.frames["blocks"]
    seconds = blocks.loc[blocks["epoch"] == WHOLE, "time_seconds"]
    heights, times = load_block_times()
    measured = (times[-1] - times[0]) / (heights[-1] - heights[0])
    assert np.diff(seconds).mean() == pytest.approx(measured, abs=0.01)


def test_intervals_without_the_work_are_those_of_the_run() -> None:
    """So the row of `powsim theory` may do without it."""
    assert np.diff(simulate_block_times(500)).mean() == pytest.approx(5.638, abs=0.03)
