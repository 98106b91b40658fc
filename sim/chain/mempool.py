"""A host's pending transactions, in the order in which they reached it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sim.protocol.transactions import Transaction


class Mempool:
    """First come, first served, as CometBFT's default mempool."""

    def __init__(self) -> None:
        self._pending: dict[str, Transaction] = {}
        self._agreed: set[str] = set()

    def add(self, transaction: Transaction) -> None:
        """Take a transaction unless a block that this host has applied already contains it."""
        if transaction.tx_id not in self._agreed:
            self._pending[transaction.tx_id] = transaction

    def knows(self, tx_id: str) -> bool:
        """Tell whether a transaction is pending here or in a block that this host has applied."""
        return tx_id in self._pending or tx_id in self._agreed

    def clear(self) -> None:
        """Lose what is pending: it is kept in memory only."""
        self._pending.clear()

    def remove(self, transactions: Iterable[Transaction]) -> None:
        """Forget what a block contains, now and when a late copy arrives."""
        for transaction in transactions:
            self._pending.pop(transaction.tx_id, None)
            self._agreed.add(transaction.tx_id)

    def select(self, max_bytes: int) -> tuple[Transaction, ...]:
        """Return the oldest transactions that fit together; the first that does not fit ends the block."""
        selected, size = [], 0
        for transaction in self._pending.values():
            size += transaction.size_bytes
            if size > max_bytes:
                break
            selected.append(transaction)
        return tuple(selected)

    def __iter__(self) -> Iterator[Transaction]:
        return iter(self._pending.values())

    def __len__(self) -> int:
        return len(self._pending)
