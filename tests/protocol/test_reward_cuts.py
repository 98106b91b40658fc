"""Penalties and delegates' shares of rewards (network 2.12)."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.models.delegation import DelegatedShare
from sim.protocol.money.reward_cuts import apply_penalties, pass_shares_on

TENTH = Fraction(1, 10)


@pytest.mark.parametrize(
    ("weight", "fractions", "left"),
    [
        (1000, ["0.1"], 900),
        (1000, ["0.5", "0.7"], 0),
        (1000, [], 1000),
        (19, ["0.1", "0.1"], 17),  # each is truncated by itself
        (0, ["0.5"], 0),
    ],
)
def test_penalties(weight: int, fractions: list[str], left: int) -> None:
    """The first two are the network's own tests."""
    assert apply_penalties({"a": weight, "b": 7}, {"a": [Fraction(text) for text in fractions]}) == {"a": left, "b": 7}


def test_shares_of_the_networks_tests() -> None:
    one = [DelegatedShare("b", TENTH)]
    assert pass_shares_on({"a": 1000, "b": 500}, {"a": one}) == {"a": 900, "b": 600}
    punished = apply_penalties({"a": 1000, "b": 500}, {"a": [Fraction("0.8")]})
    assert pass_shares_on(punished, {"a": [DelegatedShare("b", Fraction("0.3"))]}) == {"a": 140, "b": 560}
    two = {"a": [*one, DelegatedShare("c", TENTH)]}
    assert pass_shares_on({"a": 1000, "b": 500, "c": 500}, two) == {"a": 800, "b": 600, "c": 600}


def test_a_share_is_lost_where_the_delegate_has_no_weight() -> None:
    """b is unpaid, d is nobody; what both would get reaches nobody."""
    shares = {"a": [DelegatedShare("b", TENTH), DelegatedShare("d", TENTH)]}
    assert pass_shares_on({"a": 1000, "b": 0}, shares) == {"a": 800, "b": 0}


def test_shares_are_parts_of_the_weights_before_any_of_them_moved() -> None:
    """In a circle of three nothing is passed on twice."""
    shares = {who: [DelegatedShare(to, Fraction(1, 2))] for who, to in ("ab", "bc", "ca")}
    assert pass_shares_on({"a": 100, "b": 10, "c": 0}, shares) == {"a": 50, "b": 55, "c": 0}


FRACTIONS = st.fractions(0, 1, max_denominator=20)


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 1000), min_size=1),
    st.dictionaries(st.sampled_from("abcd"), st.lists(st.tuples(st.sampled_from("abcde"), FRACTIONS), max_size=3)),
)
def test_no_weight_appears_and_none_is_negative(
    weights: dict[str, int], given_shares: dict[str, list[tuple[str, Fraction]]]
) -> None:
    shares = {who: [DelegatedShare(*share) for share in given] for who, given in given_shares.items()}
    after = pass_shares_on(weights, shares)
    assert after.keys() == weights.keys()
    assert min(after.values()) >= 0
    all_have_weight = all(weights.get(to, 0) for who in shares if who in weights for to, _ in shares[who])
    assert (
        sum(after.values()) == sum(weights.values())
        if all_have_weight
        else sum(after.values()) <= sum(weights.values())
    )
