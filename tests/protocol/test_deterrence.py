"""The slash and the chance of a check from which on honesty pays (arXiv 2405.00295), beside what versions take."""

from fractions import Fraction
from math import inf

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pow.deterrence import compute_found_out, compute_needed_check, compute_needed_slash, pays_to_be_honest
from sim.protocol.versions import VERSIONS
from sim.theory.strategies.deterrence import (
    REJECTED,
    SHARES,
    compute_deterrence,
    join_versions,
    list_deterrences,
    list_slashes,
)

CHANCE = st.floats(0.01, 1.0)


@given(CHANCE, st.floats(0.0, 0.9), CHANCE, st.floats(0.1, 10.0))
def test_just_above_the_needed_slash_honesty_pays_and_just_below_it_does_not(
    checked: float, colluding: float, cost: float, reward: float
) -> None:
    found_out = compute_found_out(checked, colluding)
    needed = compute_needed_slash(cost, found_out, reward)
    assert pays_to_be_honest(cost, found_out, reward, needed * 1.001 + 1e-6)
    assume(needed > 1e-3)
    assert not pays_to_be_honest(cost, found_out, reward, needed * 0.999)
    assert compute_needed_check(cost, needed, reward, colluding) == pytest.approx(checked)


def test_the_published_condition() -> None:
    """p > C / ((1 - r)(R + S)): at p 1/10, r 1/5, C 1/2 and R 1 the slash must be above 5.25 rewards."""
    assert compute_needed_slash(0.5, compute_found_out(0.1, 0.2), 1.0) == pytest.approx(5.25)
    assert compute_needed_check(0.5, 5.25, 1.0, 0.2) == pytest.approx(0.1)


def test_what_is_never_found_needs_more_than_any_slash() -> None:
    assert compute_needed_slash(0.1, 0.0, 1.0) == compute_needed_check(0.1, 0.0, 0.0) == inf
    assert compute_needed_slash(0.0, 0.0, 1.0) == 0.0
    assert compute_needed_slash(0.2, 0.5, 1.0) == 0.0  # the lost reward is enough


@pytest.mark.parametrize("wrong", [(-0.1, 0.0), (0.5, 1.1)])
def test_chances_are_chances(wrong: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="it must be from 0 to 1"):
        compute_found_out(*wrong)


def test_no_version_takes_more_than_the_reward_from_a_rejected_claim() -> None:
    told = dict(join_versions(list_slashes))
    assert list(told) == ["v0.2.0 to v0.2.4", "v0.2.5 to v0.2.16"]
    assert {slashes[REJECTED] for slashes in told.values()} == {0}
    assert [slashes["missed requests, at the settlement"] for slashes in told.values()] == [Fraction(1, 10), 0]
    assert list_slashes(VERSIONS["v0.2.6"])["two votes at one height"] == Fraction(5, 100)


def test_more_inventions_and_fewer_colluders_are_found_out_more_often() -> None:
    for _, needs in list_deterrences():
        assert [need.share for need in needs] == list(SHARES)
        assert [need.found_out for need in needs] == sorted(need.found_out for need in needs)
    rules = VERSIONS["v0.2.0"]
    few, many = (compute_deterrence(rules, Fraction(3, 100), colluding) for colluding in (Fraction(0), Fraction(2, 5)))
    assert many.found_out < few.found_out
    assert many.needed_slash > few.needed_slash
