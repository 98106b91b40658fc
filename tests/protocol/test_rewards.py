"""Emission and distribution (protocol 6.1, 6.2)."""

import itertools
import math
from collections.abc import Collection
from fractions import Fraction

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.money.rewards import (
    EPOCH_FACTOR,
    NGONKA_PER_GNK,
    SUPPLY_CAP,
    compute_effective_weights,
    compute_epoch_reward,
    select_entitled,
    split_reward,
)
from sim.protocol.proofs.weights import cap_weights

WEIGHTS = st.dictionaries(st.text("abcdef", min_size=1, max_size=4), st.integers(0, 10**6))
AMOUNTS = st.integers(0, 10**15)


def distribute_reward(
    weights: dict[str, int],
    amount: int,
    excluded: Collection[str] = (),
    punished: Collection[str] = (),
    recomputes_total: bool = True,
) -> dict[str, int]:
    """The two steps of the rule in a row."""
    kept, divisor = select_entitled(weights, excluded, punished, recomputes_total=recomputes_total)
    return split_reward(kept, amount, divisor=divisor)


@pytest.mark.parametrize(
    ("epoch", "gnk"),
    [(1, 323_000), (30, 318_581), (56, 314_671), (90, 309_630), (180, 296_672), (365, 271_715), (1460, 161_520)],
)
def test_published_emissions(epoch: int, gnk: int) -> None:
    """Protocol 6.1."""
    assert round(compute_epoch_reward(epoch, 0) / NGONKA_PER_GNK) == gnk


@pytest.mark.parametrize(("epoch", "ngonka"), [(56, 314_670_897_622_954), (410, 265_968_351_724_175)])
def test_emission_until_v0_2_7_to_the_ngonka(epoch: int, ngonka: int) -> None:
    """Network 2.12."""
    assert compute_epoch_reward(epoch, 0) == ngonka


def test_the_shortest_decimal_text_is_multiplied_exactly() -> None:
    """A product of doubles would be one ngonka off in 32 of the first 2000 epochs."""
    differ = [
        epoch
        for epoch in range(1, 2000)
        if compute_epoch_reward(epoch, 0) != math.trunc(323_000 * 10**9 * math.exp(-0.000475 * (epoch - 1)))
    ]
    assert (len(differ), differ[:3]) == (32, [19, 80, 129])


@pytest.mark.parametrize(
    ("epoch", "initial_gnk", "ngonka"),
    [
        (1, 323_000, 323_000 * 10**9),
        (410, 323_000, 265_968_351_724_182),
        (418, 323_000, 264_959_589_849_069),
        (101, 285_000, 271_778_984_842_800),
        (501, 285_000, 224_750_113_929_613),
        (1001, 285_000, 177_237_241_092_541),
        (1461, 285_000, 142_449_732_098_072),
        (2921, 285_000, 71_199_740_964_254),
    ],
)
def test_emission_from_v0_2_8_on_to_the_ngonka(epoch: int, initial_gnk: int, ngonka: int) -> None:
    """Network 2.12: exact powers; those of 285 000 are the network's own tests, after so many epochs."""
    initial = initial_gnk * NGONKA_PER_GNK
    assert compute_epoch_reward(epoch, 0, initial_reward=initial, epoch_factor=EPOCH_FACTOR) == ngonka


def test_emission_against_fifty_digits() -> None:
    """A double's rounding of exp may cross an integer: one ngonka at most."""
    with mpmath.workdps(50):
        for epoch in range(1, 20_001, 97):
            exact = mpmath.floor(323_000 * 10**9 * mpmath.exp(mpmath.mpf("-0.000475") * (epoch - 1)))
            assert abs(compute_epoch_reward(epoch, 0) - int(exact)) <= 1


def test_half_life_is_1459_3_epochs() -> None:
    """Protocol 6.1: the emission of epoch 1 + 1459.3 is half the first one."""
    first = compute_epoch_reward(1, 0)
    assert compute_epoch_reward(1 + 1459, 0) > first / 2 > compute_epoch_reward(1 + 1460, 0)
    assert math.log(2) / 0.000475 == pytest.approx(1459.3, abs=0.05)


def test_the_uncut_sum_is_680_16_million() -> None:
    """Protocol 6.1: just above the cap, which is why it binds."""
    total = sum(compute_epoch_reward(epoch, 0) for epoch in range(1, 60_000))
    assert total / NGONKA_PER_GNK == pytest.approx(680.16e6, abs=0.005e6)


def test_supply_cap_binds_at_epoch_17_570_and_20_000_epochs_pay_680_million() -> None:
    """Protocol 6.1. Each epoch is shared among three, and every coin of the cap is paid."""
    paid, cut = 0, []
    for epoch in range(1, 20_001):
        amount = compute_epoch_reward(epoch, paid)
        if amount < compute_epoch_reward(epoch, 0):
            cut.append(epoch)
        paid += sum(split_reward({"a": 1, "b": 2, "c": 4}, amount).values())
        assert paid <= SUPPLY_CAP
    assert paid == 680_000_000 * 10**9
    assert cut == list(range(17_570, 20_001))
    assert compute_epoch_reward(20_000, paid) == 0


def test_the_last_epoch_is_scaled_down_alike() -> None:
    """Protocol 6.1: rewards of the cut epoch are the uncut ones times cut / uncut, but for truncation."""
    weights = {"a": 3, "b": 5, "c": 11}
    full = split_reward(weights, 10**9)
    cut = split_reward(weights, 4 * 10**8)
    assert all(abs(cut[who] - full[who] * 4 // 10) <= len(weights) for who in weights)


def test_other_parameters_than_the_main_net_ones() -> None:
    """Protocol 10: the defaults of the code."""
    assert compute_epoch_reward(1, 0, initial_reward=285_000 * NGONKA_PER_GNK) == 285_000 * NGONKA_PER_GNK
    assert compute_epoch_reward(7, 0, initial_reward=100, decay_rate=0.0) == 100
    assert compute_epoch_reward(1, 95, initial_reward=100, supply_cap=100) == 5
    assert compute_epoch_reward(5, 0, genesis_epoch=5) == compute_epoch_reward(1, 0)


def naive_distribution(
    weights: dict[str, int], amount: int, excluded: set[str], punished: set[str], recomputes: bool
) -> dict[str, int]:
    """Protocol 6.2 a second time: exact quotients of the sum, row by row; what is left goes to the first paid row."""
    total, left, paid = 0, amount, {}
    for address, weight in weights.items():
        counts = address not in excluded and not (recomputes and address in punished)
        total += weight if counts else 0
    for address in sorted(set(weights) - excluded):
        share = Fraction(weights[address], max(total, 1)) * amount
        paid[address] = 0 if address in punished else int(share)
        left -= paid[address]
    for address, share in paid.items():
        if share:
            return {**paid, address: share + left}
    return paid


@given(WEIGHTS, st.integers(0, 10**9), st.data())
def test_distribution_against_a_naive_one(weights: dict[str, int], amount: int, data: st.DataObject) -> None:
    some = st.sets(st.sampled_from(sorted(weights))) if weights else st.just(set())
    excluded, punished, recomputes = data.draw(some), data.draw(some), data.draw(st.booleans())
    shares = distribute_reward(weights, amount, excluded=excluded, punished=punished, recomputes_total=recomputes)
    assert shares == naive_distribution(weights, amount, excluded, punished, recomputes)


@given(WEIGHTS, AMOUNTS, st.booleans())
def test_payouts_are_the_emission_to_the_last_coin(weights: dict[str, int], amount: int, recomputes: bool) -> None:
    punished = set(sorted(weights)[::3])
    shares = distribute_reward(weights, amount, punished=punished, recomputes_total=recomputes)
    is_anybody_paid = any(shares.values())
    assert sum(shares.values()) == (amount if is_anybody_paid else 0)
    assert (
        is_anybody_paid
        or amount == 0
        or all(weights[who] * amount < sum(weights.values()) for who in weights if who not in punished)
    )


def test_remainder_goes_to_the_first_address_with_a_share() -> None:
    """Protocol 6.2."""
    assert split_reward({"b": 1, "c": 1, "a": 0}, 3) == {"a": 0, "b": 2, "c": 1}
    assert split_reward({"a": 1}, 5) == {"a": 5}
    assert list(split_reward({"b": 0, "a": 0}, 5).items()) == [("a", 0), ("b", 0)]


def test_invalid_participants_are_out_of_both_sums() -> None:
    """Protocol 6.2."""
    assert distribute_reward({"a": 1, "b": 1, "c": 2}, 100, excluded={"c"}) == {"a": 50, "b": 50}


def test_a_punished_share_falls_to_the_first_until_the_total_is_recomputed() -> None:
    """Protocol 6.2: v0.2.2 to v0.2.4, then v0.2.5."""
    weights = {"a": 1, "b": 1, "c": 2}
    assert distribute_reward(weights, 100, punished={"c"}, recomputes_total=False) == {"a": 75, "b": 25, "c": 0}
    assert distribute_reward(weights, 100, punished={"c"}) == {"a": 50, "b": 50, "c": 0}
    assert distribute_reward(weights, 100, punished=set(weights), recomputes_total=False) == dict.fromkeys(weights, 0)


def test_effective_weight_is_preserved_plus_confirmed_under_thirty_percent() -> None:
    """Protocol 6.2 with the golden cap of 5.3: [1000, 2000, 4000, 8000] at 0.30 caps at 2250."""
    preserved = {"d": 8000, "b": 500, "a": 1000}
    confirmed = {"b": 1500, "c": 4000, "e": 10**6}
    capped = cap_weights(compute_effective_weights(preserved, confirmed, "abcd"), 0.30)
    assert capped == {"a": 1000, "b": 2000, "c": 2250, "d": 2250}
    assert cap_weights({"d": 8000, "c": 4000, "b": 2000, "a": 1000}, 0.30) == capped


def test_effective_weights_are_in_address_order() -> None:
    """Sets of texts have another order in every process."""
    addresses = [f"p{i:02}" for i in range(50)]
    assert list(compute_effective_weights(dict.fromkeys(addresses, 1), {}, set(addresses))) == addresses


@given(st.lists(st.integers(0, 10**9), min_size=4, max_size=40), AMOUNTS)
def test_no_capped_share_above_thirty_percent(weights: list[int], amount: int) -> None:
    """Truncating the cap by less than 1 raises the largest share of weight by less than 1 / total."""
    named = {f"{i:02}": weight for i, weight in enumerate(weights)}
    capped = cap_weights(compute_effective_weights(named, {}, named), 0.30)
    shares = split_reward(capped, amount)
    total = sum(capped.values())
    slack = amount // total + 1 if total else 0
    assert all(share <= 0.30 * amount * (1 + 1e-12) + slack + len(weights) for share in shares.values())


def test_participants_below_four_use_the_small_network_limits() -> None:
    """Protocol 5.3, step 2, at the settlement too."""
    assert cap_weights({"a": 10, "b": 20}, 0.30) == {"a": 10, "b": 10}
    assert cap_weights({"a": 10, "b": 20, "c": 100}, 0.30) == {"a": 10, "b": 20, "c": 20}


def test_addresses_order_decides_not_insertion() -> None:
    for names in itertools.permutations("abc"):
        assert split_reward(dict.fromkeys(names, 1), 5) == {"a": 3, "b": 1, "c": 1}
