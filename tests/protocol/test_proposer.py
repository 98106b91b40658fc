"""Weighted round-robin: everybody proposes in proportion to its power."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.protocol.proposer import MAX_VALIDATORS, select_proposer, select_validators


@settings(deadline=None, max_examples=40)
@given(st.dictionaries(st.sampled_from("abcdefg"), st.integers(1, 30), min_size=1), st.integers(1, 3))
def test_shares_over_whole_rounds(powers: dict[str, int], n_rounds: int) -> None:
    priorities: dict[str, int] = {}
    counts = dict.fromkeys(powers, 0)
    for _ in range(n_rounds * sum(powers.values())):
        proposer, priorities = select_proposer(priorities, powers)
        counts[proposer] += 1
    assert all(abs(counts[address] - n_rounds * power) <= 1 for address, power in powers.items())


def test_ties_go_to_the_lower_address() -> None:
    assert select_proposer({}, {"b": 1, "a": 1})[0] == "a"


def test_a_newcomer_waits() -> None:
    priorities: dict[str, int] = {}
    for _ in range(10):
        _, priorities = select_proposer(priorities, {"a": 1, "b": 1})
    proposer, _ = select_proposer(priorities, {"a": 1, "b": 1, "c": 1})
    assert proposer != "c"


def test_nobody_can_propose() -> None:
    with pytest.raises(ValueError, match="no validator has any power"):
        select_proposer({}, {})


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 5)), st.integers(1, 8))
def test_validators_are_the_largest_and_ties_go_by_address(powers: dict[str, int], limit: int) -> None:
    """Beside a second way: whoever has at least `limit` others before it, larger or equal and lower, stays out."""
    chosen = select_validators(powers, limit)
    for address, power in powers.items():
        before = sum(other > power or (other == power and name < address) for name, other in powers.items())
        assert (address in chosen) == (power > 0 and before < limit)
    assert list(chosen) == sorted(chosen)
    assert all(chosen[address] == powers[address] for address in chosen)


def test_the_hundred_and_first_stays_out() -> None:
    """staking max_validators 100 (protocol 10): of 101 equal members the last address stays out."""
    powers = {f"m{place:03}": 7 for place in range(MAX_VALIDATORS + 1)}
    assert powers.keys() - select_validators(powers).keys() == {"m100"}
    with pytest.raises(ValueError, match="at least one validator"):
        select_validators(powers, 0)
