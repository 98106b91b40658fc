"""Whole runs with a PoC Challenge: who computes, who votes, who is paid (network 2.13)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from sim.errors import ScenarioError
from sim.metrics.frames import Frames, build_frames
from sim.protocol.blocks.challenge_verdicts import settle_challenges
from sim.protocol.blocks.challenging import put_challenge, take_slice
from sim.protocol.blocks.state import ChainState
from sim.protocol.models.challenge import ChallengeEnd, ChallengeRefusal
from sim.protocol.proofs.commit_rules import CommitFault
from sim.scenario.load import parse_scenario
from sim.strategies import strategies
from sim.strategies.actions import ClaimResults
from sim.strategies.base import Answer
from sim.strategies.events import ResultsFound
from sim.work import works
from sim.world import World, build_world

SEED = 7
MODEL = "MiniMax-M2.7"
SAFETY, SLICE, LEAST, FIRST = 6, 30, 15, 8
HOST = {"region": "EUROPE", "gpus": f"2 x H200 at 12 nonces/s for {MODEL}"}
TARGET = {**HOST, "name": "target", "gpus": [f"2 x H200 at 6 nonces/s for {MODEL}"] * 2}


@dataclass(frozen=True)
class Inventor:
    """Adds as many invented answers as it computes, but only while it is challenged."""

    events: ClassVar = (ResultsFound,)

    def start(self, identity: Any) -> int:
        return 0

    def react(self, memory: int, event: ResultsFound, generator: np.random.Generator) -> Answer:
        if event.view.state.challenges.get(event.view.address) is None:
            return memory, None
        proof, n = event.view.params.rules_at(event.epoch).proof, len(event.nonces)
        nonces = np.concatenate([event.nonces, proof.invent_nonces(range(memory + 1, memory + n + 1), generator)])
        fake = proof.fabricate(event.values, n, event.threshold, 12, generator)
        return memory + n, (ClaimResults(event.node_id, nonces, np.concatenate([event.values, fake])),)


@pytest.fixture(scope="module", autouse=True)
def inventor() -> Iterator[None]:
    strategies.register("inventor")(Inventor)
    yield
    strategies._plugins.pop("inventor")
    strategies._adapters.pop("inventor", None)


def build(confirmations: float = 0.0, target: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """Four judges, of which the first challenges the target eight blocks after S of epoch 2."""
    challenge = {"kind": "challenge", "host": "target-0", "epoch": 2, "blocks": FIRST}
    tree: dict[str, Any] = {
        "name": "challenge",
        "epochs": 3,
        "protocol": {
            "version": "v0.2.16",
            "models": [{"name": MODEL, "distance_threshold": 0.75, "coefficient": 1, "is_initial": True}],
            "epoch_length": 150,
            "epoch_shift": 145,
            "poc_stage_duration": 10,
            "poc_exchange_duration": 0,
            "poc_validation_delay": 2,
            "poc_validation_duration": 8,
            "set_new_validators_delay": 1,
            "inference_validation_cutoff": 2,
            "validation_sample_size": 40,
            "vesting_epochs": 0,
            "challenge_slice_blocks": SLICE,
            "challenge_least_blocks": LEAST,
            "rules": {
                "confirmation_safety_blocks": SAFETY,
                "confirmations_per_epoch": confirmations,
                "upgrade_pause_blocks": 0,
            },
        },
        "work": {"kind": "sphere", "params": "tiny", "startup": "5 s"},
        "network": {"tier": "paths", "topology": {"kind": "full_mesh"}},
        "inference": {"requests_per_epoch": 100},
        "hosts": [
            {**HOST, "name": "first", "strategy": challenge, "challenger": True},
            {**HOST, "name": "judge", "count": 2},
            {**HOST, "name": "poor", "strategy": challenge},
            {**TARGET, **(target or {})},
        ],
    }
    for key, value in changes.items():
        place, *path = key.split("__")
        tree[place] = {**tree[place], path[0]: value} if path else value
    return tree


@dataclass(frozen=True)
class Run:
    """Frames, the world, and its last state."""

    frames: Frames
    world: World

    @property
    def state(self) -> ChainState:
        return self.world.context.ledger.get_state(self.world.context.ledger.height)

    def get(self, frame: str, **where: Any) -> pd.DataFrame:
        rows = self.frames[frame]
        for column, value in where.items():
            rows = rows[rows[column] == value]
        return rows.reset_index(drop=True)

    @property
    def challenge(self) -> dict[str, Any]:
        (row,) = self.frames["challenges"].to_dict("records")
        return row

    @property
    def segments(self) -> list[dict[str, Any]]:
        return self.frames["segments"].to_dict("records")


@cache
def _run(text: str) -> Run:
    scenario = parse_scenario(text)
    with works.build(scenario.work.kind).open(scenario.work.settings) as work:
        world = build_world(scenario, work, lambda ended: None)
        world.run()
    return Run(build_frames(world.context.recorder), world)


def run(**changes: Any) -> Run:
    return _run(json.dumps(build(**changes)))


def count_coins(state: ChainState) -> int:
    """All coins that there are, wherever they are."""
    waiting = sum(record.amount for record in state.settled.values())
    owned = sum(state.balances.values()) + sum(map(sum, state.vesting.values()))
    locked = sum(challenge.stake.locked for challenge in state.challenges.values())
    return owned + waiting + locked + state.burnt + state.left + state.slashed + state.governance


def test_who_passes_gets_the_stake_and_its_reward() -> None:
    """One segment from the block after the challenge to the safety window, voted on in the next validation."""
    told = run()
    row, (segment,) = told.challenge, told.segments
    state = told.world.context.ledger.get_state(row["height"])
    switch, window = state.schedule.set_validators, state.schedule.next_start - SAFETY
    weights, emission = state.effective.weights, told.get("rewards", epoch=2)["reward_ngonka"].sum()
    emission += told.get("payments", kind="governance", reason="remainder of the settlement")["amount_ngonka"].iloc[-1]
    exposure = weights["target-0"] * emission * (window - row["height"]) // (sum(weights.values()) * (window - switch))
    assert (row["challenger"], row["participant"], row["outcome"]) == ("first-0", "target-0", "passed")
    assert (row["exposure_ngonka"], row["stake_ngonka"]) == (exposure, exposure // 10)
    assert row["stake_to_target_ngonka"] == row["stake_ngonka"] > row["stake_back_ngonka"] == row["prize_ngonka"] == 0
    assert (segment["start_height"], segment["end_height"]) == (row["height"] + 1, window)
    assert segment["committed_slices"] == segment["judged_slices"] == -(-(window - segment["start_height"]) // SLICE)
    assert segment["committed_nonces"] >= 0.95 * segment["expected_nonces"]
    others = sum(weight for who, weight in state.effective.trusted.items() if who != "target-0")
    assert segment["valid_vote_power"] == segment["total_vote_weight"] == others
    (paid,) = told.get("rewards", epoch=2, participant="target-0").to_dict("records")
    assert paid["reason"] == "paid"
    assert row["end_height"] == told.get("payments", kind="forfeited")["height"].item()


def test_coins_are_conserved_while_they_are_locked_and_when_they_are_paid() -> None:
    for target in ({}, {"confirmed_share": 0.8}):
        told = run(target=target)
        ledger = told.world.context.ledger
        for height in (told.challenge["height"], told.challenge["end_height"], ledger.height):
            state = ledger.get_state(height)
            assert count_coins(state) == state.emitted + state.fees
        kinds = told.frames["payments"].groupby("kind")["amount_ngonka"].sum().to_dict()
        assert kinds["staked"] == kinds.get("forfeited", 0) + kinds.get("returned", 0) == told.challenge["stake_ngonka"]


def test_who_has_hardware_for_short_proofs_only_loses_its_reward_to_the_challenger() -> None:
    """It shows 0.8 of its rate where 0.909 are asked: enough in a confirmation, too little here."""
    told = run(target={"confirmed_share": 0.8})
    row, (segment,) = told.challenge, told.segments
    assert (row["outcome"], row["reason"]) == ("failed", "a slice has too little work")
    assert not segment["is_passed"]
    assert row["end_height"] == segment["end_height"]
    assert row["stake_back_ngonka"] == row["stake_ngonka"]
    assert row["prize_ngonka"] == row["exposure_ngonka"] > 0
    (paid,) = told.get("rewards", epoch=2, participant="target-0").to_dict("records")
    assert (paid["reward_ngonka"], paid["reason"]) == (0, "failed a confirmation")
    (read,) = told.get("confirmations", participant="target-0").to_dict("records")
    assert (read["height"], read["weight_after"], read["is_failed"]) == (segment["end_height"], 0, True)
    ledger = told.world.context.ledger
    assert "target-0" in ledger.get_state(read["height"]).effective.removed
    (left,) = told.get("payments", kind="prize").to_dict("records")
    assert (left["participant"], left["amount_ngonka"]) == ("first-0", row["prize_ngonka"])


def test_who_invents_is_voted_down_by_all_others() -> None:
    told = run(target={"strategy": "inventor"})
    row, (segment,) = told.challenge, told.segments
    assert (row["outcome"], row["reason"]) == ("failed", "voted invalid")
    assert segment["invalid_vote_power"] == segment["total_vote_weight"]
    assert told.get("claims", epoch=2, participant="target-0")["is_accepted"].all()


def test_a_target_that_is_down_misses_a_commitment() -> None:
    start = run().challenge["height"]
    at = run().get("blocks", height=start + SLICE)["time_seconds"].item()
    fault = {"kind": "crash", "hosts": "target", "at": f"{at:.0f} s", "lasts": f"{8.4 * SLICE:.0f} s"}
    told = run(faults=[fault])
    assert told.challenge["reason"] == "a slice has no commitment"
    assert told.segments[0]["committed_slices"] < told.segments[0]["judged_slices"]


def test_a_confirmation_asks_all_but_the_target_and_votes_on_its_segment() -> None:
    """The second segment starts with the block after the read-out, with a seed of its own."""
    told = run(confirmations=2.0, seed=SEED)
    first, *_ = segments = told.segments
    events = told.get("confirmations", epoch=2)
    read_out = first["height"]
    assert told.challenge["outcome"] == "passed"
    assert len(segments) == told.challenge["passed_segments"] >= 2
    assert set(events[events["height"] == read_out]["participant"]) == {*told.state.hosts}
    assert segments[1]["start_height"] == read_out + 1
    run_ = told.world.context.ledger.get_state(first["end_height"]).confirmation_run
    assert run_.heights.validation_start == first["end_height"]
    commits = told.get("transactions", kind="StoreCommit", creator="target-0")
    inside = commits[commits["height"].between(run_.heights.generation_start, run_.heights.last_batch)]
    assert all(name.startswith("slice/") for name in inside["tx_id"])
    votes = told.get("transactions", kind="SubmitValidation", creator="target-0", result="accepted")
    assert votes["height"].between(run_.heights.first_vote, run_.heights.last_vote).any(), (
        "it checks the others' claims"
    )
    assert all(segment["valid_vote_power"] == segment["total_vote_weight"] > 0 for segment in segments)


def test_short_segments_pass_without_a_vote_and_without_a_reading() -> None:
    told = run(confirmations=2.0, seed=SEED, protocol__challenge_least_blocks=60)
    assert {(each["is_passed"], each["reason"]) for each in told.segments} == {(True, "too short to be judged")}
    assert told.challenge["outcome"] == "passed"
    assert told.get("confirmations", epoch=2, participant="target-0").empty
    assert told.get("rewards", epoch=2, participant="target-0")["reason"].item() == "paid"


def test_the_target_serves_no_requests_while_it_is_challenged() -> None:
    """Its misses are forgiven, and its fees are lost."""
    peaceful = [{key: value for key, value in host.items() if key != "strategy"} for host in build()["hosts"]]
    quiet, asked = run(hosts=peaceful), run()
    before, after = (told.get("inferences", epoch=2).set_index("participant")["requests"] for told in (quiet, asked))
    assert 0 < after["target-0"] < before["target-0"] / 2
    assert (after.drop("target-0") == before.drop("target-0")).all()


def test_refused_challenges_say_why_and_lock_nothing() -> None:
    """Another host is not on the list; in the version before the chain knows no such message."""
    fates = run().get("transactions", kind="OpenChallenge").set_index("creator")
    assert fates.loc["poor-0", "result"] == ChallengeRefusal.NOT_ALLOWED
    assert fates.loc["first-0", "result"] == "accepted"
    older = run(protocol__version="v0.2.15")
    assert set(older.get("transactions", kind="OpenChallenge")["result"]) == {"unknown message"}
    assert older.frames["challenges"].empty
    assert not older.get("payments", kind="staked").size


def test_a_slice_has_one_commitment_and_counts_rise() -> None:
    told = run()
    commits = told.get("transactions", kind="StoreCommit", creator="target-0", result="accepted")
    own = commits[commits["tx_id"].str.startswith("slice/")]["height"].tolist()
    ledger, params = told.world.context.ledger, told.world.context.params
    (sent,) = (each for each in ledger.get_block(own[0]).transactions if each.tx_id.startswith("slice/"))

    def offer(height: int, more: int) -> str:
        entries = tuple(replace(entry, count=entry.count + more) for entry in sent.entries)
        state = replace(ledger.get_state(height - 1), height=height)
        fate = take_slice(state, replace(sent, entries=entries), params, params.rules_at(2))
        assert fate is not None
        return fate[0]

    assert offer(own[0] + 1, more=1) == CommitFault.SAME_SLICE
    assert offer(own[0] + 2, more=0) == CommitFault.NOT_RISING
    assert offer(own[0] + 2, more=1) == "accepted"
    assert offer(told.segments[0]["end_height"], more=10**9) == "outside its window"


def test_a_challenge_names_another_host_of_the_scenario() -> None:
    tree = build()
    for name, told in (("targt-0", 'unknown host "targt-0". Did you mean "target-0"?'), ("first-0", "this very host")):
        tree["hosts"][0]["strategy"] = {"kind": "challenge", "host": name, "epoch": 2}
        with pytest.raises(ScenarioError, match=re.escape(told)):
            parse_scenario(json.dumps(tree))


def test_stakes_and_prizes_vest() -> None:
    """The same ends as in the runs above, with coins that unlock over three epochs; a prize leaves something over."""
    told = run(target={"confirmed_share": 0.8})
    ledger, params = told.world.context.ledger, replace(told.world.context.params, vesting_epochs=3)
    before = ledger.get_state(told.challenge["end_height"])
    (failed,) = before.challenges.values()
    room = failed.stake.exposure - 1
    after = replace(before, emitted=before.emitted + 10**18, governance=before.governance + room)
    settled, _ = settle_challenges(after, before, params.rules_at(2), params)
    assert sum(settled.vesting["first-0"]) == room
    assert len(settled.vesting["first-0"]) == 3
    assert settled.governance == before.governance
    assert settled.balances["first-0"] - before.balances["first-0"] == failed.stake.locked
    passed = replace(failed, end=ChallengeEnd.PASSED)
    settled, _ = settle_challenges(put_challenge(after, passed), before, params.rules_at(2), params)
    assert sum(settled.vesting["target-0"]) == failed.stake.locked
    assert not settled.challenges


def test_law_and_kernel_judge_a_segment_alike() -> None:
    """With the kernel a segment has a real tree, whose leaves are examined slice by slice."""
    slow, tree = {"gpus": f"2 x H200 at 1.2 nonces/s for {MODEL}", "count": 1}, build()
    hosts = [{**host, **slow} for host in tree["hosts"] if host["name"] != "poor"]
    protocol = {**tree["protocol"], "validation_sample_size": 8, "epoch_length": 80, "epoch_shift": 78}
    kernel, law = (run(hosts=hosts, protocol=protocol, work__kind=kind).segments for kind in ("kernel", "sphere"))
    assert kernel == law
    assert kernel[0]["committed_slices"] > 1
    assert 2 * kernel[0]["valid_vote_power"] > kernel[0]["total_vote_weight"]


def test_a_challenge_has_all_ml_nodes_that_would_compute_early() -> None:
    """Twenty blocks before each P the target begins under a guessed hash, unless a challenge has its ML nodes then."""
    guessing = {"strategy": {"kind": "precompute", "guess": "0123456789ABCDEF" * 4, "lead": 20}}
    passed = run(target=guessing)
    assert passed.challenge["outcome"] == "passed"
    early = passed.get("ml_nodes", participant="target-0").groupby("epoch")["tried_early"].sum()
    assert early[2] > 0
    assert early[3] == 0
