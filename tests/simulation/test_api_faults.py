"""A host's API that fails by itself: late and lost callbacks, and what is left of the host meanwhile."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sim
from sim.errors import ScenarioError
from sim.results import Result
from sim.scenario.load import load_scenario

SMALL = Path(__file__).parent.parent / "data" / "small.yaml"
GENERATION_2 = {"at": "363 s", "lasts": "36 s"}
"""Around the generation of epoch 2; its proof batches are taken for two more blocks, some 12 s."""


def run(*faults: dict[str, Any], tier: str = "paths", **overrides: Any) -> Result:
    given = {"work.kind": "sphere", "network.tier": tier, "faults": list(faults), **overrides}
    return sim.run(SMALL, overrides=given)


def api(**settings: Any) -> dict[str, Any]:
    return {"kind": "api", "hosts": "big-0", **GENERATION_2, **settings}


def node(result: Result, host: str = "big-0", epoch: int = 2) -> pd.Series:
    return result.ml_nodes.query("participant == @host and epoch == @epoch").iloc[0]


def row(result: Result, host: str = "big-0", epoch: int = 2) -> pd.Series:
    return result.participants.query("participant == @host and epoch == @epoch").iloc[0]


@pytest.fixture(scope="module")
def usual() -> Result:
    return run()


@pytest.mark.parametrize("tier", ["events", "paths"])
def test_an_api_that_is_down_claims_nothing_while_its_chain_node_goes_on(tier: str) -> None:
    result = run(api(probability=1.0), tier=tier)
    found = node(result)
    assert found["valid"] > 10
    assert found["claimed"] == 0
    assert found["lost"] == found["valid"] - found["unsent"]
    assert row(result)["weight"] == 0
    assert row(result, epoch=1)["weight"] > 0
    assert row(result, epoch=3)["weight"] > 0
    seeds = result.seeds.query("participant == 'big-0'")
    assert seeds["height"].notna().all()  # the chain node works
    began = result.faults.iloc[0]
    assert (began["kind"], began["value"], began["n_hosts"]) == ("api", 1.0, 1)


def test_late_callbacks_still_count_while_batches_are_taken(usual: Result) -> None:
    """8 s late: those of the last send come after E, and the chain takes them."""
    result = run(api(delay="8 s"))
    found, before = node(result), node(usual)
    assert found["valid"] == before["valid"]
    assert (found["claimed"], found["unsent"], found["lost"]) == (before["claimed"], before["unsent"], 0)
    assert found["claimed_digest"] == before["claimed_digest"]
    assert row(result)["claimed_nonces"] == row(usual)["claimed_nonces"]
    sent = result.transactions.query("creator == 'big-0' and kind == 'SubmitProofBatch' and epoch == 2")
    assert sent["created_seconds"].max() > found["end_seconds"] + 3


def test_callbacks_later_than_the_window_are_sent_and_refused(usual: Result) -> None:
    result = run(api(delay="20 s"))
    assert node(result)["claimed"] == node(usual)["claimed"]
    assert node(result)["lost"] == 0
    sent = result.transactions.query("creator == 'big-0' and kind == 'SubmitProofBatch' and epoch == 2")
    assert set(sent["fate"]) == {"included", "late"}
    assert 0 < row(result)["claimed_nonces"] < row(usual)["claimed_nonces"]


def test_callbacks_of_another_epoch_are_dropped_not_claimed_in_the_next_one(usual: Result) -> None:
    result = run(api(delay="190 s"))
    assert node(result)["claimed"] == row(result)["claimed_nonces"] == 0
    assert node(result)["lost"] == node(result)["valid"] - node(result)["unsent"] > 0
    assert row(result, epoch=3)["claimed_nonces"] == row(usual, epoch=3)["claimed_nonces"]
    assert len(result.ml_nodes) == len(usual.ml_nodes)


def test_each_callback_is_lost_by_itself() -> None:
    """Three hosts with an ML node each, one callback in 5 s over three epochs: about 75, of which a third is lost.

    Counted in nonces; 4 standard errors of 75 draws are 0.22.
    """
    result = run({"kind": "api", "hosts": "big", "at": "0 s", "probability": 0.33, "share": 1.0}, epochs=3)
    rows = result.ml_nodes[result.ml_nodes["participant"].str.startswith("big")]
    assert (rows["claimed"] + rows["unsent"] + rows["lost"] == rows["valid"]).all()
    total = rows[["claimed", "lost"]].sum()
    assert total["lost"] / total.sum() == pytest.approx(0.33, abs=0.22)
    assert run(
        {"kind": "api", "hosts": "big", "at": "0 s", "probability": 0.33, "share": 1.0}, epochs=3
    ).ml_nodes.equals(result.ml_nodes)


# Pairs


def test_checks_that_come_late_give_no_vote_and_no_vote_of_the_next_epoch(usual: Result) -> None:
    """api x validation: the window of votes is six blocks, 35 s; the next epoch is 170 s away."""
    during = {"at": "400 s", "lasts": "60 s"}
    for trouble in ({"probability": 1.0}, {"delay": "45 s"}, {"delay": "150 s"}):
        result = run({**api(**trouble), **during})
        mine = result.validations.query("validator == 'big-0'")
        assert set(mine.query("epoch == 2")["vote"]) == {"abstained"}
        before = usual.validations.query("validator == 'big-0'")
        assert mine.query("epoch != 2")["vote"].tolist() == before.query("epoch != 2")["vote"].tolist()
        said = result.participants.query("epoch == 2")[["valid_vote_weight", "invalid_vote_weight"]].sum().sum()
        assert said < usual.participants.query("epoch == 2")[["valid_vote_weight", "invalid_vote_weight"]].sum().sum()


def test_nonces_that_a_failing_node_has_called_back_arrive(usual: Result) -> None:
    """api x ml_node: the node fails while its callbacks are under way."""
    failure = {"kind": "ml_node", "hosts": "big-0", "at": "385 s", "lasts": "60 s"}
    alone, late = run(failure), run(failure, api(delay="8 s"))
    assert 0 < node(alone)["claimed"] < node(usual)["claimed"]
    assert node(late)["claimed_digest"] == node(alone)["claimed_digest"]
    assert node(late)["lost"] == 0


def test_a_callback_to_a_host_that_is_down_is_lost() -> None:
    """api x crash: what is under way when the host goes down does not arrive."""
    result = run(api(delay="8 s"), {"kind": "crash", "hosts": "big-0", "at": "385 s", "lasts": "60 s"})
    found = node(result)
    assert found["lost"] > 0
    assert found["claimed"] + found["lost"] + found["unsent"] == found["valid"]


def test_two_faults_add_their_delays_and_each_ends_by_itself() -> None:
    result = run(api(delay="3 s"), api(delay="5 s"), api(delay="4 s", lasts="1 s"))
    one = run(api(delay="8 s"))
    assert result.ml_nodes.equals(one.ml_nodes)
    assert row(result)["claimed_nonces"] == row(one)["claimed_nonces"]


def test_a_run_that_ends_while_callbacks_are_under_way_has_all_its_rows(usual: Result) -> None:
    result = run({"kind": "api", "at": "0 s", "delay": "10 h"})
    assert len(result.ml_nodes) == len(usual.ml_nodes)
    hit = result.ml_nodes.query("participant != 'late-0'")  # who joins later is not hit
    assert hit["claimed"].sum() == 0
    assert hit["valid"].sum() > 1000


@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        ({}, "faults.0: a fault of the API has a `probability` or a `delay`"),
        ({"probability": 1.5}, "faults.0.probability: 1.5 must be at most 1"),
        ({"delay": "-1 s"}, "faults.0.delay"),
        ({"probabilty": 0.5}, "faults.0.probabilty"),
    ],
)
def test_bad_faults_are_told(trouble: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError) as told:
        load_scenario(SMALL, {"faults": [api(**trouble)]})
    assert message in str(told.value)
