"""Fetching leaves, refusing claims without a check, and the early-share guard, in a run (network 2.5, 2.6)."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sim.results import Result
from sim.runner import run
from sim.scenario.load import load_scenario

SCENARIO = Path(__file__).parent.parent / "data" / "evidence.yaml"
PAUSES_SECONDS, PERIOD_SECONDS = 861.515625, 5.0
VALIDATION_START = 10
"""Blocks after the start of an epoch."""


@pytest.fixture(scope="module")
def result() -> Result:
    return run(load_scenario(SCENARIO))


def select(result: Result, epoch: int, host: str) -> pd.DataFrame:
    rows = result.validations
    return rows[(rows.epoch == epoch) & rows.participant.str.startswith(host)]


def get_reason(result: Result, epoch: int, host: str) -> str:
    rows = result.participants
    return str(rows[(rows.epoch == epoch) & (rows.participant == host)].reason.item())


def find_start_seconds(result: Result, epoch: int) -> float:
    """Time of the block at which validation starts."""
    start = result.epochs.set_index("epoch").start_height[epoch] + VALIDATION_START
    return float(result.blocks.set_index("height").time_seconds[start])


def test_a_host_that_is_down_is_voted_down_after_the_last_attempt(result: Result) -> None:
    rows = select(result, 1, "gone")
    assert set(rows.vote) == {"fraud"}
    assert set(rows.n_checked) == {0}
    waited = rows.seconds - find_start_seconds(result, 1)
    assert waited.between(PAUSES_SECONDS, PAUSES_SECONDS + PERIOD_SECONDS + 1.0).all()
    assert get_reason(result, 1, "gone-0") == "voted invalid"
    assert get_reason(result, 2, "gone-0") == "accepted"


def test_a_host_that_is_cut_off_gets_no_vote_in_time(result: Result) -> None:
    """25 attempts with their time limit of 20 s and their pauses take longer than the window."""
    assert set(select(result, 1, "cut").vote) == {"out of time"}
    assert get_reason(result, 1, "cut-0") == "no vote by a member"
    assert get_reason(result, 2, "cut-0") == "accepted"


def test_a_burst_is_forgiven_once(result: Result) -> None:
    """By each validator for itself: those that were away the first time forgive the second one."""
    assert set(select(result, 1, "late").vote) == {"valid"}
    rows = select(result, 2, "late")
    second = rows[~rows.validator.isin(["gone-0", "cut-0"])]
    assert set(rows.vote) == {"valid", "fraud"}
    assert set(second.vote) == {"fraud"}
    assert (second.seconds - find_start_seconds(result, 2) < 2 * PERIOD_SECONDS).all()  # as soon as leaves are there
    assert [get_reason(result, epoch, "late-0") for epoch in (1, 2)] == ["accepted", "voted invalid"]


def test_a_guardian_without_the_model_votes_no_in_the_end(result: Result) -> None:
    rows = select(result, 2, "deep")
    (guardian,) = (row for row in rows.itertuples() if row.validator == "guard-0")
    waited = guardian.seconds - find_start_seconds(result, 2)
    assert guardian.vote == "fraud"
    assert PAUSES_SECONDS <= waited < PAUSES_SECONDS + PERIOD_SECONDS + 1.0
    assert set(rows.validator) <= {"guard-0", "deep-0"}  # nobody reads what others without the model say


def test_checks_wait_for_their_leaves(result: Result) -> None:
    """The first check is finished after a trip there and back and its sample at the rate of all ML nodes."""
    rows = result.validations[(result.validations.epoch == 2) & (result.validations.validator == "guard-0")]
    checked = np.sort(rows[rows.n_checked > 0].seconds.to_numpy())
    assert checked[0] > find_start_seconds(result, 2)
    assert np.ptp(np.diff(checked)) < 1e-6


def test_hosts_that_only_observe_bursts_forgive_them_all() -> None:
    groups = ("good", "late", "gone", "cut", "deep", "guard")
    observing = load_scenario(SCENARIO, [f"hosts.{name}.early_share_guard=observe" for name in groups])
    result = run(observing)
    assert [get_reason(result, epoch, "late-0") for epoch in (1, 2)] == ["accepted", "accepted"]
