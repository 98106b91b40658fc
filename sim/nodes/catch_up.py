"""Hosts that have missed blocks or transactions get them: blocks from a peer that is ahead, the others from all.

1. A newcomer, a host that restarts, one whose links are open again, and one that is behind by a block time fetch blocks
   from the nearest peer that has more: a question and an answer, each a message from one host to the other. The host
   waits for the answer for a block time, then asks the peer that is nearest then, waits twice as long, and so on. Where
   no peer has a chain, a newcomer asks again later.
2. A host that got blocks tells its peers, and those that are behind fetch in turn.
3. Over a link that is open again each side sends the pending transactions that the other does not know; those that are
   new to the receiver go on to its own peers, as in CometBFT's mempool.

In a scenario without faults, and without hosts that leave, only newcomers have missed blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from functools import partial

import simpy

from sim.chain.chain_node import ChainNode
from sim.chain.ledger import Ledger
from sim.network.base import ANNOUNCEMENT_BYTES, REQUEST_BYTES, Network
from sim.network.links import Link
from sim.protocol.consensus.transactions import Transaction

RETRY_SECONDS = 1.0
STATE_SYNC_BYTES = 1_000_000  # size of the state that a newcomer downloads from a peer [I]


class CatchUp:
    """Fetches for all hosts of a run; at most one fetch a host at a time."""

    def __init__(
        self,
        env: simpy.Environment,
        network: Network,
        ledger: Ledger,
        *,
        patience_seconds: float,
        has_faults: bool,
    ) -> None:
        self._env = env
        self._network = network
        self._ledger = ledger
        self._patience_seconds = patience_seconds
        self._nodes: dict[str, ChainNode] = {}
        self._takes: dict[str, Callable[[int], None]] = {}
        """Host -> lets it have the blocks up to a height."""
        self._has_faults = has_faults
        self._fetching: set[str] = set()
        self._is_watching = False
        self.is_closed = False
        """The run is over: hosts without a peer that has a chain stop asking."""

    def register(self, node: ChainNode, take: Callable[[int], None]) -> None:
        """Make a host known before it joins; `take` lets it have the blocks up to a height that a peer has sent."""
        self._nodes[node.address], self._takes[node.address] = node, take

    def expect_gaps(self) -> None:
        """Hosts may miss blocks from now on, faults or not: one has left."""
        self._has_faults = True

    def start(self, address: str) -> None:
        """Let a host fetch blocks if a peer has more, or if it has none at all."""
        node = self._nodes[address]
        is_needed = node.height == 0 or self._find_source(node) is not None
        if is_needed and address not in self._fetching and self._network.roster.is_up(address):
            self._fetching.add(address)
            self._env.process(self._fetch(node))

    def reconnect(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Links between these hosts are open again: they exchange blocks and pending transactions."""
        for a, b in pairs:
            for sender, receiver in ((a, b), (b, a)):
                self.start(receiver)
                self._offer(sender, receiver)
        self.watch()

    def watch(self) -> None:
        """Look for hosts that missed a block after a block time, and again while one is behind a peer of its own."""
        if self._has_faults and not self._is_watching:
            self._is_watching = True
            self._env.process(self._look_for_stragglers())

    # Blocks

    def _look_for_stragglers(self) -> Generator[simpy.Event, object, None]:
        is_behind = True
        while is_behind and not self.is_closed:
            height = self._ledger.height
            yield self._env.timeout(self._patience_seconds)
            behind = [node for node in self._nodes.values() if 0 < node.height < height]
            stragglers = [node.address for node in behind if self._find_source(node) is not None]
            is_behind = bool(stragglers)
            for address in stragglers:
                self.start(address)
        self._is_watching = False

    def _find_source(self, node: ChainNode) -> Link | None:
        """Return the link to the nearest peer that is ahead."""
        peers = self._network.get_peers(node.address)
        ahead = [link for link in peers if self._nodes[link.receiver].height > node.height]
        return min(ahead, key=lambda link: link.latency_seconds, default=None)

    def _fetch(self, node: ChainNode) -> Generator[simpy.Event, object, None]:
        arrived, patience_seconds = self._env.event(), self._patience_seconds
        while not self.is_closed and not arrived.triggered:
            link = self._find_source(node)
            if link is None:
                if node.height > 0:
                    break
                yield self._env.timeout(RETRY_SECONDS)
                continue
            answer = partial(self._answer, link.receiver, node, arrived)
            self._network.send(node.address, link.receiver, REQUEST_BYTES, answer)
            yield arrived | self._env.timeout(patience_seconds)
            patience_seconds *= 2
        self._fetching.discard(node.address)

    def _answer(self, source: str, node: ChainNode, arrived: simpy.Event) -> None:
        """A peer has got the question, and sends the blocks that it has and the host lacked when it asked."""
        height = self._nodes[source].height
        take = partial(self._take_blocks, node, height, arrived)
        self._network.send(source, node.address, self._compute_size(node, height), take)

    def _take_blocks(self, node: ChainNode, height: int, arrived: simpy.Event) -> None:
        self._takes[node.address](height)
        self._tell_peers(node)
        if not arrived.triggered:
            arrived.succeed()

    def _compute_size(self, node: ChainNode, height: int) -> int:
        """Bytes of the blocks up to a height; a newcomer, and a host that was down for long, downloads the state."""
        if node.height == 0 or node.height + 1 < self._ledger.first:
            return STATE_SYNC_BYTES
        missing = range(node.height + 1, height + 1)
        return sum(self._ledger.get_block(number).size_bytes for number in missing)

    def _tell_peers(self, node: ChainNode) -> None:
        if not self._has_faults:
            return
        for link in self._network.get_peers(node.address):
            if self._nodes[link.receiver].height < node.height:
                self._network.send(node.address, link.receiver, ANNOUNCEMENT_BYTES, partial(self.start, link.receiver))

    # Transactions

    def _offer(self, sender: str, receiver: str) -> None:
        """Send the transactions that are pending at one host and unknown at its peer, in one message."""
        unknown = self._select_unknown(self._nodes[sender].mempool, receiver)
        if unknown:
            size_bytes = sum(transaction.size_bytes for transaction in unknown)
            self._network.send(sender, receiver, size_bytes, partial(self._take, sender, receiver, unknown))

    def _take(self, sender: str, receiver: str, offered: list[Transaction]) -> None:
        new = self._select_unknown(offered, receiver)
        for transaction in new:
            self._nodes[receiver].mempool.add(transaction)
        for link in self._network.get_peers(receiver) if new else []:
            if link.receiver != sender:
                self._offer(receiver, link.receiver)

    def _select_unknown(self, transactions: Iterable[Transaction], receiver: str) -> list[Transaction]:
        known = self._nodes[receiver].mempool
        return [transaction for transaction in transactions if not known.knows(transaction.tx_id)]
