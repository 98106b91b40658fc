"""Acceptance by strict majority of previous weight (protocol 4.6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.votes import Reason, judge_participant


def judge(frauds: dict[str, bool], weights: dict[str, int], claimed: int = 1, has_seed: bool = True) -> Reason:
    return judge_participant("x", claimed, frauds, weights, has_seed).reason


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


def test_first_failing_test_decides() -> None:
    weights = {"a": 1}
    assert judge({"a": False}, weights, claimed=0) is Reason.NO_WEIGHT
    assert judge({"a": False}, weights, has_seed=False) is Reason.NO_SEED
    assert judge({"a": True}, weights, has_seed=False) is Reason.VOTED_INVALID


VOTES = st.dictionaries(st.sampled_from("abcdefgh"), st.booleans())
WEIGHTS = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 100))


@given(VOTES, WEIGHTS, st.sampled_from("abcdefgh"))
def test_one_more_valid_vote_never_rejects(frauds: dict[str, bool], weights: dict[str, int], voter: str) -> None:
    before = judge(frauds, weights)
    after = judge({**frauds, voter: False}, weights)
    assert not (before is Reason.ACCEPTED and after is not Reason.ACCEPTED)
