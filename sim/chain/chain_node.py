"""One host's view of the chain: its height, its mempool, blocks that came too early."""

from __future__ import annotations

from collections.abc import Callable

import simpy

from sim.chain.ledger import Ledger
from sim.chain.mempool import Mempool
from sim.protocol.state import Block, ChainState

OnBlock = Callable[[Block, ChainState], None]


class ChainNode:
    """Applies blocks strictly in order; a host reads the chain through it and so never sees ahead of its height."""

    def __init__(self, env: simpy.Environment, ledger: Ledger, address: str, on_block: OnBlock) -> None:
        self._env = env
        self._ledger = ledger
        self.address = address
        self._on_block = on_block
        self.mempool = Mempool()
        self.height = 0
        self._early: dict[int, Block] = {}
        self._waiting: dict[int, simpy.Event] = {}

    @property
    def state(self) -> ChainState:
        """The chain state at this host's height."""
        return self._ledger.get_state(self.height)

    def receive(self, block: Block) -> None:
        """Take a block from the network; apply it and all that follow it without a gap."""
        self._early[block.height] = block
        self._apply_early()

    @property
    def has_gap(self) -> bool:
        """It holds a later block than the next one, which is missing."""
        return bool(self._early)

    def sync_to(self, height: int) -> None:
        """Block sync: jump to a height that a peer has; blocks before it are not acted upon."""
        for missed in range(self.height + 1, height + 1):
            self._early.pop(missed, None)
            self._take(self._ledger.get_block(missed))
        self._apply_early()

    def catch_up_to(self, height: int) -> None:
        """Take the blocks that a running host has missed from a peer; they are acted upon like any other."""
        for missed in range(self.height + 1, height + 1):
            self._early[missed] = self._ledger.get_block(missed)
        self._apply_early()

    def lose_memory(self) -> None:
        """What is not on disk is gone: pending transactions, and blocks that came too early."""
        self.mempool.clear()
        self._early.clear()

    def wait_for(self, height: int) -> simpy.Event:
        """Return an event that fires once this host has reached the height."""
        if self.height >= height:
            return self._env.event().succeed()
        return self._waiting.setdefault(height, self._env.event())

    def _apply_early(self) -> None:
        """Apply all blocks without a gap first, act then: whoever catches up acts from where the chain is now."""
        applied = []
        while (block := self._early.pop(self.height + 1, None)) is not None:
            self._take(block)
            applied.append(block)
        for block in applied:
            self._on_block(block, self._ledger.get_state(block.height))

    def _take(self, block: Block) -> None:
        self.height = block.height
        self.mempool.remove(block.transactions)
        event = self._waiting.pop(block.height, None)
        if event is not None:
            event.succeed()
