"""A real epoch: on what was observed of main net's epoch 56 the rules give what its chain stored, to the last unit."""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from sim.protocol.blocks.params import EpochParams
from sim.protocol.proofs.weights import MergedWeight
from sim.theory import epoch56
from sim.theory.epoch56 import (
    choose_preserved,
    compute_weights,
    find_schedule,
    load_block_times,
    load_observed_nodes,
    load_participants,
)
from sim.theory.row import Row

OLD_LENGTH, NEW_LENGTH = 17_280, 15_391
N_EXACT = 15


def exact_rows() -> Iterator[Row]:
    """All rows but the one of simulated intervals."""
    nodes = load_observed_nodes()
    yield from epoch56._make_money_rows(compute_weights(nodes))
    yield from epoch56._make_member_rows(nodes)
    yield from epoch56._make_height_rows()


def test_every_integer_is_the_observed_one() -> None:
    rows = list(exact_rows())
    assert len(rows) == N_EXACT
    assert [row.quantity for row in rows if not row.passed] == []
    assert {row.bound for row in rows} == {0.0}


def test_the_table_is_whole() -> None:
    """26 participants, 124 ML nodes, 307 751 of weight, 50 slots: as the source counts them."""
    nodes, weights = load_observed_nodes(), load_participants("weight_epoch56")
    assert (len(weights), len(nodes), sum(weights.values())) == (26, 124, 307_751)
    assert sum(node.is_preserved for node in nodes) == sum(load_participants("n_poc_slot_nodes").values()) == 50
    assert Counter(node.address for node in nodes) == load_participants("n_nodes")


def test_reward_by_decimals() -> None:
    """The network multiplies the shortest decimal text of a float by the first reward, exactly."""
    emission = int(Decimal(repr(math.exp(-0.000475 * 55))) * 323_000 * 10**9)
    weights = load_participants("weight_epoch56")
    share = math.floor(Fraction(weights["P01"], sum(weights.values())) * emission)
    assert (emission, share) == (epoch56.REWARD_NGONKA, epoch56.P01_REWARD_NGONKA)


def test_guardians_by_hand() -> None:
    """0.52 of the 279 077 of all others, in three equal parts; the powers of epoch 56 would have given more."""
    before = load_participants("voting_power_before_switch")
    others = sum(power for who, power in before.items() if who not in epoch56.GUARDIANS)
    assert (others, 52 * others // 300) == (279_077, 48_373)
    after = load_participants("weight_epoch56")
    assert 52 * sum(weight for who, weight in after.items() if who not in epoch56.GUARDIANS) // 300 == 53_071


def test_half_of_each_participants_nodes_of_a_model() -> None:
    """By model: half of a participant's nodes whatever they serve would be 55."""
    nodes = load_observed_nodes()
    pairs = Counter((node.address, node.hardware.model) for node in nodes)
    assert sum(n // 2 for n in pairs.values()) == 50
    assert sum(n // 2 for n in Counter(node.address for node in nodes).values()) == 55
    assert sum(map(len, choose_preserved(nodes).values())) == 50


@pytest.mark.parametrize("epoch", [1, 2, 14, 15, 16, 56, 118, 311, 360])
def test_starts_by_formula(epoch: int) -> None:
    start = 300 + OLD_LENGTH * min(epoch - 1, 14) + NEW_LENGTH * max(epoch - 15, 0)
    assert find_schedule(epoch).start == start


def test_validation_by_the_votes() -> None:
    """20 blocks until proposal 3 in epoch 28 or 29, 120 from there on."""
    ends = {epoch: find_schedule(epoch).validation_end - find_schedule(epoch).start for epoch in (1, 27, 30, 56)}
    assert ends == {1: 85, 27: 85, 30: 185, 56: 185}


def test_mean_block_interval() -> None:
    heights, seconds = load_block_times()
    assert len(heights) == 181
    assert (seconds[-1] - seconds[0]) / (heights[-1] - heights[0]) == pytest.approx(5.638, abs=5e-4)


def _one_less(rule: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **named: rule(*args, **named) - 1


def _without_one(rule: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args: dict(list(rule(*args).items())[1:])


def _each_less(rule: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args: {who: value - 1 for who, value in rule(*args).items()}


def _lighter(rule: Callable[..., MergedWeight]) -> Callable[..., MergedWeight]:
    return lambda *args: MergedWeight(rule(*args).weight - 1, {})


LONGER = EpochParams(**{**epoch56.GENESIS.__dict__, "poc_validation_delay": 6, "epoch_length": 17_281})
BREAKS = [
    ("compute_epoch_reward", _one_less, 1),  # one ngonka less changes no share
    ("floor_shares", _each_less, 1),
    ("merge_by_node", _lighter, 2),  # P01's part of the reward follows from the weights
    ("boost_guardians", _each_less, 3),
    ("select_half", _without_one, 3),
    ("GENESIS", lambda _: LONGER, 6),
]


@pytest.mark.parametrize(("name", "damage", "n_failing"), BREAKS, ids=[name for name, _, _ in BREAKS])
def test_a_wrong_rule_fails(
    name: str, damage: Callable[[Any], Any], n_failing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epoch56, name, damage(getattr(epoch56, name)))
    assert sum(not row.passed for row in exact_rows()) == n_failing
