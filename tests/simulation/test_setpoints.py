"""Whole networks that hold each quantity at its setpoint, and what the chain measures beside what really happened."""

import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sim
from sim.difficulty.target import QUANTITIES
from sim.results import Result

FILE = Path(__file__).parent.parent / "data" / "setpoints.yaml"
TARGETS: dict[str, dict[str, Any]] = {
    "valid_nonces_per_epoch": {"valid_nonces_per_epoch": 300},
    "success_rate": {"success_rate": 0.02},
    "blocks_until_quota": {"blocks_until_quota": 12.0, "quota": 150},
    "checked_nonces_per_validator": {"checked_nonces_per_validator": 200.0},
}
SETTLED = 6  # epochs, more than the window


@cache
def run(name: str) -> Result:
    return sim.run(FILE, overrides={"difficulty.target": TARGETS[name]})


def test_every_quantity_is_run() -> None:
    assert TARGETS.keys() == QUANTITIES.keys()


@pytest.mark.parametrize("name", TARGETS)
def test_the_quantity_is_held_and_named(name: str) -> None:
    """Mean of 10 epochs: a count of about 100 or more scatters by at most 10 %, so that ± 10 % is 3 of its errors."""
    decisions = run(name).difficulty
    assert set(decisions["quantity"]) == {name}
    assert set(decisions["setpoint"]) == {float(TARGETS[name][name])}
    held = decisions["measured"][SETTLED:].mean()
    assert held == pytest.approx(TARGETS[name][name], rel=0.1)
    first = decisions["measured"].iloc[0]
    assert abs(math.log(held / first)) > 0.05  # it lay elsewhere before the controller acted


@pytest.mark.parametrize("name", TARGETS)
def test_a_decision_is_in_force_one_epoch_later_and_reaches_every_node(name: str) -> None:
    result = run(name)
    decided = result.difficulty.set_index("epoch")["next_r_target"]
    nodes = result.ml_nodes[(result.ml_nodes["epoch"] > 1) & ~result.ml_nodes["is_preserved"]]
    assert len(nodes) > 100
    assert (nodes["r_target"] == nodes["epoch"].map(lambda epoch: decided[epoch - 1])).all()


def test_the_estimated_success_rate_is_the_real_one() -> None:
    """About 100 finds an epoch on ten ML nodes, most with fewer than ten each: one voice a node costs precision."""
    result = run("success_rate")
    real = result.epochs["valid"] / result.epochs["tried"]
    ratio = result.difficulty["measured"] / real
    assert ratio.mean() == pytest.approx(1.0, abs=0.03)
    assert ratio.std() < 0.15


def test_blocks_until_the_quota_are_those_of_the_transactions() -> None:
    """Recomputed from sizes: a batch has 16 bytes a nonce and 300 more; all hosts are honest and accepted."""
    result = run("blocks_until_quota")
    claims = result.participants[result.participants["claimed_nonces"] > 0]
    assert claims["is_accepted"].all()
    batches = result.transactions
    batches = batches[(batches["kind"] == "SubmitProofBatch") & (batches["fate"] == "included")]
    for row in result.difficulty.itertuples():
        start = result.epochs.set_index("epoch").loc[row.epoch, "start_height"]
        own = batches[(batches["height"] > start) & (batches["height"] <= start + 22)].sort_values("height")
        total = ((own["size_bytes"] - 300) // 16).cumsum()
        assert row.measured == own["height"][total >= 150].iloc[0] - start


def test_validation_work_is_that_of_the_validators() -> None:
    """The mean over validators of what stands behind their votes; work that ends in no vote is not on the chain."""
    result = run("checked_nonces_per_validator")
    votes = result.validations[result.validations["vote"] == "valid"]
    assert 0.5 < len(votes) / len(result.validations) < 1.0
    mean = votes.groupby("epoch")["n_checked"].sum() / votes.groupby("epoch")["validator"].nunique()
    assert np.allclose(result.difficulty["measured"], mean)
