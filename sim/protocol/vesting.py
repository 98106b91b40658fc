"""Vesting: a claimed amount unlocks slice by slice, one an epoch (protocol 6.4)."""

from __future__ import annotations

from itertools import zip_longest

VESTING_EPOCHS = 180
VestingSchedule = tuple[int, ...]
"""Locked ngonka, the slice that unlocks next first."""


def vest(schedule: VestingSchedule, amount: int, *, n_epochs: int = VESTING_EPOCHS) -> tuple[VestingSchedule, int]:
    """Lock an amount in `n_epochs` equal slices on top of the schedule; return it and what is free at once.

    The first slice takes the remainder of the division. Zero epochs: everything is free. Reference: protocol 6.4.
    """
    if n_epochs == 0:
        return schedule, amount
    per_epoch, remainder = divmod(amount, n_epochs)
    slices = (per_epoch + remainder, *[per_epoch] * (n_epochs - 1))
    return tuple(old + new for old, new in zip_longest(schedule, slices, fillvalue=0)), 0


def unlock(schedule: VestingSchedule) -> tuple[VestingSchedule, int]:
    """VE: free the first slice; return what stays locked and what is free. Reference: protocol 1.4, 6.4."""
    return schedule[1:], schedule[0] if schedule else 0
