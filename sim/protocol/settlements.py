"""Settlement records between their settlement and their claim or their end (protocol 2.2, 6.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar


class Claimable(Protocol):
    """What the life cycle needs to know of a record."""

    @property
    def epoch_index(self) -> int:
        """Epoch that the record pays for."""

    @property
    def amount(self) -> int:
        """Unclaimed ngonka: reward and work coins."""


Record = TypeVar("Record", bound=Claimable)


def write_settlements(
    records: Mapping[str, Record], new: Mapping[str, Record], *, previous_epoch_index: int
) -> tuple[dict[str, Record], int]:
    """Store the records of a settlement; return what is stored now and the burnt ngonka.

    An overwritten record is burnt, and so is everything older than the previous epoch. Seen from the upcoming epoch
    the previous one is the one just settled [I], so a claim is possible for one epoch. Reference: protocol 2.2.
    """
    after = {**records, **new}
    kept = {address: record for address, record in after.items() if record.epoch_index >= previous_epoch_index}
    gone = [record for address, record in records.items() if kept.get(address) is not record]
    return kept, sum(record.amount for record in gone)
