"""The genesis guardians' boost (protocol 5.4)."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.blocks.params import EpochParams, ProtocolParams
from sim.protocol.blocks.standing import compute_powers, remove_members
from sim.protocol.blocks.state import genesis_state
from sim.protocol.consensus.signing import Signing
from sim.protocol.consensus.validators import boost_guardians
from sim.protocol.service.inferences import Failure
from sim.protocol.service.status import Status
from sim.protocol.versions import VERSIONS, build_rule_book


def test_guardians_share_52_percent_of_the_others() -> None:
    """Protocol 5.4: trunc(0.52 · 10 000 / 3) = 1733, together 34.2 % of all."""
    boosted = boost_guardians({"a": 4000, "g1": 1, "g2": 2, "b": 6000, "g3": 3}, {"g1", "g2", "g3", "absent"})
    assert boosted == {"a": 4000, "g1": 1733, "g2": 1733, "b": 6000, "g3": 1733}
    assert 3 * 1733 / sum(boosted.values()) == pytest.approx(0.342, abs=0.0005)


def test_genesis_powers() -> None:
    """Protocol 0: 11 validators of 1, 3 of them guardians; trunc(0.52 · 8 / 3) = 1."""
    powers = {f"v{i:02}": 1 for i in range(11)}
    assert boost_guardians(powers, ["v00", "v01", "v02"]) == powers


@pytest.mark.parametrize(
    "powers",
    [
        {"g": 5, "a": 1_999_995},
        {"g": 100},
        {"a": 10, "b": 20},
        {"g": 53, "a": 100},
        {},
    ],
)
def test_unchanged_when_mature_alone_without_guardian_or_strong_already(powers: dict[str, int]) -> None:
    """Protocol 5.4: a total of 2 000 000 is mature; 0.52 · 100 < 53."""
    assert boost_guardians(powers, {"g"}) == powers


def test_just_below_each_limit() -> None:
    """Protocol 5.4."""
    assert boost_guardians({"g": 5, "a": 1_999_994}, {"g"})["g"] == 1_039_996
    assert boost_guardians({"g": 52, "h": 0, "a": 100}, {"g", "h"}) == {"g": 26, "h": 26, "a": 100}


@pytest.mark.parametrize(
    ("guardians", "others", "multiplier", "raised"),
    [
        ([1000], [2000, 1500], "0.60", [2100]),
        ([1000], [2000, 1500], "0.43", [1505]),
        ([500, 700], [3500], "0.52", [910, 910]),
        ([500, 700, 800], [3500], "0.52", [500, 700, 800]),
        ([10], [90], "0.52", [46]),
        ([0, 0, 0], [3000], "0.33334", [333, 333, 333]),
    ],
)
def test_multipliers(guardians: list[int], others: list[int], multiplier: str, raised: list[int]) -> None:
    """Network 2.9.9, 2.19."""
    named = {f"g{i}": power for i, power in enumerate(guardians)}
    powers = {**named, **{f"a{i}": power for i, power in enumerate(others)}}
    boosted = boost_guardians(powers, named, multiplier=Fraction(multiplier))
    assert [boosted[name] for name in named] == raised
    assert boosted == {**powers, **{name: boosted[name] for name in named}}


@pytest.mark.parametrize(
    ("total", "is_past_youth", "is_raised"), [(999, True, True), (1000, True, False), (1000, False, True)]
)
def test_both_weight_and_height_make_a_network_mature(total: int, is_past_youth: bool, is_raised: bool) -> None:
    """Network 2.1, v0.2.7: 15 million and block 3 000 000; here 1000 of weight."""
    powers = {"g": 1, "a": total - 1}
    boosted = boost_guardians(powers, "g", maturity_weight=1000, is_past_youth=is_past_youth)
    assert (boosted != powers) is is_raised


@given(
    st.lists(st.integers(0, 10**5), min_size=1, max_size=15), st.lists(st.integers(0, 10**5), min_size=1, max_size=4)
)
def test_guardians_hold_their_share_up_to_truncation(others: list[int], guardians: list[int]) -> None:
    """G' is within one unit a guardian of 0.52 · O, so that its share is m / (1 + m); nobody else changes."""
    named_others = {f"a{i}": power for i, power in enumerate(others)}
    named_guardians = {f"g{i}": power for i, power in enumerate(guardians)}
    boosted = boost_guardians({**named_guardians, **named_others}, named_guardians)
    held = sum(boosted[name] for name in named_guardians)
    assert {name: boosted[name] for name in named_others} == named_others
    if 52 * sum(others) < 100 * sum(guardians):
        assert held == sum(guardians)
    else:
        assert 0 <= 52 * sum(others) - 100 * held < 100 * len(guardians)
        assert held * 152 <= 52 * sum(boosted.values())


def test_where_nobody_who_is_left_has_power_the_powers_before_stay() -> None:
    """a has all trusted weight and fails a confirmation; b, a member still, has none."""
    params = ProtocolParams(rule_book=build_rule_book("v0.2.16", {}, {}), epoch=EpochParams(), vector_dim=64)
    state = genesis_state({"a": 5, "b": 0}, params)
    left = remove_members(state, [Failure("a", Status.INACTIVE, 9)], VERSIONS["v0.2.16"], params)
    assert left.effective.present == {"b": 0}
    assert left.powers == {"a": 5, "b": 0}


@pytest.mark.parametrize(
    ("jailed", "powers"),
    [(["a"], {"b": 3, "c": 2}), (["a", "b"], {"c": 2}), (["a", "b", "c"], {"a": 5, "b": 3, "c": 2})],
)
def test_powers_that_stay_are_those_out_of_jail_unless_all_are_in(jailed: list[str], powers: dict[str, int]) -> None:
    """Protocol 6.5: whoever is in jail does not propose; an epoch without weight keeps the powers before."""
    params = ProtocolParams(rule_book=build_rule_book("v0.2.16", {}, {}), epoch=EpochParams(), vector_dim=64)
    state = genesis_state({"a": 5, "b": 3, "c": 2}, params)
    empty = replace(
        state, effective=replace(state.effective, weights={}), signing=Signing(jailed=dict.fromkeys(jailed, 9.0))
    )
    assert compute_powers(empty, VERSIONS["v0.2.16"], params) == powers
