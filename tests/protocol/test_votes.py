"""Acceptance by strict majority of previous weight (protocol 4.6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.proofs.votes import Claimant, Reason, judge_participant, select_voters


def judge(frauds: dict[str, bool], weights: dict[str, int], claimed: int = 1, **known: bool) -> Reason:
    return judge_participant(Claimant("x", claimed, **known), frauds, select_voters(weights, 0)).reason


@pytest.mark.parametrize(("total", "needed"), [(11, 6), (10, 6), (1, 1), (2, 2)])
def test_needs_more_than_the_floored_half(total: int, needed: int) -> None:
    weights = {f"v{i}": 1 for i in range(total)}
    for n_valid in range(1, total + 1):
        reason = judge({f"v{i}": False for i in range(n_valid)}, weights)
        assert (reason is Reason.ACCEPTED) == (n_valid >= needed)


def test_abstention_acts_as_no() -> None:
    assert judge({"a": False}, {"a": 5, "b": 5}) is Reason.NO_QUORUM
    assert judge({"a": True}, {"a": 6, "b": 5}) is Reason.VOTED_INVALID


def test_votes_of_strangers_do_not_count() -> None:
    assert judge({"stranger": False}, {"a": 1}) is Reason.NO_MEMBER_VOTED
    assert judge({}, {}) is Reason.NO_MEMBER_VOTED
    assert judge({"a": False, "stranger": True}, {"a": 1}) is Reason.ACCEPTED


def test_a_self_vote_counts() -> None:
    assert judge({"x": False}, {"x": 6, "b": 5}) is Reason.ACCEPTED


def test_the_tests_come_in_the_chains_order() -> None:
    """Each failure alone gives its reason; with all later ones added it still decides (protocol 4.6, 1 to 6)."""
    nobody, no, yes = {}, {"a": True}, {"a": False}
    steps: list[tuple[Reason, dict[str, bool], dict[str, object]]] = [
        (Reason.NO_RECORD, yes, {"has_record": False}),
        (Reason.NO_MEMBER_VOTED, nobody, {}),
        (Reason.NO_WEIGHT, yes, {"claimed": 0}),
        (Reason.NO_VALIDATOR_KEY, yes, {"has_validator_key": False}),
        (Reason.VOTED_INVALID, no, {}),
        (Reason.NO_SEED, yes, {"has_seed": False}),
    ]
    assert judge(yes, {"a": 1}) is Reason.ACCEPTED
    for place, (reason, frauds, known) in enumerate(steps):
        assert judge(frauds, {"a": 1}, **known) is reason  # type: ignore[arg-type]
        later = {key: value for _, _, more in steps[place:] for key, value in more.items()}
        worst = nobody if place <= 1 else no if place <= 4 else yes
        assert judge(worst, {"a": 1}, **later) is reason  # type: ignore[arg-type]


def test_only_the_first_hundred_members_vote_before_v0_2_5() -> None:
    """150 members of weight 1: with the page limit the total is 100 and members beyond it count for nothing."""
    weights = {f"m{i:03}": 1 for i in range(150)}
    late = {f"m{i:03}": False for i in range(100, 150)}
    early = {f"m{i:03}": False for i in range(51)}
    for limit, frauds, reason in [
        (100, late, Reason.NO_MEMBER_VOTED),
        (100, early, Reason.ACCEPTED),
        (0, late, Reason.NO_QUORUM),
        (0, early, Reason.NO_QUORUM),
        (0, {**early, **late}, Reason.ACCEPTED),
    ]:
        assert judge_participant(Claimant("x", 1), frauds, select_voters(weights, limit)).reason is reason


def test_negative_weights_are_skipped() -> None:
    assert select_voters({"a": -5, "b": 3, "c": 0}, 0) == {"b": 3}


VOTES = st.dictionaries(st.sampled_from("abcdefgh"), st.booleans())
WEIGHTS = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 100))


@given(VOTES, WEIGHTS, st.sampled_from("abcdefgh"))
def test_one_more_valid_vote_never_rejects(frauds: dict[str, bool], weights: dict[str, int], voter: str) -> None:
    before = judge(frauds, weights)
    after = judge({**frauds, voter: False}, weights)
    assert not (before is Reason.ACCEPTED and after is not Reason.ACCEPTED)


@given(VOTES, WEIGHTS, st.sampled_from("abcdefgh"), st.integers(1, 100))
def test_votes_are_monotone_in_weight(frauds: dict[str, bool], weights: dict[str, int], voter: str, more: int) -> None:
    """More weight behind a valid vote never rejects; more behind a fraud vote or an abstention never accepts."""
    before = judge(frauds, weights) is Reason.ACCEPTED
    after = judge(frauds, {**weights, voter: weights.get(voter, 0) + more}) is Reason.ACCEPTED
    assert after >= before if frauds.get(voter, True) is False else after <= before
