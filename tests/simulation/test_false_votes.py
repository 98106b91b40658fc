"""Validators and proposers that cheat: what they answer, and what becomes of it in a run."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import sim
from sim.protocol.blocks.params import EpochParams, ProtocolParams
from sim.protocol.blocks.state import genesis_state
from sim.protocol.consensus.transactions import ClaimReward, SubmitSeed, SubmitValidation
from sim.protocol.proofs.claimed import name_claim
from sim.protocol.proofs.commits import StoreCommit
from sim.protocol.proofs.hits import SubmitProofBatch
from sim.protocol.versions import build_rule_book
from sim.scenario.load import parse_scenario
from sim.strategies import events, strategies
from sim.strategies.actions import Check, Propose
from sim.strategies.base import Identity, View

DIRECTORY = {"farm": ("farm-0", "farm-1"), "farm-0": ("farm-0",), "house": ("me", "ally"), "me": ("me",)}
IDENTITY = Identity("house", ("me", "ally"), DIRECTORY)
NAMES = ("me", "ally", "farm-0", "farm-1", "lone")
GENERATOR = np.random.default_rng(1)


def view(weights: dict[str, int] | None = None, version: str = "v0.2.0", pending: tuple[Any, ...] = ()) -> View:
    params = ProtocolParams(rule_book=build_rule_book(version, {}, {}), epoch=EpochParams(), vector_dim=8192)
    state = genesis_state(weights or dict.fromkeys(NAMES, 1), params)
    return View("me", 100.0, state, params, (), frozenset(), lambda: pending)


def ask(spec: object, event: Any) -> Any:
    strategy = strategies.build(spec)
    return strategy.react(strategy.start(IDENTITY), event, GENERATOR)[1]


def checked(frauds: list[bool], names: tuple[str, ...] = NAMES, given: View | None = None) -> events.ChecksDone:
    n = np.full(len(names), 10)
    return events.ChecksDone(given or view(), 1, names, n, n * np.array(frauds), np.ones(len(names)), np.array(frauds))


def votes(spec: object, event: events.ChecksDone) -> dict[str, bool]:
    ((vote,)) = ask(spec, event)
    return dict(zip(vote.participants, vote.frauds.tolist(), strict=True))


def test_a_contrarian_turns_every_verdict_around() -> None:
    assert list(votes("contrarian", checked([True, False, True, False, False])).values()) == [0, 1, 0, 1, 1]


def test_who_sells_votes_lets_clients_pass_and_judges_the_rest() -> None:
    spec = {"kind": "sell_votes", "clients": ["farm", "x"]}
    assert votes(spec, checked([True] * 5)) == {**dict.fromkeys(NAMES, True), "farm-0": False, "farm-1": False}
    names = (name_claim("farm-1", "model"), name_claim("lone", "model"))
    assert list(votes(spec, checked([True, True], names)).values()) == [False, True]


def test_colluders_wait_until_they_are_more_than_half() -> None:
    weak, strong = view(), view({"me": 2, "ally": 2, "farm-0": 1, "farm-1": 1, "lone": 1})
    for given, others in ((weak, [False, True, False]), (strong, [True] * 3)):
        event = checked([True, True, False, True, False], given=given)
        assert list(votes("colluders", event).values()) == [False, False, *others]
    known = {"participants": NAMES, "n_claimed": np.full(5, 9), "duties": np.arange(5)}
    vote, check = ask("colluders", events.ClaimsKnown(weak, 1, **known))
    assert (set(vote.participants), vote.frauds.any()) == ({"me", "ally"}, False)
    assert sorted(check.participants) == ["farm-0", "farm-1", "lone"]
    vote, check = ask("colluders", events.ClaimsKnown(strong, 1, **known))
    assert check == Check(())  # nothing is left to look at
    assert {who for who, fraud in zip(vote.participants, vote.frauds, strict=True) if fraud} == set(NAMES[2:])


def test_who_abstains_checks_nothing() -> None:
    assert ask("abstain", events.ClaimsKnown(view(), 1, NAMES, np.full(5, 9), np.arange(5))) == ()


def pending(version: str) -> tuple[Any, ...]:
    claim: type[Any] = SubmitProofBatch if version == "v0.2.0" else StoreCommit
    messages = []
    for who in ("farm-0", "lone", "ally", "me"):
        messages += [
            SubmitSeed(f"seed/{who}", who, 1, "x"),
            SubmitValidation(f"votes/{who}", who, 40, ("me",), (False,)),
            ClaimReward(f"reward/{who}", who, 1, 7),
        ]
        made = object.__new__(claim)  # as much of it as a proposer reads
        object.__setattr__(made, "tx_id", f"claim/{who}")
        object.__setattr__(made, "creator", who)
        messages.append(made)
    return tuple(messages)


@pytest.mark.parametrize("version", ["v0.2.0", "v0.2.16"])
@pytest.mark.parametrize("subjects", [["seeds"], ["claims"], ["votes", "rewards"], ["seeds", "claims", "votes"]])
def test_a_censor_leaves_out_what_it_is_asked_to_and_keeps_the_order(version: str, subjects: list[str]) -> None:
    given = pending(version)
    spec = {"kind": "censor", "victims": ["farm", "lone"], "subjects": subjects}
    (propose,) = ask(spec, events.ProposalDue(view(version=version, pending=given), 5, str))
    starts = {"seeds": "seed", "claims": "claim", "votes": "votes", "rewards": "reward"}
    banned = {f"{starts[subject]}/{who}" for subject in subjects for who in ("farm-0", "lone")}
    assert list(propose.tx_ids) == [each.tx_id for each in given if each.tx_id not in banned]


def test_a_censor_with_nothing_to_leave_out_fills_its_block_as_the_software_does() -> None:
    spec = {"kind": "censor", "victims": ["lone"]}
    only = tuple(each for each in pending("v0.2.0") if each.creator != "lone")
    assert ask(spec, events.ProposalDue(view(pending=only), 5, str)) == (Propose(None),)


def test_who_reorders_puts_its_operator_first_and_rivals_last() -> None:
    given = pending("v0.2.0")
    (propose,) = ask({"kind": "reorder", "rivals": ["farm"]}, events.ProposalDue(view(pending=given), 5, str))
    makers = [who.partition("/")[2] for who in propose.tx_ids]
    assert makers == ["ally"] * 4 + ["me"] * 4 + ["lone"] * 4 + ["farm-0"] * 4


TEXT = """
name: votes
epochs: 1
protocol: {epoch_length: 18, poc_stage_duration: 5, poc_validation_duration: 5}
work: {kind: sphere, startup: 0 s}
network: {tier: paths}
hosts:
  - {name: farm, count: 3, gpus: 1 x H100-SXM, region: EUROPE}
  - {name: odd, count: 3, gpus: 1 x H100-SXM, region: EUROPE, operator: house, strategy: honest}
"""


@pytest.mark.parametrize(
    ("strategy", "accepted"),
    [
        ("honest", {"farm", "odd"}),
        ("abstain", set()),  # three of six are not more than half
        ("contrarian", set()),
        ({"kind": "colluders", "expels_above": 0.4}, {"odd"}),  # the others are honest to them
        ("colluders", {"farm", "odd"}),  # with half of the weight, no more, they judge the others honestly
    ],
)
def test_what_half_of_the_power_can_do(strategy: object, accepted: set[str]) -> None:
    rows = sim.run(parse_scenario(TEXT, overrides={"hosts.odd.strategy": strategy})).participants
    assert set(rows.loc[rows["is_accepted"], "host_group"]) == accepted


def test_with_more_than_half_colluders_take_the_network() -> None:
    changes = {"hosts.odd.strategy": "colluders", "hosts.odd.count": 4}
    rows = sim.run(parse_scenario(TEXT, overrides=changes)).participants
    assert set(rows.loc[rows["is_accepted"], "host_group"]) == {"odd"}
    assert set(rows.loc[~rows["is_accepted"], "reason"]) == {"voted invalid"}


def test_a_censor_of_every_block_keeps_the_seed_of_its_victim_out() -> None:
    """Alone with all power; the victim joins without a vote, and without a seed nobody becomes a member."""
    changes = {
        "epochs": 2,
        "hosts.farm.joins": 2,
        "hosts.odd.strategy": {"kind": "censor", "victims": ["farm-0"], "subjects": ["seeds"]},
    }
    rows = sim.run(parse_scenario(TEXT, overrides=changes)).participants.query("epoch == 2").set_index("participant")
    assert rows.at["farm-0", "reason"] == "no seed"
    assert rows.loc[["farm-1", "farm-2"], "reason"].tolist() == ["accepted"] * 2


def test_replace_keeps_the_directory() -> None:
    assert replace(IDENTITY, operator="x").resolve(["farm", "stranger"]) == {"farm-0", "farm-1", "stranger"}
