"""Settlement records: their amount, and their life until the claim or their end (protocol 2.2, 6.2)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sim.protocol.state import Settlement


def add_work_coins(rewards: Mapping[str, int], fees: Mapping[str, int], invalid: Collection[str]) -> dict[str, int]:
    """Amount of each record: the reward and, on top, the fees that executors earned; 0 for the INVALID.

    Reference: protocol 6.2.
    """
    everybody = sorted({*rewards, *fees})
    return {who: 0 if who in invalid else rewards.get(who, 0) + fees.get(who, 0) for who in everybody}


def write_settlements(
    records: Mapping[str, Settlement], new: Mapping[str, Settlement], *, previous_epoch_index: int
) -> tuple[dict[str, Settlement], int]:
    """Store the records of a settlement; return what is stored now and the burnt ngonka.

    An overwritten record is burnt, and so is everything older than the previous epoch. Seen from the upcoming epoch
    the previous one is the one just settled [I], so a claim is possible for one epoch. Reference: protocol 2.2.
    """
    after = {**records, **new}
    kept = {address: record for address, record in after.items() if record.epoch_index >= previous_epoch_index}
    gone = [record for address, record in records.items() if kept.get(address) is not record]
    return kept, sum(record.amount for record in gone)
