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

    def sync_to(self, height: int) -> None:
        """Block sync: jump to a height that a peer has; blocks before it are not acted upon."""
        for missed in range(self.height + 1, height + 1):
            self.mempool.remove(self._ledger.get_block(missed).transactions)
            self._early.pop(missed, None)
        self.height = max(self.height, height)
        self._apply_early()

    def wait_for(self, height: int) -> simpy.Event:
        """Return an event that fires once this host has reached the height."""
        if self.height >= height:
            return self._env.event().succeed()
        return self._waiting.setdefault(height, self._env.event())

    def _apply_early(self) -> None:
        """Apply all blocks without a gap first, act then: whoever catches up acts from where the chain is now."""
        applied = []
        while (block := self._early.pop(self.height + 1, None)) is not None:
            self.height = block.height
            self.mempool.remove(block.transactions)
            applied.append(block)
            event = self._waiting.pop(block.height, None)
            if event is not None:
                event.succeed()
        for block in applied:
            self._on_block(block, self._ledger.get_state(block.height))
