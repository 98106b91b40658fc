"""Pending transactions: a mempool per host where every delivery is simulated, a shared pool where arrivals are known.

Both give a proposer the same: the transactions that had reached it when it proposed, in the order of arrival as in
CometBFT's default mempool, or by fees, and as many of them as fit into a block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from sim.chain.ledger import Ledger
from sim.network.base import Flood, Message
from sim.protocol.blocks.state import Block
from sim.protocol.consensus.transactions import Transaction


@dataclass(frozen=True)
class MempoolRules:
    """The order and the patience that all mempools of a network share."""

    fees_ngonka: Mapping[str, int] = field(default_factory=dict)
    """Creator -> fee of each of its transactions; empty: first come, first served."""
    ttl_blocks: int | None = None
    """Blocks for which a transaction may wait."""

    def select(
        self, arrived: Iterable[Transaction], max_bytes: int, tx_ids: tuple[str, ...] | None = None
    ) -> tuple[Transaction, ...]:
        """Select a block's transactions among those that have arrived, given in the order of arrival.

        The highest fee per byte comes first, then the order of arrival, unless the proposer wants transactions in an
        order of its own; ValueError for one that has not arrived. The first that does not fit ends the block.
        """
        if tx_ids is not None:
            arrived = pick(arrived, tx_ids)
        elif self.fees_ngonka:
            arrived = sorted(arrived, key=lambda each: -self.fees_ngonka.get(each.creator, 0) / each.size_bytes)
        selected, size = [], 0
        for transaction in arrived:
            size += transaction.size_bytes
            if size > max_bytes:
                break
            selected.append(transaction)
        return tuple(selected)

    def is_expired(self, waited_blocks: int) -> bool:
        """Tell whether a transaction that has waited for so many blocks is dropped."""
        return self.ttl_blocks is not None and waited_blocks >= self.ttl_blocks


def pick(arrived: Iterable[Transaction], tx_ids: tuple[str, ...]) -> list[Transaction]:
    """Return transactions by their ids; raises ValueError for one that is not there or is named twice."""
    known = {transaction.tx_id: transaction for transaction in arrived}
    for tx_id in tx_ids:
        if tx_id not in known:
            raise ValueError(f'"{tx_id}" is not pending at this host')
    if len(set(tx_ids)) < len(tx_ids):
        raise ValueError("a transaction is proposed twice in one block")
    return [known[tx_id] for tx_id in tx_ids]


class Mempool(Protocol):
    """One host's view of the pending transactions."""

    def submit(self, transaction: Transaction) -> None:
        """Take a transaction of this host's own and spread it."""

    def add(self, transaction: Transaction) -> None:
        """Take a transaction that has come from a peer."""

    def remove(self, block: Block) -> None:
        """Forget the transactions of the block that this host applies; late copies of them are not taken again."""

    def drop(self, is_refused: Callable[[Transaction], bool]) -> list[Transaction]:
        """Forget the pending transactions that are refused before any block, and return them."""

    def clear(self) -> None:
        """Lose all pending transactions: they are kept in memory only."""

    def knows(self, tx_id: str) -> bool:
        """Tell whether a transaction is pending here, or in a block that this host has applied."""

    def __iter__(self) -> Iterator[Transaction]:
        """Iterate over the transactions that this host offers to a peer when a link to it opens again."""

    def list_pending(self) -> tuple[Transaction, ...]:
        """Return the transactions that have reached this host, in the order of arrival."""

    def select(self, max_bytes: int, tx_ids: tuple[str, ...] | None = None) -> tuple[Transaction, ...]:
        """Select a block's transactions, see `MempoolRules.select`."""


class HostMempool(Mempool):
    """Filled by gossip, message by message.

    A copy may come at any time after its block: late, or from a peer whose links were cut. The ledger knows the height
    of every transaction in a block of which a copy may still come, so that a mempool needs no memory of its own of
    those: it refuses the transactions of blocks up to its host's height.
    """

    def __init__(self, network: Flood, address: str, rules: MempoolRules, ledger: Ledger) -> None:
        self._network = network
        self._address = address
        self._rules = rules
        self._ledger = ledger
        self._height = 0
        """Of the last block that this host has applied."""
        self._pending: dict[str, Transaction] = {}
        self._since: dict[str, int] = {}
        """Transaction id -> this host's height when the transaction came."""

    def submit(self, transaction: Transaction) -> None:
        """Take a transaction of this host's own and gossip it."""
        self.add(transaction)
        self._network.broadcast(Message(transaction.tx_id, self._address, transaction, transaction.size_bytes))

    def add(self, transaction: Transaction) -> None:
        """Take a transaction from a peer, unless a block that this host has applied contains it."""
        if not self._ledger.is_included(transaction.tx_id, self._height):
            self._pending[transaction.tx_id] = transaction
            self._since[transaction.tx_id] = self._height

    def remove(self, block: Block) -> None:
        """Forget a block's transactions, and those that have waited too long by its height."""
        for transaction in block.transactions:
            self._pending.pop(transaction.tx_id, None)
            self._since.pop(transaction.tx_id, None)
        self._height = block.height
        if self._rules.ttl_blocks is not None:
            is_expired, height = self._rules.is_expired, self._height
            for tx_id in [tx_id for tx_id, since in self._since.items() if is_expired(height - since)]:
                del self._pending[tx_id], self._since[tx_id]

    def drop(self, is_refused: Callable[[Transaction], bool]) -> list[Transaction]:
        """Forget those that are refused; a copy that comes later is taken again, until the next time."""
        refused = [transaction for transaction in self._pending.values() if is_refused(transaction)]
        for transaction in refused:
            del self._pending[transaction.tx_id], self._since[transaction.tx_id]
        return refused

    def clear(self) -> None:
        """Lose all pending transactions."""
        self._pending.clear()
        self._since.clear()

    def knows(self, tx_id: str) -> bool:
        """Tell whether a transaction is pending here, or in a block that this host has applied."""
        return tx_id in self._pending or self._ledger.is_included(tx_id, self._height)

    def __iter__(self) -> Iterator[Transaction]:
        return iter(self._pending.values())

    def list_pending(self) -> tuple[Transaction, ...]:
        """Return the transactions that this host holds, in the order of arrival."""
        return tuple(self._pending.values())

    def select(self, max_bytes: int, tx_ids: tuple[str, ...] | None = None) -> tuple[Transaction, ...]:
        """Select a block's transactions among those that this host holds."""
        return self._rules.select(self._pending.values(), max_bytes, tx_ids)
