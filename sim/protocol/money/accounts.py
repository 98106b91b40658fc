"""Rewards on their way to free coins: a record until its claim, then slices (protocol 2.2, 6.2, 6.4)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import zip_longest

VESTING_EPOCHS = 180
VestingSchedule = tuple[int, ...]
"""Locked ngonka, the slice that unlocks next first."""


@dataclass(frozen=True)
class Settlement:
    """A reward, with fees, that waits for its claim, in ngonka. Reference: protocol 2.2, 6.4."""

    epoch_index: int
    amount: int
    commitment: str
    cutoff_height: int = 0
    """First height whose inferences only those with a node active during the proof of compute had to validate."""
    has_node_during_poc: bool = True


def add_work_coins(rewards: Mapping[str, int], fees: Mapping[str, int], invalid: Collection[str]) -> dict[str, int]:
    """Amount of each record: the reward and, on top, the fees that executors earned; 0 for the INVALID.

    Reference: protocol 6.2.
    """
    everybody = sorted({*rewards, *fees})
    return {who: 0 if who in invalid else rewards.get(who, 0) + fees.get(who, 0) for who in everybody}


def write_settlements(
    records: Mapping[str, Settlement], new: Mapping[str, Settlement], *, previous_epoch_index: int
) -> tuple[dict[str, Settlement], int]:
    """Store the records of a settlement; return all stored records and the burnt ngonka.

    An overwritten record is burnt, and so is everything older than the previous epoch. Seen from the upcoming epoch
    the previous one is the one just settled [I], so a claim is possible for one epoch. Reference: protocol 2.2.
    """
    after = {**records, **new}
    kept = {address: record for address, record in after.items() if record.epoch_index >= previous_epoch_index}
    gone = [record for address, record in records.items() if kept.get(address) is not record]
    return kept, sum(record.amount for record in gone)


def vest(schedule: VestingSchedule, amount: int, *, n_epochs: int = VESTING_EPOCHS) -> tuple[VestingSchedule, int]:
    """Lock an amount in `n_epochs` equal slices on top of the schedule; return it and the free amount.

    The first slice takes the remainder of the division. Zero epochs: everything is free. Reference: protocol 6.4.
    """
    if n_epochs == 0:
        return schedule, amount
    per_epoch, remainder = divmod(amount, n_epochs)
    slices = (per_epoch + remainder, *[per_epoch] * (n_epochs - 1))
    return tuple(old + new for old, new in zip_longest(schedule, slices, fillvalue=0)), 0


def unlock(schedule: VestingSchedule) -> tuple[VestingSchedule, int]:
    """VE: free the first slice; return the locked ones and the free amount. Reference: protocol 1.4, 6.4."""
    return schedule[1:], schedule[0] if schedule else 0
