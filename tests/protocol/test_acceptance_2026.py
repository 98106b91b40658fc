"""Votes on claims of answers, and what they are worth; `powsim theory` has the network's own numbers."""

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.blocks.state import get_places_to_check
from sim.protocol.proofs.acceptance import (
    Ballot,
    VoteBar,
    VotingSnapshot,
    compute_raw_weight,
    compute_starting_powers,
    compute_time_factor,
    count_slots,
    draw_holders,
    judge_answers,
    take_snapshot,
)
from sim.protocol.proofs.votes import Claimant, Reason, Verdict

HALF = VoteBar()
ALL = VotingSnapshot({"m": {"a": 30, "b": 60}}, 100, frozenset({"g", "a"}), "hash")


def judge(votes: dict[str, bool], bar: VoteBar = HALF, **known: object) -> Verdict:
    facts = {"claimed_weight": 1, **known}
    needs_power = bool(facts.pop("guardians_need_power", False))
    model = str(facts.pop("model", "m"))
    claimant = Claimant("x", **facts)  # type: ignore[arg-type]
    return judge_answers(claimant, model, votes, ALL, bar, guardians_need_power=needs_power)


def test_the_tests_come_in_the_chains_order() -> None:
    yes, no = {"b": True}, {"b": False}
    steps: list[tuple[Reason, dict[str, bool], dict[str, object]]] = [
        (Reason.NO_RECORD, {}, {"has_record": False}),
        (Reason.NO_MEMBER_VOTED, {}, {}),
        (Reason.NO_WEIGHT, no, {"claimed_weight": 0}),
        (Reason.NO_VALIDATOR_KEY, no, {"has_validator_key": False}),
        (Reason.VOTED_INVALID, no, {}),
        (Reason.NO_SEED, yes, {"has_seed": False}),
    ]
    assert judge(yes).reason is Reason.ACCEPTED
    for place, (reason, votes, known) in enumerate(steps):
        later = {key: value for _, _, more in steps[place:] for key, value in more.items()}
        assert judge(votes, **known).reason is judge(votes, **later).reason is reason


@pytest.mark.parametrize(
    ("votes", "needs_power", "reason"),
    [
        ({"a": True}, True, Reason.ACCEPTED),
        ({"a": False}, True, Reason.VOTED_INVALID),
        ({"a": True, "g": False}, False, Reason.VOTED_INVALID),
        ({"a": True, "g": False}, True, Reason.ACCEPTED),
        ({"g": True}, True, Reason.NO_QUORUM),
        ({"g": True}, False, Reason.ACCEPTED),
        ({"stranger": True}, False, Reason.NO_QUORUM),
        ({"b": False, "g": True}, False, Reason.VOTED_INVALID),
    ],
)
def test_guardians_decide_what_votes_do_not(votes: dict[str, bool], needs_power: bool, reason: Reason) -> None:
    """a is a guardian with 30 of 100 in the model, g one without it, b has 60."""
    assert judge(votes, guardians_need_power=needs_power).reason is reason


def test_a_model_without_powers_is_rejected() -> None:
    assert judge({"g": True}, model="other").reason is Reason.NO_QUORUM
    assert judge({"g": False}, model="other").reason is Reason.NO_QUORUM


def test_the_bar_counts_against_the_whole_network() -> None:
    assert judge({"b": True}, VoteBar(0)).reason is Reason.ACCEPTED
    assert judge({"a": True, "stranger": False}, VoteBar(0)).reason is Reason.ACCEPTED
    assert judge({"b": False}, VoteBar(6000)).reason is Reason.NO_QUORUM
    assert VoteBar(0).decide(40, 0, 100) is VoteBar().decide(50, 50, 100) is None
    assert judge({"b": True}, VoteBar(6000)).reason is Reason.NO_QUORUM
    assert judge({"b": True}, VoteBar(5999)) == Verdict("x", Reason.ACCEPTED, 60, 0, 100)


def test_each_drawn_slot_counts_its_members_vote() -> None:
    """The model has 90 of 100: 45 of 50 slots are drawn, in the shares that the hash gives."""
    held = draw_holders("hash", "x", "m", ALL.powers["m"], 45)
    assert sum(held.values()) == 45
    verdict = judge({"a": False, "b": True}, VoteBar(n_slots=50))
    assert verdict == Verdict("x", Reason.ACCEPTED, held["b"], held["a"], 50)
    assert held["b"] > 25


def test_with_slots_a_validator_checks_where_it_holds_one() -> None:
    """Member c has 1 of 10^6 and holds none of four slots; a, a guardian, is asked where slots do not decide."""
    snapshot = VotingSnapshot({"m": {"a": 1, "b": 10**6, "c": 1}}, 10**6, frozenset({"a", "g"}), "hash")
    ballot = Ballot(snapshot, VoteBar(n_slots=4), guardians_need_power=True)
    assert ballot.list_slot_voters("x", "m") == {"a", "b"}
    assert ballot.list_heard("c") == ballot.list_heard("b") == ["m"]
    assert Ballot(snapshot).list_heard("g") == ["m"]
    assert ballot.list_heard("g") == ballot.list_heard("stranger") == []
    claims = SimpleNamespace(models=("m", "m", "n"), places_by_model={"m": np.array([0, 1]), "n": np.array([2])})
    state: Any = SimpleNamespace(claimed_nonces=claims, slot_voters=[{"b"}, {"a"}, {"b"}])
    assert [get_places_to_check(state, who, ["m"]).tolist() for who in "abc"] == [[1], [0], []]
    state.slot_voters = None
    assert get_places_to_check(state, "c", ["n", "m"]).tolist() == [0, 1, 2]


def test_slots_depend_on_each_part_of_their_text() -> None:
    powers = {"a": 1, "b": 1}
    drawn = [draw_holders(*parts, powers, 999)["a"] for parts in (("h", "p", "m"), ("i", "p", "m"), ("h", "q", "m"))]
    assert len(set(drawn)) == 3
    assert draw_holders("h", "p", "m", {"a": 10**9, "b": 1}, 9) == {"a": 9}
    assert count_slots(200, 100, 128) == count_slots(100, 100, 128) == 128
    assert draw_holders("h", "pm", "", powers, 999) == draw_holders("h", "p", "m", powers, 999)


def test_powers_of_models_that_start_and_of_members_that_left() -> None:
    """b's own power goes with b; what b delegated stays. n is new and brings nothing of its own."""
    weights = {"a": 10, "b": 20, "c": 30}
    powers = compute_starting_powers(["a", "n", "c"], weights, {"b": "n", "c": "a", "d": "a", "a": "z"})
    assert powers == {"a": 10, "n": 20, "c": 30}
    stored = {"old": {"a": 1, "b": 2, "c": 0}, "empty": {"a": 0}}
    committers = {"old": ["n"], "empty": ["a", "b"], "new": ["a", "n"]}
    taken = take_snapshot(
        weights, stored, committers=committers, delegations={"new": {"b": "n"}}, removed=["b"], guardians=["g"]
    )
    assert taken.powers == {"old": {"a": 1}, "empty": {"a": 10}, "new": {"a": 10, "n": 20}}
    assert (taken.total, taken.guardians) == (40, {"g"})
    assert take_snapshot(weights, stored).powers == {"old": {"a": 1, "b": 2}}


def test_preserved_nodes_are_struck_before_anything_is_counted() -> None:
    raw = compute_raw_weight({1: 101, 2: 101, 3: 50}, Fraction(1, 2), preserved=[3])
    assert (raw.claimed, raw.node_weights) == (101, {1: 50, 2: 50})
    assert compute_raw_weight({3: 50}, Fraction(1), preserved=[3]).claimed == 0


@given(st.integers(1, 200), st.integers(1, 5000))
def test_the_factor_has_sixteen_places(n_blocks: int, seconds: int) -> None:
    factor = compute_time_factor(n_blocks, 1000.9, 1000.2 + seconds)
    assert (factor * 10**16).denominator == 1
    assert abs(factor - Fraction(541 * n_blocks, 100 * seconds)) <= Fraction(1, 2 * 10**16)
    assert compute_time_factor(n_blocks, 1000, 1000 + seconds, normalizes=False) == 1
