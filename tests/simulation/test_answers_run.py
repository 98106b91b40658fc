"""Whole runs of the scheme `answers`: from nonces to weights, a liar, an upgrade, both kinds of work (network 2.3)."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sim
from sim.protocol.consensus.transactions import TxResult
from sim.protocol.proofs.commits import Commits
from sim.results import Result
from sim.scenario.load import parse_scenario

MODEL = "MiniMax-M2.7"
STAGE, EXCHANGE, DELAY, VALIDATION = 6, 1, 3, 8
HOST = {"region": "EUROPE", "model": MODEL}


def build(**changes: Any) -> dict[str, Any]:
    """Four honest hosts and one that invents as many answers as it computes."""
    tree = {
        "name": "answers",
        "epochs": 2,
        "protocol": {
            "version": "v0.2.16",
            "epoch_length": 30,
            "poc_stage_duration": STAGE,
            "poc_exchange_duration": EXCHANGE,
            "poc_validation_delay": DELAY,
            "poc_validation_duration": VALIDATION,
            "validation_sample_size": 50,
            "rules": {"confirmations_per_epoch": 0},
        },
        "work": {"kind": "sphere", "params": "tiny", "startup": "2 s"},
        "hosts": [
            {"name": "two", "count": 2, "gpus": ["2 x H200 at 4 nonces/s", "1 x H100-SXM at 3 nonces/s"], **HOST},
            {"name": "one", "count": 2, "gpus": ["2 x H200 at 6 nonces/s"], **HOST},
            {
                "name": "liar",
                "gpus": ["2 x H200 at 6 nonces/s"],
                "strategy": {"kind": "overclaim", "excess": 1.0},
                **HOST,
            },
        ],
    }
    for key, value in changes.items():
        place, *path = key.split("__")
        tree[place] = {**tree[place], path[0]: value} if path else value
    return tree


def run(**changes: Any) -> Result:
    return sim.run(parse_scenario(json.dumps(build(**changes))))


@pytest.fixture(scope="module")
def usual() -> Result:
    return run()


def select(frame: pd.DataFrame, **values: object) -> pd.DataFrame:
    for column, value in values.items():
        frame = frame[frame[column] == value]
    return frame


def test_what_is_committed_in_time_counts_and_nothing_else(usual: Result) -> None:
    """Every computed nonce is valid. The last look before the end of the stage is 2 s + 6 periods after its start."""
    nodes = usual.ml_nodes
    assert (nodes["tried"] == nodes["valid"]).all()
    claimed = nodes.groupby(["epoch", "participant"])["claimed"].sum()
    told = usual.claims.set_index(["epoch", "participant"])["claimed_nonces"]
    assert (told == claimed.loc[told.index]).all()
    honest = nodes[nodes["participant"] != "liar-0"]
    assert (honest["claimed"] + honest["unsent"] == honest["valid"]).all()
    assert (honest["unsent"] < 5 * honest["nonces_per_second"] + 8).all()


def test_commitments_leave_every_five_seconds_and_two_in_a_block_are_one_too_many(usual: Result) -> None:
    sent = select(usual.transactions, kind="StoreCommit", creator="one-0", epoch=1)
    assert np.diff(sent["created_seconds"].iloc[:-1]) == pytest.approx(5.0)  # the last one at the end of the stage
    is_first = ~sent.duplicated("height")
    assert set(sent.loc[is_first, "result"]) == {TxResult.ACCEPTED}
    assert set(sent.loc[~is_first, "result"]) <= {"second commitment of a model in a block"}


def test_one_distribution_leaves_when_claims_are_closed(usual: Result) -> None:
    sent = select(usual.transactions, kind="DistributeWeight")
    assert not sent.duplicated(["epoch", "creator"]).any()
    assert set(sent["result"]) == {TxResult.ACCEPTED}
    starts = usual.epochs.set_index("epoch")["start_height"]
    closed = usual.blocks.set_index("height").loc[starts[1] + STAGE + EXCHANGE, "time_seconds"]
    assert select(sent, epoch=1)["created_seconds"].between(closed, closed + 5.5).all()


def test_claims_weigh_their_nonces_in_the_time_of_the_stage(usual: Result) -> None:
    """f = 5.41 * 7 blocks / whole seconds from P to V."""
    blocks, starts = (
        usual.blocks.set_index("height")["timestamp_seconds"],
        usual.epochs.set_index("epoch")["start_height"],
    )
    for row in usual.claims.itertuples():
        start = starts[row.epoch]
        factor = 5.41 * (STAGE + EXCHANGE) / (int(blocks[start + STAGE + DELAY]) - int(blocks[start]))
        assert row.claimed_weight == int(row.claimed_nonces * factor + 1e-9)
        assert row.raw_weight <= row.claimed_weight <= row.raw_weight + 1 or not row.is_accepted


def test_who_invents_half_of_its_answers_is_voted_down_by_all_others(usual: Result) -> None:
    lies = select(usual.claims, participant="liar-0")
    assert set(lies["reason"]) == {"voted invalid"}
    assert set(select(usual.claims[usual.claims["participant"] != "liar-0"], is_accepted=True)["epoch"]) == {1, 2}
    checks = select(usual.validations, participant="liar-0", model=MODEL)
    others = checks[checks["validator"] != "liar-0"]
    assert set(others["vote"]) == {"fraud"}
    assert (others["n_invalid"] / others["n_checked"]).between(0.2, 0.8).all()  # of 50, half: +-4 standard deviations
    own = select(checks, validator="liar-0")
    assert set(own["vote"]) == {"valid"}
    assert (usual.participants.query("participant == 'liar-0'")["weight"] == 0).all()


def test_without_a_distribution_there_is_no_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is sent again every 30 s, as long as the chain refuses it."""
    refuse = Commits.take

    def take(self: Commits, message: Any, height: int, episode: Any, rules: Any) -> Any:
        is_lost = type(message).__name__ == "DistributeWeight" and message.creator == "one-0"
        return ("lost", self) if is_lost else refuse(self, message, height, episode, rules)

    monkeypatch.setattr(Commits, "take", take)
    result = run(epochs=1)
    sent = select(result.transactions, kind="DistributeWeight", creator="one-0")
    assert len(sent) >= 2
    assert np.diff(sent["created_seconds"]) == pytest.approx(30.0)
    reasons = result.claims.set_index("participant")["reason"]
    assert reasons["one-0"] == "claimed weight below 1"
    assert reasons["one-1"] == "accepted"


def test_who_crashes_after_its_commitments_distributes_when_it_is_back(usual: Result) -> None:
    """Answers are on disk: one-0 is down from the end of the stage until the middle of validation."""
    start = float(usual.epochs["start_seconds"].iloc[0])
    away = {"kind": "crash", "hosts": ["one-0"], "at": f"{start + 5.6 * STAGE:.1f} s", "lasts": "38 s"}
    result = run(epochs=1, faults=[away])
    sent = select(result.transactions, kind="DistributeWeight", creator="one-0")
    assert sent["created_seconds"].min() > start + 5.6 * STAGE + 38
    claim = select(result.claims, participant="one-0").iloc[0]
    assert claim["claimed_nonces"] > 0
    assert claim["claimed_weight"] > 0


def test_law_and_kernel_accept_the_same_claims() -> None:
    """The kernel's answers in one number type agree to the bit, those of the law on one card too."""
    slow = [{**host, "gpus": "1 x H200 at 2 nonces/s"} for host in build()["hosts"][1:]]
    slow[-1]["strategy"] = {"kind": "overclaim", "excess": 3.0}
    by_kind = {
        kind: run(epochs=1, hosts=slow, work__kind=kind, protocol__validation_sample_size=12)
        for kind in ("sphere", "kernel")
    }
    columns = ["participant", "model", "claimed_nonces", "claimed_weight", "is_accepted", "reason", "raw_weight"]
    law, kernel = (result.claims[columns] for result in by_kind.values())
    assert law.equals(kernel)
    assert law["is_accepted"].tolist() == [False, True, True]
    assert by_kind["kernel"].provenance["work"]["answers"]["computed"] > 100


def test_a_run_passes_from_hits_to_answers_at_an_upgrade() -> None:
    """The first epoch's messages are those of v0.2.8, which the second refuses, and the other way round."""
    tree = build(epochs=3, protocol__version="v0.2.8", protocol__upgrades=[{"epoch": 2, "version": "v0.2.9"}])
    for host in tree["hosts"]:
        host["model"] = "Qwen3-235B-A22B"
    result = sim.run(parse_scenario(json.dumps(tree)))
    kinds = result.transactions.groupby("epoch")["kind"].agg(set)
    assert "SubmitProofBatch" in kinds[1]
    assert "StoreCommit" not in kinds[1]
    for epoch in (2, 3):
        assert {"StoreCommit", "DistributeWeight"} <= kinds[epoch]
        assert "SubmitProofBatch" not in kinds[epoch]
    assert set(result.claims["epoch"]) == {2, 3}
    assert result.epochs.set_index("epoch")["hit_probability"].loc[2] == 1.0
    weights = result.participants.groupby("epoch")["weight"].sum()
    assert (weights > 0).all()
