"""All pending transactions of a network in which arrivals are known ahead (tier `paths`).

Whether a host has a transaction is computed from its sending time and the shortest path to that host. There are no
deliveries, and only proposers ask. Where links change, a transaction that is still on its way to a host sets out again
from its sender over the links as they are then.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import simpy

from sim.chain.ledger import Ledger
from sim.chain.mempool import HostMempool, Mempool, MempoolRules
from sim.network.base import Flood, Foresight
from sim.network.routes import Floats, Routes
from sim.network.rows import Rows
from sim.protocol.blocks.state import Block
from sim.protocol.consensus.transactions import Transaction

CHUNK = 512  # transactions whose arrivals are looked up together
RECORDED_HOSTS = 200  # networks up to this size record every transaction's arrivals


@dataclass(eq=False)
class LinkPeriod:
    """A time during which links stay as they are."""

    start_seconds: float
    height: int = 0
    """Of the chain at its start."""
    links: Routes | None = None
    """None until a transaction is sent in it, or a proposer asks."""
    delays: Rows[Floats] | None = None
    """Seconds from every host to a receiver; None as for `links`."""

    def open(self, links: Routes) -> None:
        """Note the links of a period in which the first transaction is sent, or the first proposer asks."""
        self.links, self.delays = links, Rows(links.compute_delays_to, len(links.index))

    def get_delays(self, receiver: str, size_bytes: int) -> Floats:
        """Return the seconds from every host to a receiver."""
        assert self.delays is not None, "a period whose links have not been noted"
        return self.delays.get(receiver, size_bytes)


class Sent(NamedTuple):
    """A pending transaction."""

    transaction: Transaction
    sender: str
    size_bytes: int
    seconds: float
    height: int
    """Of the chain, then."""
    sender_height: int
    """Of its sender, which may be behind."""
    period: int
    """In which it was sent."""


class SharedPool:
    """The pending transactions of all hosts of a run."""

    def __init__(self, env: simpy.Environment, network: Foresight, ledger: Ledger, rules: MempoolRules) -> None:
        self._env = env
        self._network = network
        self._ledger = ledger
        self._rules = rules
        self._periods = [LinkPeriod(env.now)]
        self._pending: dict[str, Sent] = {}
        self._height = 0
        """Of the last block whose transactions are forgotten."""
        self._heights: dict[str, int] = {}
        """Host -> the last block that it has applied."""
        self._n_sent = 0
        network.roster.listeners.append(self.change_links)

    def submit(self, sender: str, transaction: Transaction) -> None:
        """Send a transaction to all hosts."""
        period, size_bytes = self._open_period(), transaction.size_bytes
        height, own = self._ledger.height, self._heights.get(sender, 0)
        sent = Sent(transaction, sender, size_bytes, self._env.now, height, own, period)
        self._pending[transaction.tx_id] = sent
        self._record(sender, transaction.tx_id, size_bytes)

    def _record(self, sender: str, tx_id: str, size_bytes: int) -> None:
        """Record the arrivals of one transaction in so many that large networks do not spend their time on it.

        Up to 200 hosts every one is recorded, of n hosts one in (n / 200)^2.
        """
        n_hosts = len(self._network.roster.handlers)
        if self._n_sent % max(1, round((n_hosts / RECORDED_HOSTS) ** 2)) == 0:
            self._network.record(tx_id, sender, size_bytes)
        self._n_sent += 1

    def change_links(self) -> None:
        """Begin a new period: links have changed now."""
        if not self._pending:
            self._periods.clear()  # every transaction that was sent over earlier links is in a block or lost
        elif self._periods[-1].links is None:
            self._periods.pop()  # no transaction was sent in it, and no proposer asked
        self._periods.append(LinkPeriod(self._env.now, self._ledger.height))

    def remove(self, address: str, block: Block) -> None:
        """Forget the transactions of an agreed block when the first host applies it; the others find that done."""
        self._heights[address] = block.height
        if block.height <= self._height:
            return
        self._height = block.height
        for transaction in block.transactions:
            self._pending.pop(transaction.tx_id, None)

    def lose(self, sender: str) -> None:
        """A sender crashes: its transactions that no peer has yet are gone; the others are passed on by peers."""
        now = self._env.now
        for sent in [sent for sent in self._pending.values() if sent.sender == sender]:
            peers = self._network.roster.handlers.keys() - {sender}
            if all(self._trace(sent, peer) > now for peer in peers):
                del self._pending[sent.transaction.tx_id]

    def drop(self, is_refused: Callable[[Transaction], bool]) -> list[Transaction]:
        """Forget the transactions that a proposer refuses, for all hosts: it has the newest block."""
        refused = [sent.transaction for sent in self._pending.values() if is_refused(sent.transaction)]
        for transaction in refused:
            del self._pending[transaction.tx_id]
        return refused

    def knows(self, tx_id: str) -> bool:
        """Tell whether a transaction is pending, or in a block that some host has applied."""
        return tx_id in self._pending or self._ledger.is_included(tx_id, self._height)

    def select(self, receiver: str, max_bytes: int, tx_ids: tuple[str, ...] | None = None) -> tuple[Transaction, ...]:
        """Select a block's transactions among those that have reached a host, see `MempoolRules.select`."""
        arrived = self.list_arrived(receiver, max_bytes if tx_ids is None else math.inf)
        return self._rules.select(arrived, max_bytes, tx_ids)

    def list_arrived(self, receiver: str, max_bytes: float = math.inf) -> tuple[Transaction, ...]:
        """Return transactions that have reached a host, in the order of arrival; at least a block of so many bytes."""
        now, last = self._env.now, self._open_period()
        self._expire()
        arrived: list[tuple[float, Sent]] = []
        size, latest, may_expire = 0, -math.inf, self._rules.ttl_blocks is not None
        # Transactions are pending in the order of sending, and none arrives before it is sent. Where the order of
        # arrival decides and the block is full of transactions that arrived before the next one was sent, neither that
        # one nor any behind it can come first: without this break every proposal of a large network looks up them all.
        pending = iter(self._pending.values())
        while chunk := list(itertools.islice(pending, CHUNK)):
            if size > max_bytes and chunk[0].seconds >= latest and not self._rules.fees_ngonka:
                break
            for at, sent in zip(self._compute_arrivals(chunk, receiver, last), chunk, strict=True):
                if at <= now and not (may_expire and self._is_expired(sent, at)):
                    arrived.append((at, sent))
                    size += sent.size_bytes
                    latest = max(latest, at)
        arrived.sort(key=lambda item: item[0])
        return tuple(sent.transaction for _, sent in arrived)

    def _compute_arrivals(self, group: list[Sent], receiver: str, last: int) -> list[float]:
        """Return when each of these transactions reaches a host, in their order.

        Most were sent since links last changed: one row of delays per size serves all of them.
        """
        links = self._periods[last].links
        assert links is not None, "the last period is open"
        rows = {size: self._periods[last].get_delays(receiver, size) for size in {sent.size_bytes for sent in group}}
        return [
            sent.seconds + float(rows[sent.size_bytes][links.index[sent.sender]])
            if sent.period == last
            else self._trace(sent, receiver)
            for sent in group
        ]

    def _is_expired(self, sent: Sent, arrival_seconds: float) -> bool:
        """Tell whether a host that has the blocks of the chain has forgotten a transaction since it arrived there.

        One that had to set out again over other links has waited there since these opened.
        """
        period = self._find_period(arrival_seconds)
        since = sent.height if period == sent.period else max(sent.height, self._periods[period].height)
        return self._rules.is_expired(self._ledger.height - since)

    def _find_period(self, seconds: float) -> int:
        return bisect_right(self._periods, seconds, key=lambda period: period.start_seconds) - 1

    def _expire(self) -> None:
        """Drop the transactions that no host keeps any more; a sender that is cut off keeps its own meanwhile."""
        if self._rules.ttl_blocks is not None:
            opened = self._periods[-1].height
            for sent in list(self._pending.values()):
                waited = self._ledger.height - max(sent.height, opened if sent.period < len(self._periods) - 1 else 0)
                kept = self._heights.get(sent.sender, 0) - sent.sender_height
                if self._rules.is_expired(waited) and self._rules.is_expired(kept):
                    del self._pending[sent.transaction.tx_id]

    def _open_period(self) -> int:
        """Return the index of the present period, with its links at hand."""
        if self._periods[-1].links is None:
            self._periods[-1].open(self._network.routes)
        return len(self._periods) - 1

    def _trace(self, sent: Sent, receiver: str) -> float:
        """Return when a transaction arrives that was sent before links last changed.

        Within a period it arrives as its links say, if that is before they change. Otherwise it sets out again from
        its sender when the next period begins; infinity where the present links lead nowhere.
        """
        for index in range(sent.period, len(self._periods)):
            period = self._periods[index]
            ends = self._periods[index + 1].start_seconds if index + 1 < len(self._periods) else math.inf
            if period.links is None or not {receiver, sent.sender} <= period.links.index.keys():
                continue
            delays = period.get_delays(receiver, sent.size_bytes)
            at = max(sent.seconds, period.start_seconds) + float(delays[period.links.index[sent.sender]])
            if at < ends:
                return at
        return math.inf


@dataclass(frozen=True)
class PoolView(Mempool):
    """One host's `Mempool`, where all share a pool."""

    pool: SharedPool
    address: str

    def submit(self, transaction: Transaction) -> None:
        """Send a transaction of this host's own."""
        self.pool.submit(self.address, transaction)

    def add(self, transaction: Transaction) -> None:
        """Do nothing: all transactions are in the pool from the moment that they are sent."""

    def remove(self, block: Block) -> None:
        """Forget the block's transactions, for all hosts."""
        self.pool.remove(self.address, block)

    def drop(self, is_refused: Callable[[Transaction], bool]) -> list[Transaction]:
        """Forget the transactions that this host refuses, for all hosts."""
        return self.pool.drop(is_refused)

    def clear(self) -> None:
        """Lose this host's transactions that no peer has; it gets all others back from peers when it restarts."""
        self.pool.lose(self.address)

    def knows(self, tx_id: str) -> bool:
        """Tell whether a transaction is pending, or in a block that some host has applied."""
        return self.pool.knows(tx_id)

    def __iter__(self) -> Iterator[Transaction]:
        """Iterate over no transaction: `SharedPool.change_links` sends pending ones again."""
        return iter(())

    def list_pending(self) -> tuple[Transaction, ...]:
        """Return the transactions that have reached this host."""
        return self.pool.list_arrived(self.address)

    def select(self, max_bytes: int, tx_ids: tuple[str, ...] | None = None) -> tuple[Transaction, ...]:
        """Select a block's transactions among those that have reached this host."""
        return self.pool.select(self.address, max_bytes, tx_ids)


def open_mempools(
    network: Flood | Foresight, env: simpy.Environment, ledger: Ledger, rules: MempoolRules
) -> Callable[[str], Mempool]:
    """Return a function that opens a host's mempool: its own over a `Flood`, else a view of one pool."""
    if isinstance(network, Foresight):
        pool = SharedPool(env, network, ledger, rules)
        return lambda address: PoolView(pool, address)
    return lambda address: HostMempool(network, address, rules, ledger)
