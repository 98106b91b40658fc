"""Any valid scenario runs to its end, and what must hold holds: conservation laws over random small networks."""

import json
import math
from fractions import Fraction
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sim
from sim.errors import ScenarioError
from sim.gpus import gpu_names
from sim.protocol.switches import Rules
from sim.protocol.versions import VERSIONS
from sim.results import Result
from sim.scenario.load import parse_scenario
from sim.scenario.schema import Scenario
from sim.topologies.regions_data import load_region_table

REGIONS = load_region_table("simblock-2019").names


@st.composite
def host_groups(draw: st.DrawFn, name: str, joins: int) -> dict[str, Any]:
    strategy = draw(st.sampled_from(["honest", "honest", {"kind": "overclaim", "excess": draw(st.floats(0.01, 5))}]))
    rates = st.sampled_from(
        ["", " at 3 nonces/s", " at 9.5 nonces/s for MiniMax-M2.7", " at 20 nonces/s for Kimi-K2.6"]
    )
    machines = st.builds("{} x {}{}".format, st.integers(2, 8), st.sampled_from(gpu_names()), rates)
    return {
        "name": name,
        "count": draw(st.integers(1, 4)),
        "gpus": draw(st.lists(machines, min_size=1, max_size=3)),
        "region": draw(st.sampled_from(REGIONS)),
        "joins": joins,
        "model": draw(st.sampled_from([None, "QwQ-32B", "Qwen2.5-7B", "Qwen3-235B-A22B", "other"])),
        "stack": "B200 2026-05",
        "unregistered": draw(st.sampled_from([0, 0, 1])),
        "guardian": draw(st.booleans()),
        "collateral_ngonka": draw(st.integers(0, 1000)),
        **{name: draw(st.sampled_from([0.0, 0.0, 0.3, 1.0])) for name in ("miss_rate", "invalid_rate", "skip_rate")},
        "confirmed_share": draw(st.sampled_from([1.0, 0.5, 0.0])),
        "strategy": strategy,
    }


@st.composite
def scenarios(draw: st.DrawFn) -> dict[str, Any]:
    epochs = draw(st.integers(1, 3))
    joins = [1, *draw(st.lists(st.integers(1, epochs), max_size=3))]
    stage, exchange, delay = draw(st.integers(1, 12)), draw(st.integers(0, 3)), draw(st.integers(0, 3))
    validation, switch = draw(st.integers(3, 8)), draw(st.integers(0, 3))
    version = draw(st.sampled_from(list(VERSIONS)))
    thresholds = [None] if VERSIONS[version].proof.claims_by_model else [None, 1.39, 1.41, 1.5, 2.0]
    length = stage + max(exchange, delay) + validation + switch + 2 + draw(st.integers(1, 10))
    return {
        "name": "any",
        "seed": draw(st.integers(0, 2**32)),
        "epochs": epochs,
        "protocol": {
            "version": version,
            "upgrades": [{"epoch": 2, "version": draw(st.sampled_from(list(VERSIONS)))}] if epochs > 1 else [],
            "epoch_length": length,
            "epoch_shift": draw(st.integers(0, length - 1)),
            "poc_stage_duration": stage,
            "poc_exchange_duration": exchange,
            "poc_validation_delay": delay,
            "poc_validation_duration": validation,
            "set_new_validators_delay": switch,
            "block_time": f"{draw(st.floats(0.5, 20))} s",
            "block_max_bytes": f"{draw(st.integers(3000, 10**6))} B",
            "validation_sample_size": draw(st.integers(1, 300)),
            "max_individual_power_percentage": draw(st.none() | st.floats(0.25, 1)),
            "vesting_epochs": draw(st.integers(0, 3)),
            "collateral_grace_epochs": draw(st.integers(0, 3)),
            "collateral_per_weight_unit": draw(st.sampled_from([0.0, 1.0, 4.2])),
            "confirmation_alpha": draw(st.sampled_from([0.0, 0.7])),
            "inference_validation_cutoff": draw(st.integers(0, 5)),
            "r_target": draw(st.sampled_from(thresholds)),
            "deploy_window": draw(st.integers(0, 9)),
            "rules": {"confirmation_safety_blocks": 0, "upgrade_pause_blocks": 0},
        },
        "work": {
            "kind": "sphere",
            "dtype": draw(st.sampled_from(["float32", "by_gpu"])),
            "rate_factor": draw(st.floats(1e-4, 0.2)),
            "startup": f"{draw(st.floats(0, 30))} s",
        },
        "inference": {
            "requests_per_epoch": draw(st.sampled_from([0, 20, 200])),
            "price_grace_epochs": draw(st.integers(0, 2)),
        },
        "network": {"topology": draw(st.sampled_from(["full_mesh", {"kind": "regions", "degree": 2}, "regions"]))},
        "hosts": [draw(host_groups(f"group{i}", epoch)) for i, epoch in enumerate(joins)],
        "difficulty": draw(
            st.sampled_from(["fixed", {"kind": "proportional", "target": {"valid_nonces_per_epoch": 50}}])
        ),
    }


def load(tree: dict[str, Any]) -> Scenario | None:
    """The scenario, or None where it is refused as it should be.

    Too little memory, too few tries for the setpoint, a model of which the GPU has no published rate.
    """
    expected = ("GiB", "cannot be met", "no rate is published")
    try:
        return parse_scenario(json.dumps(tree))
    except ScenarioError as error:
        if all(any(text in mistake.message for text in expected) for mistake in error.mistakes):
            return None
        raise


def emit(epoch: int, rules: Rules) -> int:
    """R(e) by powers of decimals from v0.2.8 on, by floating point before (protocol 6.1, network 2.12)."""
    decay = Fraction("0.9995251127946402") ** (epoch - 1)
    return math.trunc(323_000 * 10**9 * (decay if rules.emits_exactly else math.exp(-0.000475 * (epoch - 1))))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(scenarios())
def test_laws_of_any_run(tree: dict[str, Any]) -> None:
    scenario = load(tree)
    if scenario is None:
        return
    result = sim.run(scenario)
    epochs, people, transactions = result.epochs, result.participants, result.transactions
    assert epochs["epoch"].tolist() == list(range(1, scenario.epochs + 1))
    assert (epochs["valid"] <= epochs["tried"]).all()
    assert transactions["tx_id"].is_unique
    assert set(transactions["fate"]) <= FATES
    assert (transactions["n_reached"] <= len(people["participant"].unique()) - 1).all()
    sent = transactions[transactions["kind"].isin(["SubmitProofBatch", "StoreCommit"])]
    landed = sent[sent["fate"] == "included"]
    assert (people.groupby("epoch")["claimed_nonces"].sum() > 0).sum() <= landed["epoch"].nunique()
    assert (people["claimed_nonces"] >= people["counted_nonces"]).all()
    rules = {epoch: VERSIONS[version] for epoch, version in zip(epochs["epoch"], epochs["version"], strict=True)}
    carried = people["epoch"].map(lambda epoch: rules[epoch].reseats_empty_epochs)  # without proofs old hosts may stay
    unproven = people[~people["is_accepted"] & ~carried]
    assert (unproven["uncapped_weight"] <= unproven["preserved_weight"]).all()
    assert (people["weight"] <= people["uncapped_weight"]).all()
    assert (
        people["uncapped_weight"] + people["dropped_weight"]
        <= LARGEST_COEFFICIENT * (people["claimed_weight"] + people["preserved_weight"])
    )[~carried].all()
    assert (people.loc[~people["is_member"], "weight"] == 0).all()
    assert (people["valid_vote_weight"] + people["invalid_vote_weight"] <= people["total_vote_weight"]).all()
    honest = people[(people["strategy"] == "honest")]
    assert (honest["claimed_nonces"] <= honest["valid"]).all()
    for epoch, rows in result.rewards.groupby("epoch"):
        settled_by, paid = rules[int(epoch) + 1], rows[rows["reason"] == "paid"]
        emission, shared = emit(int(epoch), settled_by), rows["reward_ngonka"].sum()
        assert shared <= emission if settled_by.leaves_rest_to_governance else shared in (emission, 0)
        assert (shared == 0) == (paid["weight"].sum() == 0)
        assert (rows[rows["reason"] != "paid"]["reward_ngonka"] == 0).all()
    check_payments(result)


def check_payments(result: Result) -> None:
    """What is claimed or burnt was there to wait, nobody gets more out of vesting than in."""
    paid = result.payments.pivot_table(index="participant", columns="kind", values="amount_ngonka", aggfunc="sum")
    paid = paid.reindex(columns=[*KINDS], fill_value=0).fillna(0).astype("int64")
    assert (paid["reward"] + paid["remainder"] + paid["fee"] >= paid["claim"] + paid["burnt"]).all()
    assert (paid["claim"] >= paid["vested"]).all()
    assert set(result.payments["kind"]) <= set(KINDS)


KINDS = ("reward", "remainder", "fee", "left", "claim", "vested", "burnt", "slashed", "governance")
LARGEST_COEFFICIENT = 1.26
FATES = {"included", "late", "refused", "expired", "lost"}


def test_the_same_scenario_gives_the_same_trace() -> None:
    scenario = parse_scenario(
        "{name: x, epochs: 2, work: {kind: sphere, dtype: by_gpu, rate_factor: 0.05}, "
        "hosts: [{name: a, count: 3, gpus: 2 x Gaudi2, region: EUROPE}, {name: b, gpus: 2 x H200, region: JAPAN}]}"
    )
    first, second = (sim.run(scenario).provenance["trace_hash"] for _ in range(2))
    assert first == second
