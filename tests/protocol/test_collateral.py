"""Collateral (protocol 6.5)."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.money.collateral import (
    SLASH_DOWNTIME,
    SLASH_INVALID,
    Deposit,
    compute_activated_weight,
    compute_required_collateral,
    release_unbonded,
    slash,
    withdraw,
)


@pytest.mark.parametrize(
    ("weight", "collateral", "epoch", "activated"),
    [
        (1000, 0, 180, 1000),
        (1000, 0, 181, 200),
        (1000, 3360, 181, 1000),
        (1000, 3359, 181, 999),
        (1000, 42, 181, 210),
        (1000, 10**9, 181, 1000),
        (7, 0, 181, 1),
        (7, 1, 181, 1),
        (0, 10**9, 181, 0),
    ],
)
def test_activated_weight(weight: int, collateral: int, epoch: int, activated: int) -> None:
    """Protocol 6.5: grace up to 180, then trunc(0.2·w + min(0.8·w, collateral / 4.2)); 3360 = 0.8 · 1000 · 4.2."""
    assert compute_activated_weight(weight, collateral, epoch) == activated


def test_at_a_unit_of_zero_any_deposit_activates_all() -> None:
    """Protocol 6.5."""
    assert compute_activated_weight(1003, 1, 181, per_weight_unit=Fraction(0)) == 1003
    assert compute_activated_weight(1003, 0, 181, per_weight_unit=Fraction(0)) == 200


def test_activation_parameters() -> None:
    assert compute_activated_weight(100, 10, 181, per_weight_unit=Fraction(1)) == 30
    assert compute_activated_weight(100, 0, 181, grace_end_epoch=181) == 100


@given(st.integers(0, 10**12), st.integers(0, 10**15))
def test_activated_weight_in_integers(weight: int, collateral: int) -> None:
    """The same formula over the common denominator 105 = 5 · 21."""
    expected = (21 * weight + min(84 * weight, 25 * collateral)) // 105
    assert compute_activated_weight(weight, collateral, 200) == expected
    assert weight // 5 <= expected <= weight


def test_slashing_takes_active_and_unbonding_alike() -> None:
    """Protocol 6.5: 20 % for INVALID, truncated in each part."""
    after, burnt = slash(Deposit(1001, {8: 504}), SLASH_INVALID)
    assert (after, burnt) == (Deposit(801, {8: 404}), 300)
    assert slash(Deposit(), SLASH_INVALID) == (Deposit(0), 0)


@pytest.mark.parametrize(("fraction", "burnt"), [(SLASH_INVALID, 200), (SLASH_DOWNTIME, 100)])
def test_slash_fractions(fraction: Fraction, burnt: int) -> None:
    """Protocol 6.5 and 10."""
    assert slash(Deposit(1000), fraction) == (Deposit(1000 - burnt), burnt)


@pytest.mark.parametrize(
    ("weight", "epoch", "unit", "required"),
    [(1000, 181, "4.2", 3360), (1000, 180, "4.2", 0), (7, 181, "4.2", 24), (7, 181, "0", 0), (0, 181, "1", 0)],
)
def test_required_collateral_activates_all(weight: int, epoch: int, unit: str, required: int) -> None:
    """0.8 · 7 · 4.2 = 23.52: one ngonka less than the required ones leaves a part of the weight inactive."""
    per_unit = Fraction(unit)
    assert compute_required_collateral(weight, epoch, per_weight_unit=per_unit) == required
    assert compute_activated_weight(weight, required, epoch, per_weight_unit=per_unit) == weight or not per_unit
    if required:
        assert compute_activated_weight(weight, required - 1, epoch, per_weight_unit=per_unit) < weight


@pytest.mark.parametrize(
    ("deposit", "required", "after", "taken"),
    [
        (Deposit(5000), 1000, Deposit(4900), 100),
        (Deposit(1000), 1000, Deposit(900), 100),
        (Deposit(60), 1000, Deposit(0), 60),
        (Deposit(600, {8: 400}), 500, Deposit(570, {8: 380}), 50),
        (Deposit(1000), 0, Deposit(1000), 0),
        (Deposit(), 1000, Deposit(), 0),
    ],
)
def test_slashing_by_required_collateral(deposit: Deposit, required: int, after: Deposit, taken: int) -> None:
    """From v0.2.11 on (network 2.11): a tenth of what is required, at most what is there."""
    assert slash(deposit, SLASH_DOWNTIME, required) == (after, taken)


def test_unbonding_lasts_one_epoch() -> None:
    """Protocol 6.5."""
    leaving = withdraw(Deposit(100), 30, 7)
    assert leaving == Deposit(70, {8: 30})
    assert release_unbonded(leaving, 7) == (leaving, 0)
    assert release_unbonded(leaving, 8) == (Deposit(70), 30)
    assert withdraw(leaving, 5, 7) == Deposit(65, {8: 35})
    assert withdraw(leaving, 5, 9) == Deposit(65, {8: 30, 10: 5})


@pytest.mark.parametrize("amount", [101, -1])
def test_nobody_withdraws_more_than_it_has(amount: int) -> None:
    with pytest.raises(ValueError, match=f"cannot withdraw {amount} ngonka of 100"):
        withdraw(Deposit(100), amount, 7)


STEPS = st.lists(st.tuples(st.sampled_from(["withdraw", "slash", "advance"]), st.integers(0, 100)), max_size=30)


@given(st.integers(0, 10**15), STEPS)
def test_slashed_and_left_and_released_is_what_was_there(amount: int, steps: list[tuple[str, int]]) -> None:
    deposit, burnt, released, epoch = Deposit(amount), 0, 0, 1
    for step, percent in steps:
        if step == "withdraw":
            deposit = withdraw(deposit, deposit.active * percent // 100, epoch)
        elif step == "slash":
            before = deposit
            deposit, lost = slash(deposit, Fraction(percent, 100))
            assert deposit.active == before.active - before.active * percent // 100
            burnt += lost
        else:
            deposit, free = release_unbonded(deposit, epoch)
            released, epoch = released + free, epoch + 1
            assert set(deposit.unbonding) <= {epoch}
    assert deposit.total + burnt + released == amount
    assert min(deposit.active, *deposit.unbonding.values(), 0) == 0
