"""Keeps a run's records in their order, and the hash over that order."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from operator import attrgetter
from typing import Any, TypeVar, cast

from sim.metrics.records import (
    BlockAgreed,
    HostJoined,
    TransactionIncluded,
    TransactionRefused,
    TransactionSent,
    ValidationDone,
)
from sim.metrics.validations import ValidationTable, digest_validation
from sim.protocol.blocks.records import Record, SeedCommitted
from sim.protocol.consensus.transactions import SEPARATOR

BLOCK = "block"  # begins the ids of blocks' messages
R = TypeVar("R")


class Recorder:
    """Append-only. The trace hash covers all records, transactions and deliveries, in their order."""

    def __init__(self, validations: ValidationTable | None = None) -> None:
        self.validations = validations or ValidationTable()
        self._rows: dict[type[object], list[Record]] = {}
        self.delays_seconds: dict[str, array[float]] = {}
        """Message id -> delay of every first delivery, in the order of arrival."""
        self.settled_deliveries: dict[str, Counter[int]] = {}
        """Kind of message -> bin -> first deliveries of messages that are forgotten."""
        self._trace = hashlib.sha256()

    def add(self, record: Record) -> None:
        """Append one record."""
        if isinstance(record, ValidationDone):
            self.validations.add(record)
            self.trace(digest_validation(record))
        else:
            self._rows.setdefault(type(record), []).append(record)
            self.trace(record)

    def add_delivery(self, message_id: str, address: str, now_seconds: float, delay_seconds: float) -> None:
        """Note that a message reached a host for the first time."""
        self.delays_seconds.setdefault(message_id, array("d")).append(delay_seconds)
        self.trace((message_id, address, now_seconds))

    def add_deliveries(self, message_id: str, now_seconds: float, delays_seconds: array[float], digest: str) -> None:
        """Note all first deliveries of a message at once; `digest` is a hash over receivers and delays.

        The array is kept, not copied: messages with the same arrivals share it.
        """
        self.delays_seconds[message_id] = delays_seconds
        self.trace((message_id, now_seconds, digest))

    def find_messages(self, last_epoch: int) -> list[str]:
        """Return the ids of transactions and blocks of the epochs up to one."""
        heights = {row.height for row in self.rows(BlockAgreed) if row.epoch <= last_epoch}
        sent = {row.tx_id for row in self.rows(TransactionSent) if row.epoch <= last_epoch}
        return [name for name in self.delays_seconds if name in sent or _read_height(name) in heights]

    def forget(self, last_epoch: int) -> None:
        """Forget the records of the epochs up to one; the trace hash covers them as before."""
        for message_id in self.find_messages(last_epoch):
            del self.delays_seconds[message_id]
        gone = {row.tx_id for row in self.rows(TransactionSent) if row.epoch <= last_epoch}
        for kind, rows in self._rows.items():
            if kind in (TransactionIncluded, TransactionRefused, SeedCommitted):
                self._rows[kind] = [row for row in rows if row.tx_id not in gone]  # type: ignore[attr-defined]
            elif kind is not HostJoined and hasattr(kind, "epoch"):
                self._rows[kind] = [row for row in rows if row.epoch > last_epoch]  # type: ignore[attr-defined]
        self.validations.forget(last_epoch)

    def lose_delivery(self, message_id: str, address: str, now_seconds: float, delay_seconds: float) -> None:
        """Take back a delivery that was noted with all others at the start: a fault kept it from arriving."""
        kept = array("d", self.delays_seconds.pop(message_id))
        kept.remove(delay_seconds)
        if kept:
            self.delays_seconds[message_id] = kept
        self.trace(("lost", message_id, address, now_seconds))

    def trace(self, event: object) -> None:
        """Let the trace hash cover a value that no record holds whole, such as a transaction with its nonces."""
        self._trace.update(describe_event(event))

    def rows(self, kind: type[R]) -> list[R]:
        """Return all records of one type."""
        return cast("list[R]", self._rows.get(kind, []))

    @property
    def trace_hash(self) -> str:
        """SHA-256 over everything so far, as hex."""
        return self._trace.hexdigest()


def _read_height(message_id: str) -> int | None:
    """Return the height of a block's message, one for each round that proposed it; None of any other message."""
    kind, _, place = message_id.partition("/")
    height = place.partition("/")[0]
    return int(height) if kind == BLOCK and height.isdecimal() else None


def describe_event(event: object) -> bytes:
    """Return a text of every value in an event, numbers in full; large messages give their content by `as_bytes`."""
    kind = type(event)
    if kind not in _describers:
        _describers[kind] = _build_describer(kind)
    return _describers[kind](event)


_describers: dict[type[object], Callable[[Any], bytes]] = {}


def _build_describer(kind: type[Any]) -> Callable[[Any], bytes]:
    """Return the function that describes events of a type; for records three times as fast as their own text."""
    if hasattr(kind, "as_bytes"):
        return lambda event: bytes(event.as_bytes())
    names = [field.name for field in fields(kind) if field.repr] if is_dataclass(kind) else []
    if len(names) < 2:
        return lambda event: repr(event).encode()
    read, name = attrgetter(*names), kind.__name__
    return lambda event: (name + SEPARATOR.join(map(str, read(event)))).encode()
