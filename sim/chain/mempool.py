"""Pending transactions: a mempool per host where every delivery is simulated, a shared pool where arrivals are known.

Both give a proposer the same: what had reached it when it proposed, in the order of arrival as CometBFT's default
mempool does, or by fees, and as much of that as fits into a block.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from sim.network.base import Flood, Message
from sim.protocol.transactions import Transaction


@dataclass(frozen=True)
class MempoolRules:
    """What all mempools of a network have in common."""

    fees_ngonka: Mapping[str, int] = field(default_factory=dict)
    """Creator -> fee of each of its transactions; empty: first come, first served."""
    ttl_blocks: int | None = None
    """Blocks for which a transaction may wait."""

    def select(self, arrived: Iterable[Transaction], max_bytes: int) -> tuple[Transaction, ...]:
        """Return what goes into a block, of transactions in the order of arrival.

        The highest fee per byte comes first, then the order of arrival. The first that does not fit ends the block.
        """
        if self.fees_ngonka:
            arrived = sorted(arrived, key=lambda each: -self.fees_ngonka.get(each.creator, 0) / each.size_bytes)
        selected, size = [], 0
        for transaction in arrived:
            size += transaction.size_bytes
            if size > max_bytes:
                break
            selected.append(transaction)
        return tuple(selected)

    @property
    def is_first_come(self) -> bool:
        """Whether the order of arrival alone decides."""
        return not self.fees_ngonka

    def is_expired(self, waited_blocks: int) -> bool:
        """Tell whether a transaction that has waited for so many blocks is dropped."""
        return self.ttl_blocks is not None and waited_blocks >= self.ttl_blocks


class Mempool(Protocol):
    """One host's view of what is pending."""

    def submit(self, transaction: Transaction) -> None:
        """Take a transaction of this host's own and spread it."""

    def add(self, transaction: Transaction) -> None:
        """Take a transaction that has come from a peer."""

    def remove(self, transactions: tuple[Transaction, ...]) -> None:
        """Forget what an applied block contains, now and when a late copy arrives."""

    def clear(self) -> None:
        """Lose what is pending: it is kept in memory only."""

    def knows(self, tx_id: str) -> bool:
        """Tell whether a transaction is pending here, or in a block that this host has applied."""

    def __iter__(self) -> Iterator[Transaction]:
        """Iterate over what a peer with which this host is linked again has to be sent."""

    def select(self, max_bytes: int) -> tuple[Transaction, ...]:
        """Return what a block takes, see `MempoolRules.select`."""


class HostMempool:
    """Filled by gossip, message by message."""

    def __init__(self, network: Flood, address: str, rules: MempoolRules) -> None:
        self._network = network
        self._address = address
        self._rules = rules
        self._pending: dict[str, Transaction] = {}
        self._since: dict[str, int] = {}
        """tx_id -> blocks that this host had applied when the transaction came."""
        self._n_blocks = 0
        self._agreed: set[str] = set()

    def submit(self, transaction: Transaction) -> None:
        """See `Mempool.submit`."""
        self.add(transaction)
        self._network.broadcast(Message(transaction.tx_id, self._address, transaction, transaction.size_bytes))

    def add(self, transaction: Transaction) -> None:
        """See `Mempool.add`; what a block that this host has applied contains is not taken again."""
        if transaction.tx_id not in self._agreed:
            self._pending[transaction.tx_id] = transaction
            self._since[transaction.tx_id] = self._n_blocks

    def remove(self, transactions: tuple[Transaction, ...]) -> None:
        """See `Mempool.remove`."""
        for transaction in transactions:
            self._pending.pop(transaction.tx_id, None)
            self._since.pop(transaction.tx_id, None)
            self._agreed.add(transaction.tx_id)
        self._n_blocks += 1
        if self._rules.ttl_blocks is not None:
            for tx_id in [tx_id for tx_id, since in self._since.items() if self._is_expired(since)]:
                del self._pending[tx_id], self._since[tx_id]

    def _is_expired(self, since_blocks: int) -> bool:
        return self._rules.is_expired(self._n_blocks - since_blocks)

    def clear(self) -> None:
        """See `Mempool.clear`."""
        self._pending.clear()
        self._since.clear()

    def knows(self, tx_id: str) -> bool:
        """See `Mempool.knows`."""
        return tx_id in self._pending or tx_id in self._agreed

    def __iter__(self) -> Iterator[Transaction]:
        return iter(self._pending.values())

    def select(self, max_bytes: int) -> tuple[Transaction, ...]:
        """See `Mempool.select`."""
        return self._rules.select(self._pending.values(), max_bytes)
