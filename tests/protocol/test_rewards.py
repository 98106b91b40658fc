"""Emission and distribution (protocol 6.1, 6.2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.rewards import NGONKA_PER_GNK, SUPPLY_CAP, compute_epoch_reward, split_reward


@pytest.mark.parametrize(
    ("epoch", "gnk"),
    [(1, 323_000), (30, 318_581), (56, 314_671), (90, 309_630), (180, 296_672), (365, 271_715), (1460, 161_520)],
)
def test_published_emissions(epoch: int, gnk: int) -> None:
    assert round(compute_epoch_reward(epoch, 0) / NGONKA_PER_GNK) == gnk


def test_supply_cap_binds_near_epoch_17_570() -> None:
    paid, epoch = 0, 0
    while paid < SUPPLY_CAP:
        epoch += 1
        paid += compute_epoch_reward(epoch, paid)
    assert paid == SUPPLY_CAP
    assert 17_560 <= epoch <= 17_580
    assert compute_epoch_reward(epoch + 1, paid) == 0


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=4), st.integers(0, 10**6)), st.integers(0, 10**15))
def test_shares_add_up_to_the_last_coin(weights: dict[str, int], amount: int) -> None:
    shares = split_reward(weights, amount)
    floors = {a: weight * amount // max(1, sum(weights.values())) for a, weight in weights.items()}
    positive = [address for address in sorted(weights) if floors[address] > 0]
    assert sum(shares.values()) == (amount if positive else 0)
    assert all(shares[address] == floors[address] for address in weights if address not in positive[:1])


def test_remainder_goes_to_the_first_address_with_a_share() -> None:
    assert split_reward({"b": 1, "c": 1, "a": 0}, 3) == {"a": 0, "b": 2, "c": 1}
    assert split_reward({"a": 0}, 5) == {"a": 0}
