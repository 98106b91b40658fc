"""Cheats of provers: the claims that they make, and the fate of these under the rules of three versions."""

from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import sim
from pow.params import PRESETS
from pow.skipping import compute_skipping_rms
from pow.sphere import distance_cdf, hit_probability
from sim.nodes.agent import Agent
from sim.protocol.blocks.params import EpochParams, ProtocolParams
from sim.protocol.blocks.state import Block
from sim.protocol.proofs.draws import UNTRIED_FROM
from sim.protocol.versions import LAUNCH, VERSIONS, build_rule_book
from sim.results import Result
from sim.strategies import events, strategies
from sim.strategies.actions import Check, Compute, Vote
from sim.strategies.base import Identity, MLNode, View
from sim.strategies.cheating import spare_self
from sim.strategies.provers.duplicate import Duplicate
from sim.strategies.provers.fabricate import Fabricate
from sim.strategies.provers.high_distance import HighDistance
from sim.strategies.provers.low_precision import LowPrecision
from sim.strategies.provers.skip_layers import SkipLayers
from sim.strategies.provers.tiny_claim import TinyClaim

DIM, MODEL = 8192, "MiniMax-M2.7"
NODES = tuple(MLNode(number, "H100-SXM", 1, 1, 100.0, "float16", MODEL) for number in (1, 2))
IDENTITY = Identity("me", ("me",))
START, ENDS, LAST = 100, 120, 122
EPISODE = SimpleNamespace(
    start_height=START, epoch_index=1, opening=START + 1, generation_end=ENDS, last_claim=LAST, models={}
)


@cache
def rules_of(version: str) -> ProtocolParams:
    return ProtocolParams(rule_book=build_rule_book(version, {}, {}), epoch=EpochParams(), vector_dim=DIM)


def view(version: str = "v0.2.0", height: int = START + 1, seconds: float = 0.0) -> View:
    """Of a running proof of compute; as much of its state as strategies read."""
    state: Any = SimpleNamespace(height=height, threshold=LAUNCH.r_target, running=EPISODE, episode=EPISODE)
    return View("me", seconds, state, rules_of(version), NODES, frozenset(), tuple)


def results(values: Any, version: str = "v0.2.0") -> events.ResultsFound:
    nonces = np.arange(1, len(values) + 1)
    return events.ResultsFound(view(version), 1, 1, 50, nonces, np.asarray(values), LAUNCH.r_target)


def opened(version: str = "v0.2.0", blank: Any = None) -> events.GenerationOpened:
    return events.GenerationOpened(view(version), 1, (1, 2), np.empty(0) if blank is None else blank)


def react(strategy: Any, event: Any, seed: int = 1) -> Any:
    return strategy.react(strategy.start(IDENTITY), event, np.random.default_rng(seed))[1]


# What they claim


def test_a_fabricated_claim_grows_at_the_pace_of_hardware_that_stands_idle() -> None:
    """Two ML nodes of 100 nonces/s, 30 % of them idle for 200 s; none after the end of generation."""
    agent, generator = Agent(Fabricate(0.3), "fabricate", IDENTITY, is_rehearsed=True), np.random.default_rng(1)
    assert agent.ask(opened(), generator) == (Compute(share=0.7),)
    block, claims = Block(1, "AA", "other", 0.0, ()), []
    for height in range(START + 1, ENDS + 5):
        event = events.BlockApplied(view(height=height, seconds=10.0 * (height - START)), block)
        claims += agent.ask(event, generator)
    expected = int(0.3 * 100 * 200 * hit_probability(LAUNCH.r_target, DIM))
    for number in (1, 2):
        own = [claim for claim in claims if claim.node_id == number]
        nonces, values = (np.concatenate([getattr(claim, name) for claim in own]) for name in ("nonces", "values"))
        assert len(nonces) == len(set(nonces.tolist())) == expected
        assert nonces.min() >= UNTRIED_FROM
        assert values.max() < LAUNCH.r_target


def test_a_claim_that_is_all_invented_costs_nothing() -> None:
    assert react(Fabricate(1.0), opened()) == ()


@pytest.mark.parametrize(
    ("strategy", "task"),
    [
        (SkipLayers(layers=3, margin=0.01), Compute(n_layers=3)),
        (LowPrecision("bfloat16", 0.01), Compute(numerics="bfloat16")),
        (LowPrecision("bfloat16", 0.01, "H100 awq"), Compute(numerics="bfloat16", stack="H100 awq")),
    ],
)
def test_cheap_kernels_claim_what_lies_a_margin_inside(strategy: Any, task: Compute) -> None:
    assert react(strategy, opened()) == (task,)
    (claim,) = react(strategy, results([1.395, 1.389, LAUNCH.r_target - 0.01]))
    assert claim.nonces.tolist() == [2]
    assert claim.values.tolist() == [1.389]
    (claim,) = react(strategy, results(np.zeros((3, 12), np.float16), "v0.2.16"))
    assert claim.nonces.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("within", "expected"),
    [
        ("batch", [(1, [1, 2, 1, 2, 1, 2])]),
        ("batches", [(1, [1, 2])] * 3),
        ("nodes", [(1, [1, 2]), (2, [1, 2]), (2, [1, 2])]),
    ],
)
def test_copies_stand_where_they_are_wanted(within: Any, expected: list[tuple[int, list[int]]]) -> None:
    claims = react(Duplicate(within, copies=2), results([1.39, 1.4]))
    assert [(claim.node_id, claim.nonces.tolist()) for claim in claims] == expected
    assert all(len(claim.values) == len(claim.nonces) for claim in claims)


def test_a_host_with_one_ml_node_pretends_to_have_a_second() -> None:
    event = results([1.39])
    alone = replace(event, view=replace(event.view, ml_nodes=NODES[:1]))
    assert [claim.node_id for claim in react(Duplicate("nodes"), alone)] == [1, 2]


def test_a_share_of_the_nonces_is_copied() -> None:
    (claim,) = react(Duplicate(share=0.2), results(np.full(1000, 1.39)))
    assert stats.binomtest(len(claim.nonces) - 1000, 1000, 0.2).pvalue > 1e-4


@pytest.mark.parametrize(("version", "values"), [("v0.2.16", np.zeros(3, np.int64)), ("v0.2.13", np.zeros((3, 12)))])
def test_a_tree_of_answers_has_no_place_for_copies(version: str, values: Any) -> None:
    assert react(Duplicate(), results(values, version)) is None


def test_tiny_claims_have_as_many_entries_as_no_test_refutes() -> None:
    """Published for hits: two nonces never, three from three contradictions on (protocol 4.4); answers at 0.01."""
    answers = np.empty((0, 12), np.float16)
    counts = {}
    for version, blank in (("v0.2.0", np.empty(0)), ("v0.2.6", np.empty(0)), ("v0.2.16", answers)):
        (claim,) = react(TinyClaim(), opened(version, blank))
        counts[version] = len(claim.nonces)
        assert claim.values.shape[1:] == blank.shape[1:]
    assert counts["v0.2.0"] == counts["v0.2.6"] == 2
    proof = VERSIONS["v0.2.16"].proof
    n, terms = counts["v0.2.16"], (0.1, 0.05)
    frauds = [proof.test_samples(np.array([size]), np.array([size]), *terms).frauds[0] for size in (n, n + 1)]
    assert frauds == [False, True]


def test_high_distances_are_the_threshold_itself_and_true_nonces_bear_them() -> None:
    (claim,) = react(HighDistance(share=0.2), results(np.full(1000, 1.39)))
    assert claim.nonces.tolist() == list(range(1, 1001))
    assert set(claim.values.tolist()) == {1.39, LAUNCH.r_target}
    assert stats.binomtest(int((claim.values == LAUNCH.r_target).sum()), 1000, 0.2).pvalue > 1e-4


def test_a_silencer_checks_all_claims_but_its_own() -> None:
    known = events.ClaimsKnown(view(), 1, ("a", "b", "me"), np.array([5, 5, 5]), np.array([0, 1, 2]))
    check, vote = react(HighDistance(), known)
    assert isinstance(check, Check)
    assert sorted(check.participants or ()) == ["a", "b"]
    assert vote.participants == ("me",)
    assert vote.frauds.tolist() == [False]


def test_votes_spare_the_own_claims_alone() -> None:
    names = ("me", f"me {MODEL}", "you")
    zeros = np.zeros(3, int)
    checks = events.ChecksDone(view(), 1, names, zeros, zeros, np.zeros(3), np.ones(3, bool))
    assert isinstance(spare_self(checks), Vote)
    assert spare_self(checks).frauds.tolist() == [False, False, True]


# What becomes of them

KNOWN = {"farm": 4, "odd": 1}
HITS: dict[str, Any] = {
    "name": "cheats",
    "epochs": 1,
    "protocol": {"epoch_length": 24, "poc_stage_duration": 6, "poc_validation_duration": 6, "vesting_epochs": 0},
    "work": {"kind": "sphere", "params": "mainnet", "startup": "0 s", "dtype": "float16"},
    "network": {"tier": "paths"},
}
ANSWERS = {
    **HITS,
    "protocol": {
        **HITS["protocol"],
        "poc_exchange_duration": 1,
        "poc_validation_delay": 3,
        "rules": {"confirmations_per_epoch": 0},
    },
}


@cache
def run_against(version: str, kind: str, **parameters: Any) -> Result:
    """Four honest hosts of two ML nodes and an odd one, with answers from v0.2.9 on."""
    is_answers = VERSIONS[version].proof.claims_by_model
    tree, rate, served = (ANSWERS, 60, f" for {MODEL}") if is_answers else (HITS, 300, "")
    gpus = [f"1 x H100-SXM at {rate} nonces/s{served}"] * 2
    hosts = [{"name": name, "count": count, "gpus": gpus, "region": "EUROPE"} for name, count in KNOWN.items()]
    hosts[1]["strategy"] = {"kind": kind, **parameters}
    return sim.run({**tree, "protocol": {**tree["protocol"], "version": version}, "hosts": hosts})


def of_odd(result: Result) -> pd.DataFrame:
    participants = result.participants
    return participants[participants["participant"] == "odd-0"]


LIARS = [("fabricate", {"share": 0.5}), ("fabricate", {"share": 1.0})]
FATES = [
    *((version, *liar, "voted invalid") for version in ("v0.2.0", "v0.2.6", "v0.2.16") for liar in LIARS),
    *((version, "copy", {}, "voted invalid") for version in ("v0.2.0", "v0.2.6")),
    ("v0.2.16", "copy", {}, "no claim"),
    *((version, "skip_layers", {"layers": 32}, "accepted") for version in ("v0.2.0", "v0.2.6")),
    ("v0.2.16", "skip_layers", {"layers": 32}, "voted invalid"),
    *((version, "low_precision", {}, "accepted") for version in ("v0.2.0", "v0.2.6")),
    ("v0.2.16", "low_precision", {"stack": "H100 awq 2026-04"}, "voted invalid"),
    *((version, "duplicate", {}, "accepted") for version in ("v0.2.0", "v0.2.6", "v0.2.16")),
    *((version, "overlap_ranges", {}, "accepted") for version in ("v0.2.0", "v0.2.6", "v0.2.16")),
    *((version, "tiny_claim", {}, "accepted") for version in ("v0.2.0", "v0.2.6", "v0.2.16")),
]


@pytest.mark.parametrize(("version", "kind", "parameters", "fate"), FATES)
def test_fates(version: str, kind: str, parameters: dict[str, Any], fate: str) -> None:
    """In the first epoch, whose votes weigh alike."""
    result = run_against(version, kind, **parameters)
    assert of_odd(result)["reason"].iloc[0] == fate
    others = result.participants[result.participants["participant"] != "odd-0"]
    assert others["is_accepted"].all()


@pytest.mark.parametrize(("version", "doubles"), [("v0.2.0", True), ("v0.2.6", False)])
@pytest.mark.parametrize("within", ["batch", "batches", "nodes"])
def test_copies_are_weight_until_each_nonce_counts_once(version: str, doubles: bool, within: str) -> None:
    own = of_odd(run_against(version, "duplicate", within=within)).iloc[0]
    honest = of_odd(run_against(version, "honest")).iloc[0]
    assert own["claimed_nonces"] == pytest.approx(2 * honest["claimed_nonces"], rel=0.1)
    assert own["claimed_weight"] == pytest.approx((1 + doubles) * honest["claimed_weight"], rel=0.1)


@pytest.mark.parametrize(("version", "share"), [("v0.2.0", 1.0), ("v0.2.6", 0.5)])
def test_overlapping_ranges_are_worth_half_from_then_on(version: str, share: float) -> None:
    own, honest = (of_odd(run_against(version, kind)).iloc[0] for kind in ("overlap_ranges", "honest"))
    assert own["claimed_weight"] == pytest.approx(share * honest["claimed_weight"], rel=0.25)


def test_tiny_claims_weigh_two_then_five_then_nothing() -> None:
    weights = [of_odd(run_against(v, "tiny_claim"))["claimed_weight"].iloc[0] for v in ("v0.2.0", "v0.2.6", "v0.2.16")]
    assert weights[:2] == [2, 5]
    assert of_odd(run_against("v0.2.16", "tiny_claim"))["weight"].iloc[0] == 0


def test_an_ml_node_that_samples_a_far_distance_tells_nothing_any_more() -> None:
    """A host's two ML nodes take turns: no vote on the silencer's claim, nor on those that come later on that node."""
    silenced = run_against("v0.2.0", "high_distance", share=0.2)
    checks = silenced.validations[silenced.validations["epoch"] == 1]
    for who, own in checks[checks["validator"] != "odd-0"].groupby("validator"):
        order = own.sort_values("seconds")
        turn = np.arange(len(order)) % 2
        place = int(np.flatnonzero(order["participant"] == "odd-0")[0])
        is_mute = (turn == turn[place]) & (np.arange(len(order)) >= place)
        assert (order["vote"] == np.where(is_mute, "out of time", "valid")).all(), who
    assert not of_odd(silenced)["is_accepted"].any()
    own = checks[checks["validator"] == "odd-0"]
    assert sorted(own["participant"]) == [f"farm-{number}" for number in range(4)]
    assert (own["vote"] == "valid").all()


def test_repaired_validators_do_not_look_at_claimed_distances() -> None:
    tree = {**HITS, "protocol": {**HITS["protocol"], "version": "v0.2.0", "rules": {"far_distances_silence": False}}}
    gpus = ["1 x H100-SXM at 300 nonces/s"] * 2
    hosts = [{"name": name, "count": count, "gpus": gpus, "region": "EUROPE"} for name, count in KNOWN.items()]
    result = sim.run({**tree, "hosts": [hosts[0], {**hosts[1], "strategy": "high_distance"}]})
    assert result.participants["is_accepted"].all()


def test_nonces_of_few_layers_err_as_the_law_says() -> None:
    """Of what lies nearer than the threshold as it measures, the share that also keeps its margin; level 1e-4."""
    result = run_against("v0.2.0", "skip_layers", layers=32)
    margin, params = SkipLayers(layers=32).margin, PRESETS["mainnet"]
    rms = compute_skipping_rms(params, 32)
    own = result.ml_nodes[result.ml_nodes["participant"] == "odd-0"]
    sure, near = (
        quadrature(lambda error, less=less: distance_cdf(LAUNCH.r_target - less - error, params.vocab_size), rms)
        for less in (margin, 0.0)
    )
    n_sent = int((own["valid"] - own["unsent"]).sum())
    assert stats.binomtest(int(own["claimed"].sum()), n_sent, sure / near).pvalue > 1e-4


def quadrature(function: Any, rms: float) -> float:
    """Mean of a function of a normal error."""
    points, weights = np.polynomial.hermite_e.hermegauss(20)
    return float(
        sum(weight * function(rms * point) for point, weight in zip(points, weights, strict=True)) / weights.sum()
    )


@pytest.mark.parametrize(
    ("kind", "parameters", "meaningless"),
    [
        ("duplicate", {}, ["v0.2.2", "v0.2.6", "v0.2.14", "v0.2.16"]),
        ("overlap_ranges", {}, ["v0.2.2", "v0.2.6", "v0.2.9", "v0.2.14", "v0.2.16"]),
        ("copy", {}, ["v0.2.9", "v0.2.14", "v0.2.16"]),
        ("high_distance", {}, ["v0.2.9", "v0.2.14", "v0.2.16"]),
        ("low_precision", {}, ["v0.2.9", "v0.2.14", "v0.2.16"]),
        ("low_precision", {"stack": "H100 awq 2026-04"}, []),
    ],
)
def test_doubts(kind: str, parameters: dict[str, Any], meaningless: list[str]) -> None:
    strategy = strategies.build({"kind": kind, **parameters})
    versions = ("v0.2.0", "v0.2.2", "v0.2.6", "v0.2.9", "v0.2.14", "v0.2.16")
    assert [version for version in versions if strategy.doubt(VERSIONS[version])] == meaningless


@pytest.mark.parametrize(
    ("version", "kind", "parameters", "fate"),
    [
        ("v0.2.0", "skip_layers", {"layers": 1, "margin": 0.004}, "accepted"),
        ("v0.2.0", "low_precision", {"margin": 0.004}, "accepted"),
        ("v0.2.16", "fabricate", {"share": 1.0}, "voted invalid"),
        ("v0.2.16", "tiny_claim", {}, "accepted"),
        ("v0.2.16", "skip_layers", {"layers": 1}, "accepted"),  # random layers matter little, whatever the mirrors
    ],
)
def test_fates_with_the_real_kernel(version: str, kind: str, parameters: dict[str, Any], fate: str) -> None:
    """On the smallest model, of two layers; `r_target` is large, so that few tries are enough."""
    is_answers = VERSIONS[version].proof.claims_by_model
    tree, rate, served = (ANSWERS, 8, f" for {MODEL}") if is_answers else (HITS, 20, "")
    gpus = f"1 x H100-SXM at {rate} nonces/s{served}"
    hosts = [{"name": name, "count": count, "gpus": gpus, "region": "EUROPE"} for name, count in KNOWN.items()]
    hosts[1]["strategy"] = {"kind": kind, **parameters}
    protocol = {**tree["protocol"], "version": version, "validation_sample_size": 30}
    protocol |= {} if is_answers else {"r_target": 1.41}
    work = {"kind": "kernel", "params": "tiny", "startup": "0 s", "dtype": "float32"}
    result = sim.run({**tree, "protocol": protocol, "work": work, "hosts": hosts})
    assert of_odd(result)["reason"].tolist() == [fate]
    assert of_odd(result)["claimed_nonces"].iloc[0] > 0
