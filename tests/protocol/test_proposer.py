"""Weighted round-robin: everybody proposes in proportion to its power.

`Naive` is written from CometBFT's page "Proposer Selection Procedure", line by line and without `select_proposer`.
Where that page leaves the rounding of a division open, it says which one it takes.
"""

import math
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.protocol.consensus.validators import MAX_VALIDATORS, select_proposer, select_validators
from sim.theory import proposers
from sim.theory.proposers import count_blocks, proposer_rows

POWERS = st.dictionaries(st.sampled_from("abcdefghijkl"), st.integers(1, 60), min_size=1)


class Naive:
    """A queue of [address, priority] pairs that each call of `elect` scales, centres, moves ahead and takes from."""

    def __init__(self) -> None:
        self.queue: list[list] = []
        self.n_scalings = 0

    def elect(self, powers: dict[str, int]) -> str:
        total = sum(powers[who] for who in powers)
        self.queue = [pair for pair in self.queue if pair[0] in powers]
        for who in powers:
            if who not in [pair[0] for pair in self.queue]:
                self.queue.append([who, -(total + total // 8)])  # -1.125 P, in whole numbers
        difference = max(pair[1] for pair in self.queue) - min(pair[1] for pair in self.queue)
        if difference > 2 * total:
            self.n_scalings += 1
            scale = math.ceil(Fraction(difference, 2 * total))  # only rounding up keeps the distance below 2 P
            for pair in self.queue:
                pair[1] = math.trunc(Fraction(pair[1], scale))
        average = math.floor(Fraction(sum(pair[1] for pair in self.queue), len(self.queue)))
        for pair in self.queue:
            pair[1] += powers[pair[0]] - average
        first = sorted(self.queue, key=lambda pair: (-pair[1], pair[0]))[0]
        first[1] -= total
        return str(first[0])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(POWERS, st.integers(1, 40)), min_size=1, max_size=4))
def test_the_documented_algorithm(eras: list[tuple[dict[str, int], int]]) -> None:
    """Same proposer and same priorities at every height, while validators come, go and change their power."""
    naive, priorities = Naive(), {}
    for powers, n_heights in eras:
        for _ in range(n_heights):
            proposer, priorities = select_proposer(priorities, powers)
            assert proposer == naive.elect(powers)
            assert priorities == dict(naive.queue)


@settings(deadline=None, max_examples=40)
@given(POWERS, st.integers(1, 3))
def test_shares_over_whole_rounds(powers: dict[str, int], n_rounds: int) -> None:
    """While nothing is scaled the shares are exact at every whole round, and so is the naive queue's."""
    naive, blocks = Naive(), count_blocks(powers, n_rounds * sum(powers.values()))
    naive_blocks = Counter(naive.elect(powers) for _ in range(n_rounds * sum(powers.values())))
    assert blocks == naive_blocks
    assert naive.n_scalings == 0
    assert all(blocks[who] == n_rounds * power for who, power in powers.items())


@settings(deadline=None, max_examples=40)
@given(POWERS)
def test_nobody_is_ahead_by_a_block(powers: dict[str, int]) -> None:
    """At no height has anybody proposed as much as one block more than its share, since priorities stay above -P."""
    total, blocks, priorities = sum(powers.values()), Counter(), {}
    for height in range(1, total + 1):
        proposer, priorities = select_proposer(priorities, powers)
        blocks[proposer] += 1
        assert all(blocks[who] * total - height * power < total for who, power in powers.items())


def test_inside_a_round_somebody_can_be_behind_by_more_than_a_block() -> None:
    """Six validators of power 1 beside two of power 5: y waits while the small ones take their turns."""
    powers = {**{f"small{i}": 1 for i in range(6)}, "x": 5, "y": 5}
    behind = [Fraction(n * 5, 16) - count_blocks(powers, n)["y"] for n in range(17)]
    assert max(behind) == Fraction(17, 16)
    assert behind[16] == 0


def test_priorities_can_spread_so_far_that_they_are_scaled() -> None:
    """57 validators of a steady set, found by search: shares stay right through a scaling of their priorities."""
    others = [14506, 4863, 1169, 676, 82, 72, 35, 27, 24, 21, 15, 12, 7, 7, 6, 5, 4, 4]
    sizes = [200_000, 200_000, *others, *[1] * 37]
    powers = {f"v{number:02}": size for number, size in enumerate(sizes)}
    naive, priorities, blocks, n_heights = Naive(), {}, Counter(), 1000
    for _ in range(n_heights):
        proposer, priorities = select_proposer(priorities, powers)
        assert proposer == naive.elect(powers)
        blocks[proposer] += 1
    assert naive.n_scalings == 1
    assert all(abs(blocks[who] - n_heights * power / sum(sizes)) < 1.5 for who, power in powers.items())


def test_rows_see_a_queue_that_is_not_fair(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(row.passed for row in proposer_rows(True))
    monkeypatch.setattr(proposers, "select_proposer", lambda priorities, powers: (max(powers, key=powers.get), {}))
    assert not any(row.passed for row in proposer_rows(True))


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
