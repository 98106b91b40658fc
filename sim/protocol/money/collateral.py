"""Collateral: the weight it activates, slashing, and the way out (protocol 6.5)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

GRACE_END_EPOCH = 180
BASE_WEIGHT_RATIO = Fraction(1, 5)
COLLATERAL_PER_WEIGHT_UNIT = Fraction(21, 5)
"""4.2 ngonka."""
UNBONDING_EPOCHS = 1
SLASH_INVALID = Fraction(20, 100)
"""Share of the collateral that an offence costs."""
SLASH_DOWNTIME = Fraction(10, 100)
"""At the settlement, until v0.2.4."""
SLASH_INACTIVE = Fraction(10, 100)
"""On becoming INACTIVE, from v0.2.5 on."""


def compute_activated_weight(
    weight: int,
    collateral: int,
    upcoming_epoch_index: int,
    *,
    grace_end_epoch: int = GRACE_END_EPOCH,
    per_weight_unit: Fraction = COLLATERAL_PER_WEIGHT_UNIT,
) -> int:
    """Return trunc(0.2·w + min(0.8·w, collateral / unit)); all of w up to the last epoch of grace.

    `collateral` and `per_weight_unit` are ngonka. At a unit of zero any deposit activates all. Reference: protocol 6.5.
    """
    if upcoming_epoch_index <= grace_end_epoch:
        return weight
    base, rest = BASE_WEIGHT_RATIO * weight, (1 - BASE_WEIGHT_RATIO) * weight
    if per_weight_unit == 0:
        return math.trunc(base + (rest if collateral > 0 else 0))
    return math.trunc(base + min(rest, collateral / per_weight_unit))


def compute_required_collateral(
    weight: int,
    upcoming_epoch_index: int,
    *,
    grace_end_epoch: int = GRACE_END_EPOCH,
    per_weight_unit: Fraction = COLLATERAL_PER_WEIGHT_UNIT,
) -> int:
    """Return the least ngonka that activate all of a weight: 0 up to the last epoch of grace.

    Reference: protocol 6.5, network 2.1 (v0.2.11).
    """
    if upcoming_epoch_index <= grace_end_epoch:
        return 0
    return math.ceil((1 - BASE_WEIGHT_RATIO) * weight * per_weight_unit)


@dataclass(frozen=True)
class Deposit:
    """One participant's collateral in ngonka."""

    active: int = 0
    unbonding: Mapping[int, int] = field(default_factory=dict)
    """Epoch that releases it -> ngonka."""

    @property
    def total(self) -> int:
        """Everything that can still be slashed."""
        return self.active + sum(self.unbonding.values())


def deposit(held: Deposit, amount: int) -> Deposit:
    """Add ngonka to the active deposit. Reference: protocol 6.5."""
    return Deposit(held.active + amount, held.unbonding)


def withdraw(deposit: Deposit, amount: int, epoch_index: int) -> Deposit:
    """Move ngonka from active to unbonding until `epoch_index` + 1 advances; ValueError for more than is active.

    Reference: protocol 6.5.
    """
    if not 0 <= amount <= deposit.active:
        raise ValueError(f"cannot withdraw {amount} ngonka of {deposit.active} active ones")
    release = epoch_index + UNBONDING_EPOCHS
    unbonding = {**deposit.unbonding, release: deposit.unbonding.get(release, 0) + amount}
    return Deposit(deposit.active - amount, unbonding)


def release_unbonded(deposit: Deposit, epoch_index: int) -> tuple[Deposit, int]:
    """VE: return the deposit after the effective epoch's advance and the ngonka that are free.

    Reference: protocol 1.4, 6.5.
    """
    waiting = {epoch: amount for epoch, amount in deposit.unbonding.items() if epoch > epoch_index}
    after = Deposit(deposit.active, waiting)
    return after, deposit.total - after.total


def slash(deposit: Deposit, fraction: Fraction, required: int | None = None) -> tuple[Deposit, int]:
    """Take a fraction of the active and of each unbonding part, truncated [I]; return the rest and the taken ngonka.

    With `required`, from v0.2.11 on, it is the fraction of this many ngonka, spread over all parts alike [I]; so that
    nobody loses more by having deposited more. Reference: protocol 6.5, network 2.11.
    """
    if required is not None:
        fraction = min(Fraction(1), Fraction(math.trunc(fraction * required), max(deposit.total, 1)))
    unbonding = {epoch: amount - math.trunc(amount * fraction) for epoch, amount in deposit.unbonding.items()}
    after = Deposit(deposit.active - math.trunc(deposit.active * fraction), unbonding)
    return after, deposit.total - after.total
