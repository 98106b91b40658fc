"""The grammar of attacks: what each ingredient does, and that none does anything alone."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sim.errors import ScenarioError
from sim.nodes.agent import Agent, is_equal
from sim.protocol.blocks.params import EpochParams, ProtocolParams
from sim.protocol.blocks.state import EpochGroup, HostRecord, genesis_state
from sim.protocol.proofs.base import Episode
from sim.protocol.proofs.draws import UNTRIED_FROM, select_positions
from sim.protocol.versions import VERSIONS, build_rule_book
from sim.scenario.load import load_scenario
from sim.strategies import events
from sim.strategies.actions import ClaimResults, Compute, Vote
from sim.strategies.base import Event, Identity, MLNode, View
from sim.strategies.honest import Honest
from sim.strategies.provers.ingredients import choose_validators
from sim.strategies.provers.mixed import Mixed

R_TARGET, SIZE, P = 1.4013564660458173, 10, 100
IDENTITY = Identity("me", ("me",))
NODES = (MLNode(1, "H100-SXM", 4, 1, 10.0, "float16", "QwQ-32B"), MLNode(2, "L4", 4, 1, 1.0, "float16", "QwQ-32B"))
WEIGHTS = {"me": 3, "big": 4, "mid": 3, "low": 1}
CHEATS: list[dict[str, Any]] = [
    {"layers": 1},
    {"margin": 0.01},
    {"copies": 3},
    {"invented": 2.0},
    {"place": "unsampled", "invented": 2.0, "claims": "at_end"},
    {"votes": "own"},
    {"votes": "all"},
    {"votes": "against"},
    {"seed": "withholds"},
]


def view(version: str = "v0.2.0") -> View:
    """Block E of a proof of compute that began at block P."""
    params = ProtocolParams(
        rule_book=build_rule_book(version, {}, {}), epoch=EpochParams(), vector_dim=8192, validation_sample_size=SIZE
    )
    state = genesis_state(WEIGHTS, params)
    episode = Episode(1, P, "AA", P + 10, P + 12, P + 14, P + 20)
    known = SimpleNamespace(
        effective=EpochGroup(0, 0, WEIGHTS),
        hosts={who: HostRecord(f"key of {who}", ()) for who in WEIGHTS},
        running=episode,
        threshold=state.threshold,
        height=P + 10,
    )
    return View("me", 100.0, known, params, NODES, frozenset(), tuple)


def results(node_id: int, distances: list[float], epoch: int = 1, version: str = "v0.2.0") -> events.ResultsFound:
    nonces = np.arange(node_id, node_id + 2 * len(distances), 2)
    return events.ResultsFound(view(version), epoch, node_id, 50, nonces, np.array(distances), R_TARGET)


def list_events(epoch: int = 1) -> list[Event]:
    names, frauds = ("me", "big"), np.array([True, True])
    return [
        events.EpochOpened(view(), epoch, "AA"),
        events.GenerationOpened(view(), epoch, (1, 2)),
        results(1, [1.39, 1.40], epoch),
        results(2, [1.395], epoch),
        events.GenerationEnded(view(), epoch),
        events.ClaimsKnown(view(), epoch, names, np.array([7, 9]), np.array([0, 1])),
        events.ChecksDone(view(), epoch, names, np.array([9, 9]), np.array([9, 9]), np.zeros(2), frauds),
    ]


def play(strategy: Any, epoch: int = 1) -> list[Any]:
    agent = Agent(strategy, "x", IDENTITY, is_rehearsed=True)
    return [agent.ask(event, np.random.default_rng(number)) for number, event in enumerate(list_events(epoch))]


@pytest.mark.parametrize("cheat", CHEATS, ids=str)
def test_an_ingredient_acts_when_it_is_time_and_not_before(cheat: dict[str, Any]) -> None:
    honest = play(Honest())
    assert is_equal(play(Mixed(**cheat)), honest)
    assert not is_equal(play(Mixed(**cheat, when="always")), honest)
    assert is_equal(play(Mixed(when="always")), honest)


def test_times_are_those_that_are_named() -> None:
    honest = play(Honest())
    by_time = {
        when: [epoch for epoch in range(1, 6) if not is_equal(play(Mixed(when=when, layers=1), epoch)[1], honest[1])]
        for when in ("never", "always", "alternate", "later")
    }
    assert by_time == {"never": [], "always": [1, 2, 3, 4, 5], "alternate": [2, 4], "later": [3, 4, 5]}


def claim_at_end(**ingredients: Any) -> ClaimResults:
    """The one claim of 60 and 40 nonces of two ML nodes, with as many invented ones unless told otherwise."""
    given = {"when": "always", "claims": "at_end", "invented": 1.0, **ingredients}
    agent, generator = Agent(Mixed(**given), "x", IDENTITY), np.random.default_rng(1)
    asked = [
        events.GenerationOpened(view(), 1, (1, 2)),
        results(1, np.linspace(1.38, 1.401, 60).tolist()),
        results(2, np.linspace(1.38, 1.401, 40).tolist()),
        events.GenerationEnded(view(), 1),
    ]
    answers = [agent.ask(event, generator) for event in asked]
    assert answers[1:3] == [(), ()]
    (claim,) = answers[3]
    return claim


@pytest.mark.parametrize("samplers", ["all", "majority", "heaviest"])
def test_no_sample_that_it_avoids_hits_an_invented_nonce(samplers: str) -> None:
    """The samples are those that validators draw; a place that nobody avoids is hit as often as chance has it."""
    claim = claim_at_end(place="unsampled", samplers=samplers)
    is_invented = np.asarray(claim.nonces) >= UNTRIED_FROM
    assert (claim.node_id, len(claim.nonces), int(is_invented.sum())) == (1, 200, 100)
    proof, episode = VERSIONS["v0.2.0"].proof, view().state.running
    assert episode is not None
    hits = {
        who: int(
            is_invented[select_positions(200, SIZE, proof.compute_sampling_seed(f"key of {who}", "", episode))].sum()
        )
        for who in WEIGHTS
    }
    avoided = set(choose_validators(view(), samplers))
    assert {who for who, n_hits in hits.items() if n_hits == 0} == avoided


def test_validators_are_chosen_by_weight() -> None:
    """Of 11 in all, big and mid hold 7; the host itself is none of them."""
    chosen = {who: choose_validators(view(), who) for who in ("heaviest", "majority", "all")}
    assert chosen == {"heaviest": ["big"], "majority": ["big", "mid"], "all": ["big", "mid", "low"]}


@pytest.mark.parametrize(("place", "where"), [("last", slice(100, None)), ("first", slice(None, 100))])
def test_invented_nonces_stand_where_they_are_told_to(place: str, where: slice) -> None:
    assert (np.asarray(claim_at_end(place=place).nonces)[where] >= UNTRIED_FROM).all()


def test_copies_and_margin_change_what_is_listed() -> None:
    nonces = np.asarray(claim_at_end(invented=0.0, copies=2).nonces)
    assert len(nonces) == 200
    assert len(np.unique(nonces)) == 100
    sure = claim_at_end(invented=0.0, margin=0.01)
    assert 0 < len(sure.nonces) < 100
    assert max(sure.values) < R_TARGET - 0.01


def test_votes_are_those_that_are_named() -> None:
    def vote(votes: str) -> list[list[bool] | None]:
        told = play(Mixed(when="always", votes=votes))[-2:]
        return [found[0].frauds.tolist() if isinstance(found[0], Vote) else None for found in told]

    assert vote("test") == [None, [True, True]]
    assert vote("own") == [None, [False, True]]
    assert vote("all") == [[False, False]] * 2
    assert vote("against") == [[False, True]] * 2


def test_layers_are_asked_of_the_ml_nodes() -> None:
    assert play(Mixed(when="always", layers=3))[1] == (Compute(n_layers=3),)


def test_rules_that_leave_an_ingredient_without_effect_are_named() -> None:
    place = Mixed(when="always", place="unsampled")
    assert place.doubt(VERSIONS["v0.2.6"]) == ""
    assert "no place is known" in place.doubt(VERSIONS["v0.2.16"])
    assert "no place is known" in place.doubt(replace(VERSIONS["v0.2.6"], samples_by_newest_hash=True))
    assert "neither `margin` nor `copies`" in Mixed(copies=2).doubt(VERSIONS["v0.2.16"])


SCENARIO = """\
name: mini
epochs: 1
work: {kind: sphere, params: devtest}
hosts:
  - {name: a, count: 3, gpus: 1 x H100-SXM, region: EUROPE}
  - {name: b, gpus: 1 x H100-SXM, region: EUROPE, strategy: {kind: mixed, layers: 1, place: last}}
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "layers: 1",
            "layers: 17",
            ":6:75: hosts.1.strategy.layers: the model has 16 layers; 17 of them cannot be run",
        ),
        ("place: last", "place: unsampeld", ":6:86: hosts.1.strategy.place: "),
    ],
)
def test_bad_ingredients_have_their_place(tmp_path: Path, old: str, new: str, expected: str) -> None:
    file = tmp_path / "mini.yaml"
    file.write_text(SCENARIO.replace(old, new))
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file)
    assert expected in str(caught.value)
