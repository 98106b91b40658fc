"""VE on a hand-made state: merging, membership, and what an upgrade brings (protocol 1.4, 2.2, 4.7, 5)."""

from dataclasses import replace

import pytest

from pow.proofs import ProofBatch
from pow.sphere import hit_probability
from sim.protocol.blocks.epochs import cap_members, form_epoch, open_epoch, switch_epoch
from sim.protocol.blocks.params import EpochParams, ProtocolParams
from sim.protocol.blocks.records import ParticipantJudged
from sim.protocol.blocks.stages import Schedule
from sim.protocol.blocks.state import Block, ChainState, EpochGroup, HostRecord, UpcomingEpoch, genesis_state
from sim.protocol.consensus.transactions import HardwareNode, SubmitValidation
from sim.protocol.proofs.hits import FiledBatches, SubmitProofBatch
from sim.protocol.proofs.log import Log
from sim.protocol.proofs.votes import Reason
from sim.protocol.versions import LAUNCH, VERSIONS, build_rule_book

PEOPLE = ("a", "b", "c")


def params_of(version: str, upgrades: dict[int, str] | None = None) -> ProtocolParams:
    book = build_rule_book(version, upgrades or {}, {})
    return ProtocolParams(rule_book=book, epoch=EpochParams(), vector_dim=8196, max_individual_power_percentage=None)


def batch(who: str, node_id: int | None, *nonces: int) -> SubmitProofBatch:
    proofs = ProofBatch(
        public_key=who,
        block_hash="H",
        block_height=120,
        nonces=nonces,
        distances=(1.0,) * len(nonces),
        node_id=node_id,
    )
    return SubmitProofBatch(f"{who}/{node_id}", who, f"{who}/{node_id}", proofs)


def state_at_end(params: ProtocolParams, *batches: SubmitProofBatch, **changes: object) -> ChainState:
    """VE of epoch 3: a, b, c have weight 10 on each of two nodes, node 2 of each is preserved; all vote for all."""
    known: dict[str, object] = {
        "height": 138,
        "schedule": Schedule.of(3, params.epoch),
        "upcoming": UpcomingEpoch(3, 120, "H"),
        "effective": EpochGroup(
            2,
            80,
            dict.fromkeys(PEOPLE, 20),
            {who: {1: 10, 2: 10} for who in PEOPLE},
            {who: frozenset({2}) for who in PEOPLE},
        ),
        "hosts": {who: HostRecord("key", (HardwareNode(1, "QwQ-32B"), HardwareNode(2, "QwQ-32B"))) for who in PEOPLE},
        "seeds": {(3, who): "commitment" for who in PEOPLE},
        "proofs": FiledBatches(Log(batches), Log([125] * len(batches))),
        "validations": Log(SubmitValidation("", voter, 120, (who,), (False,)) for who in PEOPLE for voter in PEOPLE),
    }
    genesis = genesis_state(dict.fromkeys(PEOPLE, 1), params, LAUNCH.r_target)
    return replace(genesis, **{**known, **changes})  # type: ignore[arg-type]


def form(state: ChainState, params: ProtocolParams) -> tuple[ChainState, dict[str, ParticipantJudged]]:
    state, judged = form_epoch(state, params, lambda control, seen: (control, seen.difficulty))
    return state, {row.participant: row for row in judged}


def test_launch_adds_fresh_and_preserved_weight_and_spreads_the_fresh_one() -> None:
    params = params_of("v0.2.0")
    state, judged = form(state_at_end(params, batch("a", None, 1, 2, 3)), params)
    assert judged["a"].uncapped_weight == 13
    assert state.next_group is not None
    assert state.next_group.node_weights["a"] == {1: 3, 2: 10}
    assert state.next_group.weights == {"a": 13, "b": 10, "c": 10}


def test_later_versions_take_each_node_once() -> None:
    """Node 2 is preserved: what it sent is dropped, its old weight stays. Node 9 is not registered."""
    params = params_of("v0.2.2")
    batches = (batch("a", 1, 1, 2, 3), batch("a", 2, 4, 5), batch("a", 9, 6))
    state, judged = form(state_at_end(params, *batches), params)
    assert judged["a"].uncapped_weight == 13
    assert judged["a"].dropped_weight == 3
    assert state.next_group is not None
    assert state.next_group.node_weights["a"] == {1: 3, 2: 10}


@pytest.mark.parametrize("version", ["v0.2.2", "v0.2.5"])
def test_a_preserved_nodes_batches_use_its_hosts_nonces_up(version: str) -> None:
    """Row 18: nonces 1 to 3 are counted for node 2, which comes first by its id and is preserved; node 1 has 4 left."""
    params = params_of(version)
    first, second = batch("a", 2, 1, 2, 3), batch("a", 1, 1, 2, 3, 4)
    early = replace(first, batch_id="0")
    state, judged = form(state_at_end(params, second, early), params)
    assert state.next_group is not None
    assert state.next_group.node_weights["a"] == {1: 1, 2: 10}
    assert (judged["a"].counted_nonces, judged["a"].dropped_weight) == (4, 3)
    late = replace(first, batch_id="z")
    state, _ = form(state_at_end(params, second, late), params)
    assert state.next_group is not None
    assert state.next_group.node_weights["a"] == {1: 4, 2: 10}


@pytest.mark.parametrize(("version", "share"), [("v0.2.4", 0.25), ("v0.2.5", 0.30), ("v0.2.6", 0.30)])
def test_from_v0_2_5_the_parameter_only_turns_the_cap_on(version: str, share: float) -> None:
    """Weights 1000, 2000, 4000, 8000: 2250 at 0.30, 1000 at 0.25."""
    rules = VERSIONS[version]
    weights = dict(zip("abcd", (1000, 2000, 4000, 8000), strict=True))
    capped = cap_members(weights, 0.25, rules)
    assert capped["d"] == {0.25: 1000, 0.30: 2250}[share]
    assert cap_members(weights, 0.5, rules)["d"] == {0.25: 7000, 0.30: 2250}[share]
    assert cap_members(weights, None, rules) == cap_members(weights, 0.0, rules) == weights
    members = {**weights, "e": 0}
    assert cap_members(members, 0.25, replace(rules, caps_positive_weights_only=True)) == {**capped, "e": 0}


def test_members_that_kept_preserved_weight_are_remembered() -> None:
    """For the remainder of rewards: who had a node that this proof of compute passed over, whatever comes next."""
    params = params_of("v0.2.5")
    state = state_at_end(params, batch("a", 1, 1))
    group = replace(state.effective, preserved={"b": frozenset({2})})
    formed, _ = form(replace(state, effective=group), params)
    assert formed.next_group is not None
    assert formed.next_group.carried == {"b"}
    assert formed.next_group.weights.keys() == {"a", "b"}


@pytest.mark.parametrize("version", ["v0.2.2", "v0.2.5"])
def test_what_if_nodes_are_preserved_in_turns(version: str) -> None:
    """Node 2 of each is preserved now: with rotation node 1 is next wherever a node is preserved at all."""
    rules = {"rotates_preserved_nodes": True, **({"preserved_share": 1.0} if version == "v0.2.5" else {})}
    book = build_rule_book(version, {}, rules)
    params = replace(params_of(version), rule_book=book)
    state, _ = form(state_at_end(params, *(batch(who, 1, *range(10)) for who in PEOPLE)), params)
    assert state.next_group is not None
    preserved = state.next_group.preserved
    assert set(preserved.values()) == {frozenset({1})}


@pytest.mark.parametrize(("version", "weight"), [("v0.2.0", 13), ("v0.2.2", 0)])
def test_a_model_that_governance_does_not_know_weighs_at_launch_only(version: str, weight: int) -> None:
    params = params_of(version)
    stranger = {"a": HostRecord("key", (HardwareNode(1, "other"), HardwareNode(2, "other")))}
    state = state_at_end(params, batch("a", 1, 1, 2, 3))
    state, judged = form(replace(state, hosts={**state.hosts, **stranger}), params)
    assert judged["a"].uncapped_weight == weight
    assert state.next_group is not None
    assert "a" not in state.next_group.preserved  # no slot for other models


def test_preserved_weight_survives_a_fraud_vote() -> None:
    params = params_of("v0.2.2")
    frauds = Log(SubmitValidation("", voter, 120, ("a",), (True,)) for voter in PEOPLE)
    state = state_at_end(params, batch("a", 1, 1, 2, 3), validations=frauds)
    _, judged = form(state, params)
    row = judged["a"]
    assert row.reason is Reason.VOTED_INVALID
    assert (row.claimed_weight, row.weight, row.is_member) == (3, 10, True)
    assert judged["b"].reason == Reason.NO_CLAIM  # it claimed nothing and kept its preserved node


def test_without_a_seed_preserved_weight_is_no_membership_but_counts_for_the_cap() -> None:
    """Protocol 2.2: c stays an input of cap and assignment, and is no member: no vote, no slot, no reward."""
    params = replace(params_of("v0.2.2"), max_individual_power_percentage=0.25)
    seeds = {(3, "a"): "commitment", (3, "b"): "commitment"}
    state, judged = form(state_at_end(params, batch("a", 1, *range(100)), seeds=seeds), params)
    assert judged["c"].uncapped_weight == 10
    assert not judged["c"].is_member
    group = state.next_group
    assert group is not None
    # Three inputs 10, 10, 110 at 0.40: cap = 0.4 · 20 / 0.6 = 13. Without c it would be two and a cap of 10.
    assert group.weights == {"a": 13, "b": 10}
    assert "c" not in group.node_weights
    assert set(group.preserved) <= {"a", "b"}
    switched, _ = switch_epoch(state, params)
    assert "c" not in switched.effective.weights


def test_an_upgrade_brings_its_radius_at_its_start() -> None:
    params = params_of("v0.2.5", {3: "v0.2.6"})
    genesis = genesis_state({"a": 1}, params, LAUNCH.r_target)
    for index, threshold in ((2, LAUNCH.r_target), (3, 1.398077), (4, 1.39)):
        state = replace(genesis, schedule=Schedule.of(index, params.epoch))
        if index == 4:  # nothing changes at P, so that a controller's radius stays
            state = replace(state, threshold=1.39)
        opened = open_epoch(state, Block(state.height, "H", "a", 7.0, ()), params)
        assert opened.threshold == threshold
        assert opened.upcoming == UpcomingEpoch(index, 0, "H", start_seconds=7.0)
    state = replace(genesis, schedule=Schedule.of(3, params.epoch))
    opened = open_epoch(state, Block(0, "H", "a", 7.0, ()), params)
    assert opened.difficulty == opened.next_difficulty == 1 / hit_probability(1.398077, 8196)
