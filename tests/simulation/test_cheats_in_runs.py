"""Cheats that know or have more than an honest host, each in small runs: its gain, or how the rules end it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sim
from pow.validation import critical_count
from sim.errors import UserError
from sim.protocol.consensus.transactions import TxResult
from sim.protocol.proofs.acceptance import draw_slots_of_answers
from sim.results import Result
from sim.scenario.load import parse_scenario
from sim.strategies import events
from sim.strategies.proposers.grind_hash import GrindHash, count_own_slots

VERSIONS = ("v0.2.0", "v0.2.6", "v0.2.16")
SLOTS = 40
PROTOCOL = {
    "epoch_length": 24, "poc_stage_duration": 6, "poc_exchange_duration": 2, "poc_validation_delay": 3,
    "poc_validation_duration": 8, "validation_sample_size": 60,
}  # fmt: skip
LONG = {
    "epoch_length": 60,
    "inference_validation_cutoff": 2,
    "rules": {"confirmations_per_epoch": 6.0, "confirmation_safety_blocks": 0},
}
"""Room for a confirmation between two proofs of compute, and a good chance of one."""


def run(
    version: str,
    *odd: dict[str, Any],
    epochs: int = 1,
    work: dict[str, Any] | None = None,
    rate: int = 200,
    faults: list[dict[str, Any]] | None = None,
    strategy: str | dict[str, Any] = "honest",
    **protocol: Any,
) -> Result:
    """Run four farms beside odd hosts, each with one ML node of this rate and this strategy where it names none."""
    host = {"region": "EUROPE", "gpus": f"1 x H100-SXM at {rate} nonces/s", "strategy": strategy}
    tree = {
        "name": "cheats",
        "epochs": epochs,
        "seed": 3,
        "protocol": {"version": version, **PROTOCOL, **protocol},
        "work": work or {"kind": "sphere", "params": "devtest", "startup": "0 s"},
        "network": {"tier": "paths"},
        "faults": faults or [],
        "hosts": [{"name": "farm", "count": 4, **host}, *({"name": "odd", **host, **each} for each in odd)],
    }
    return sim.run(parse_scenario(json.dumps(tree)))


def of_odd(result: Result, frame: str = "participants", who: str = "participant") -> pd.DataFrame:
    rows = result.frames[frame]
    return rows[~rows[who].str.startswith("farm")]


@pytest.fixture(scope="module")
def honest() -> dict[str, Result]:
    return {version: run(version, {}) for version in VERSIONS}


def weigh(result: Result) -> int:
    return int(of_odd(result)["claimed_weight"].sum())


@pytest.mark.parametrize("kind", ["sphere", "kernel"])
def test_who_knows_all_samples_invents_and_no_validator_finds_a_contradiction(kind: str) -> None:
    """Four samples of 5 of 200 nonces, of which two thirds are invented: by chance they would hit a dozen of these."""
    work = {"kind": kind, "params": "tiny", "startup": "0 s"}
    odd = {"strategy": {"kind": "predict_sample", "excess": 2.0}}
    result = run("v0.2.0", odd, work=work, validation_sample_size=5, rate=40)
    (row,) = of_odd(result).itertuples()
    assert row.is_accepted
    assert row.claimed_nonces == row.valid - row_unsent(result) + 2 * (row.valid - row_unsent(result))
    checks = result.validations.query("participant == 'odd-0' and validator != 'odd-0'")
    assert len(checks) == 4
    assert (checks["n_checked"] == 5).all()
    assert (checks["n_invalid"] == 0).all()


def row_unsent(result: Result) -> int:
    return int(of_odd(result, "ml_nodes")["unsent"].sum())


def test_where_samples_hit_most_of_a_claim_or_are_drawn_later_little_can_be_invented(
    honest: dict[str, Result],
) -> None:
    odd = {"strategy": {"kind": "predict_sample", "excess": 2.0}}
    assert weigh(run("v0.2.6", odd)) < 1.2 * weigh(honest["v0.2.6"])
    assert weigh(run("v0.2.16", odd)) == weigh(honest["v0.2.16"])


@pytest.mark.parametrize("version", VERSIONS)
def test_a_seed_may_come_last_but_must_come(version: str, honest: dict[str, Result]) -> None:
    late = run(version, {"strategy": {"kind": "withhold_seed", "below": 0.0}})
    assert of_odd(late)["is_accepted"].all()
    assert weigh(late) == weigh(honest[version])
    never = of_odd(run(version, {"strategy": "withhold_seed"}))
    assert (never["reason"] == "no seed").all()


def test_the_seed_stays_away_where_the_claim_is_a_small_part() -> None:
    small, large = {"name": "small"}, {"name": "large", "gpus": ["1 x H100-SXM at 400 nonces/s"]}
    strategy = {"strategy": {"kind": "withhold_seed", "below": 0.2}}
    judged = of_odd(run("v0.2.0", small | strategy, large | strategy)).set_index("participant")
    assert judged["is_accepted"].to_dict() == {"large-0": True, "small-0": False}


@pytest.mark.parametrize("version", VERSIONS)
def test_claims_after_the_validators_look_count_where_the_exchange_is_long(
    version: str, honest: dict[str, Result]
) -> None:
    odd = {"strategy": {"kind": "late_batches", "excess": 0.5}}
    in_time = run(version, odd)
    assert weigh(in_time) == weigh(honest[version])
    if version != "v0.2.16":  # a commitment that would come too late is not sent
        batches = of_odd(in_time, "transactions", "creator").query("kind == 'SubmitProofBatch'")
        assert batches["result"].tolist()[-1] == TxResult.OUTSIDE_WINDOW
    unseen = of_odd(run(version, odd, poc_exchange_duration=5, poc_validation_delay=1)).iloc[0]
    assert unseen["is_accepted"]
    assert unseen["claimed_nonces"] == pytest.approx(1.5 * honest_claim(honest[version]), abs=2)


def honest_claim(result: Result) -> int:
    return int(of_odd(result)["claimed_nonces"].sum())


@pytest.mark.parametrize("version", VERSIONS)
def test_tiny_hosts_invent_what_the_test_forgives(version: str) -> None:
    tiny = {"count": 5, "gpus": "1 x H100-SXM at 6 nonces/s"}
    split, plain = (of_odd(run(version, tiny | {"strategy": each})) for each in ("split_small", "honest"))
    assert set(split["reason"]) <= {"accepted", "no claim"}
    for claimed, found in zip(split["claimed_nonces"], plain["claimed_nonces"], strict=True):
        if version == "v0.2.16":  # of a sample of 60
            assert claimed - found == critical_count(60, 0.1, 0.01) - 1
        elif found:  # every nonce is sampled: one more would be a fraud
            assert claimed - found == critical_count(claimed) - 1 == critical_count(claimed + 1) - 1
    assert split["claimed_nonces"].sum() > 1.05 * plain["claimed_nonces"].sum()


@pytest.mark.parametrize("version", VERSIONS)
def test_work_before_the_stage_pays_for_the_right_guess_only(version: str, honest: dict[str, Result]) -> None:
    blocks = honest[version].blocks
    first = blocks[blocks["epoch"] == 1].iloc[0]["block_hash"]
    right, wrong = (
        run(version, {"strategy": {"kind": "precompute", "guess": guess, "lead": 6}}) for guess in (first, "0" * 64)
    )
    assert weigh(wrong) == weigh(honest[version])
    assert weigh(right) == pytest.approx(2 * weigh(honest[version]), rel=0.2)
    assert of_odd(right)["is_accepted"].all()
    for result in (right, wrong):
        node = of_odd(result, "ml_nodes").iloc[0]
        assert node["tried_early"] == pytest.approx(200 * 6 * 5.6, rel=0.2)
        work = of_odd(result)["work_operations"].sum() / of_odd(honest[version])["work_operations"].sum()
        assert work == pytest.approx(1 + node["tried_early"] / node["tried"], rel=1e-2)


@pytest.mark.parametrize("seconds", [125, 155])
def test_a_host_that_is_down_before_or_in_the_stage_computes_early_again(seconds: int) -> None:
    """It misses the end of its early work, or that of the stage; what it says of the next epoch is whole."""
    guess = {"strategy": {"kind": "precompute", "guess": "0" * 64, "lead": 4}}
    down = [{"kind": "crash", "at": f"{seconds} s", "lasts": "25 s", "hosts": "odd"}]
    nodes = of_odd(run("v0.2.0", guess, epochs=2, faults=down), "ml_nodes").set_index("epoch")
    assert nodes["tried_early"][2] == pytest.approx(200 * 4 * 5.6, rel=0.2)
    assert nodes["tried"][1] < nodes["tried"][2]


def test_a_guess_that_is_no_hash_of_a_block_or_comes_during_a_proof_is_refused() -> None:
    with pytest.raises(UserError, match="guess"):
        run("v0.2.0", {"strategy": {"kind": "precompute", "guess": "soon"}})
    overlapping = {"strategy": {"kind": "precompute", "guess": "0" * 64, "lead": 24}}
    assert of_odd(run("v0.2.0", overlapping, epochs=2), "ml_nodes")["tried_early"].tolist()[1] == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_what_others_compute_is_the_buyers(version: str, honest: dict[str, Result]) -> None:
    """Two sellers and its own ML node; what is computed in the last 6 s of about 33 comes too late."""
    ring = {"count": 3, "operator": "ring", "strategy": {"kind": "outsource", "delay": 6.0}}
    judged = of_odd(run(version, ring))
    assert judged["claimed_nonces"].tolist()[1:] == [0, 0]
    assert judged["is_accepted"].tolist() == [True, False, False]
    assert 2.2 < judged["claimed_nonces"].tolist()[0] / honest_claim(honest[version]) <= 3.0
    dear = ring | {"strategy": {"kind": "outsource", "price_ngonka": 1e18}}
    alone = of_odd(run(version, dear))
    assert alone["tried"].tolist()[1:] == [0, 0]
    assert alone["claimed_nonces"].tolist()[0] == pytest.approx(honest_claim(honest[version]), rel=0.15)


@pytest.mark.parametrize("version", VERSIONS)
def test_three_names_carry_what_one_may_not(version: str) -> None:
    """A farm of half of all compute is capped; under three names each has a sixth, and nothing is cut."""
    gpus = ["1 x H100-SXM at 200 nonces/s"] * 6
    shells = {"name": "shell", "count": 2, "gpus": "1 x H100-SXM at 0.2 nonces/s"}
    names = [each | {"operator": "ring", "strategy": "sybil"} for each in ({"gpus": gpus}, shells)]
    capped, whole = of_odd(run(version, {"gpus": gpus})), of_odd(run(version, *names))
    assert (capped["weight"] < capped["uncapped_weight"]).all()
    assert (whole["weight"] == whole["uncapped_weight"]).all()
    assert whole["weight"].sum() > 1.3 * capped["weight"].sum()
    assert whole["claimed_nonces"].min() > 0.8 * whole["claimed_nonces"].max()


@pytest.mark.parametrize("version", ["v0.2.6", "v0.2.16"])
def test_rented_hardware_is_not_there_when_a_confirmation_asks(version: str) -> None:
    """A third is its own, which it says where it is asked (v0.2.6), and which is all that computes (v0.2.16)."""
    gpus = ["1 x H100-SXM at 200 nonces/s"] * 3
    rent = {"kind": "rent_for_poc", "own": 1, "first_epoch": 1, "epochs": 9, "keeps": False}
    asked = of_odd(run(version, {"gpus": gpus, "strategy": rent}, epochs=2, **LONG), "confirmations")
    assert (asked["measured"] / asked["weight_before"]).iloc[0] == pytest.approx(1 / 3, abs=0.03)
    assert asked["is_failed"].iloc[0]


def test_who_tries_many_hashes_is_asked_for_no_confirmation() -> None:
    """All four farms propose; of 20 hashes each finds one that asks nobody."""
    asked = run("v0.2.6", {}, epochs=3, **LONG)
    assert asked.confirmations["height"].nunique() >= 2
    ground = run("v0.2.6", {}, epochs=3, strategy={"kind": "grind_hash", "tries": 20, "aim": "confirmation"}, **LONG)
    assert ground.confirmations.empty


@pytest.mark.parametrize("version", ["v0.2.0", "v0.2.16"])
def test_a_grinding_proposer_counts_slots_as_the_chain_draws_them(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At V the first candidate is the block's hash; the chain then draws from it what the proposer has foreseen."""
    foreseen: dict[str, int] = {}
    drawn: dict[str, int] = {}

    def watch(_self: object, memory: tuple[str, ...], event: Any, _generator: object) -> Any:
        state, addresses = event.view.state, ("farm-0", "farm-1")
        if isinstance(event, events.ProposalDue):
            if state.running is not None and event.height == state.running.validation_start:
                foreseen["slots"] = count_own_slots(event.view, event.get_hash(0), addresses)
        elif state.upcoming.committee is not None:
            holders = np.array(list(state.upcoming.committee.weights))
            drawn["slots"] = int(np.isin(holders[state.upcoming.committee.draw(addresses)], addresses).sum())
        elif state.ballot is not None:
            model = next(iter(state.ballot.snapshot.powers))
            held = [draw_slots_of_answers(state.ballot.snapshot, who, model, SLOTS) for who in addresses]
            drawn["slots"] = sum(slots.get(who, 0) for slots in held for who in addresses)
        return memory, None

    monkeypatch.setattr(GrindHash, "events", (events.ProposalDue, events.ClaimsKnown))
    monkeypatch.setattr(GrindHash, "react", watch)
    run(version, {}, epochs=2, strategy={"kind": "grind_hash", "tries": 1}, validation_committee=SLOTS)
    assert foreseen == drawn
    assert 0 < drawn["slots"] < 2 * SLOTS


def test_prompt_ml_nodes_start_at_once_beside_a_late_burst() -> None:
    gpus = ["1 x H100-SXM at 200 nonces/s"] * 2
    burst = {"gpus": gpus, "strategy": {"kind": "late_burst", "wait": 0.3, "prompt": 1}}
    prompt, late = of_odd(run("v0.2.0", burst), "ml_nodes").sort_values("node_id")["tried"]
    assert late == pytest.approx(prompt / 2, rel=0.1)  # from block 3 of 6 on
