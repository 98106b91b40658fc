"""One host's view of the chain: its height, its mempool, blocks that came too early."""

from __future__ import annotations

from collections.abc import Callable

from sim.chain.ledger import Ledger
from sim.chain.mempool import Mempool
from sim.protocol.blocks.state import Block, ChainState

OnBlock = Callable[[Block, ChainState], None]
OnApplied = Callable[[str, int], None]
Choice = tuple[tuple[str, ...] | None, int]
"""Transactions of a proposed block in their order, None: as the mempool orders them; number of the hash."""
Choose = Callable[[Callable[[int], str]], Choice]
"""Fills a block that the host proposes; is given the candidates for its hash by number."""
SIGNS_ONCE = 1
"""Votes of each kind that a validator signs at a height, if it does as the software."""


class ChainNode:
    """Applies blocks strictly in order; a host reads the chain through it and so never sees ahead of its height."""

    def __init__(
        self,
        ledger: Ledger,
        address: str,
        mempool: Mempool,
        on_block: OnBlock,
        on_applied: OnApplied,
        choose: Choose = lambda get_hash: (None, 0),
        sign: Callable[[int], int] | None = None,
    ) -> None:
        """`on_applied(address, height)` is called for every height that is reached, also by block sync.

        `sign(height)` says how many votes of each kind the host signs; None: always one.
        """
        self._ledger = ledger
        self.address = address
        self._on_block = on_block
        self._on_applied = on_applied
        self.choose = choose
        self.sign = sign
        self.mempool = mempool
        self.height = 0
        self._early: dict[int, Block] = {}

    @property
    def state(self) -> ChainState:
        """The chain state at this host's height."""
        return self._ledger.get_state(self.height)

    def receive(self, block: Block) -> None:
        """Take a block from the network; apply it and all that follow it without a gap."""
        if not self._early and block.height == self.height + 1:
            self._apply(block)
            self._on_block(block, self._ledger.get_state(block.height))
        else:
            self._early[block.height] = block
            self._apply_early()

    def lose_memory(self) -> None:
        """Lose pending transactions and blocks that came too early; they are in memory only."""
        self.mempool.clear()
        self._early.clear()

    def catch_up_to(self, height: int) -> None:
        """Take the blocks that a running host has missed from a peer; they are acted upon like any other."""
        for missed in range(self.height + 1, height + 1):
            self._early[missed] = self._ledger.get_block(missed)
        self._apply_early()

    def sync_to(self, height: int) -> None:
        """Block sync: jump to a height that a peer has; blocks before it are not acted upon."""
        for missed in range(max(self.height + 1, self._ledger.first), height + 1):  # a newcomer has no older ones
            self.mempool.remove(self._ledger.get_block(missed))
            self._early.pop(missed, None)
        if height > self.height:
            self.height = height
            self._on_applied(self.address, height)
        self._apply_early()

    def _apply_early(self) -> None:
        """Apply all blocks without a gap before acting on any: a host that catches up acts from where the chain is."""
        applied = []
        while (block := self._early.pop(self.height + 1, None)) is not None:
            self._apply(block)
            applied.append(block)
        for block in applied:
            self._on_block(block, self._ledger.get_state(block.height))

    def _apply(self, block: Block) -> None:
        self.height = block.height
        self.mempool.remove(block)
        self._on_applied(self.address, self.height)
