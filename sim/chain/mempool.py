"""Pending transactions: a mempool per host where every delivery is simulated, a shared pool where arrivals are known.

Both give a proposer the same: what had reached it when it proposed, in the order of arrival, as CometBFT's default
mempool does, and as much of that as fits into a block.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from sim.network.gossip import Network
from sim.protocol.transactions import Transaction


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
        """Return the oldest transactions that fit together; the first that does not fit ends the block."""


class HostMempool:
    """Filled by gossip, message by message."""

    def __init__(self, network: Network, address: str) -> None:
        self._network = network
        self._address = address
        self._pending: dict[str, Transaction] = {}
        self._agreed: set[str] = set()

    def submit(self, transaction: Transaction) -> None:
        """See `Mempool.submit`."""
        self.add(transaction)
        self._network.broadcast(self._address, transaction.tx_id, transaction, transaction.size_bytes)

    def add(self, transaction: Transaction) -> None:
        """See `Mempool.add`; what a block that this host has applied contains is not taken again."""
        if transaction.tx_id not in self._agreed:
            self._pending[transaction.tx_id] = transaction

    def remove(self, transactions: tuple[Transaction, ...]) -> None:
        """See `Mempool.remove`."""
        for transaction in transactions:
            self._pending.pop(transaction.tx_id, None)
            self._agreed.add(transaction.tx_id)

    def clear(self) -> None:
        """See `Mempool.clear`."""
        self._pending.clear()

    def knows(self, tx_id: str) -> bool:
        """See `Mempool.knows`."""
        return tx_id in self._pending or tx_id in self._agreed

    def __iter__(self) -> Iterator[Transaction]:
        return iter(self._pending.values())

    def select(self, max_bytes: int) -> tuple[Transaction, ...]:
        """See `Mempool.select`."""
        return tuple(select_fitting(self._pending.values(), max_bytes))


def select_fitting(transactions: Iterable[Transaction], max_bytes: int) -> Iterator[Transaction]:
    """Yield transactions in their order while they fit into a block together."""
    size = 0
    for transaction in transactions:
        size += transaction.size_bytes
        if size > max_bytes:
            return
        yield transaction
