"""The agreed chain: every block and the state after it.

The state after a block is the same for all hosts that have it, so it is computed once and shared. Which height a host
has reached is known to its `ChainNode`.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from sim.protocol.blocks.epochs import NextDifficulty
from sim.protocol.blocks.params import ProtocolParams
from sim.protocol.blocks.state import Block, ChainState
from sim.protocol.blocks.transition import BlockResult, apply_block
from sim.protocol.consensus.transactions import Transaction

RECENT_BLOCKS = 20
KEPT_BLOCKS = 1000
"""At least so many of the last blocks are kept: messages about older ones are no longer on their way."""


@dataclass(frozen=True)
class Agreement:
    """An agreed block with the round and time of its decision."""

    block: Block
    round_index: int
    """The round that decided; 0 where the first proposal succeeded."""
    seconds: float
    """Time of the first validator's decision."""


class Ledger:
    """Append-only list of blocks and states; height 0 is the genesis state. Old ones may be forgotten."""

    def __init__(self, genesis: ChainState, params: ProtocolParams, next_difficulty: NextDifficulty) -> None:
        self.params = params
        self._next_difficulty = next_difficulty
        self._states = [genesis]
        self._blocks: list[Block] = []
        self._n_forgotten = 0
        self._aside: dict[int, ChainState] = {}
        """Forgotten heights at which hosts stand that are down -> states."""
        self._heights: dict[str, int] = {}
        """Transaction id -> height of its block, once for all hosts, as long as a copy of it may come again."""
        self._leaving: dict[str, weakref.ref[Transaction]] = {}
        """Those of forgotten blocks."""

    @property
    def height(self) -> int:
        """Height of the last agreed block."""
        return self._n_forgotten + len(self._blocks)

    @property
    def first(self) -> int:
        """Height of the first block that is kept."""
        return self._n_forgotten + 1

    def get_state(self, height: int) -> ChainState:
        """Return the state after the block of that height (0: genesis). Raises LookupError for a forgotten one."""
        if height in self._aside:
            return self._aside[height]
        self._check_kept(height)
        return self._states[height - self._n_forgotten]

    def get_block(self, height: int) -> Block:
        """Return the agreed block of a height >= 1. Raises LookupError for a forgotten one."""
        self._check_kept(height - 1)
        return self._blocks[height - self.first]

    def _check_kept(self, height: int) -> None:
        if height < self._n_forgotten:
            raise LookupError(f"height {height} is forgotten; the first one that is kept is {self.first}")

    def is_included(self, tx_id: str, height: int) -> bool:
        """Tell whether a block up to that height contains a transaction."""
        return self._heights.get(tx_id, height + 1) <= height

    def compute_interval(self, height: int) -> float:
        """Return the mean time between the last blocks up to a height, in seconds by their timestamps."""
        first = max(1, height - RECENT_BLOCKS)
        if height <= first:
            return self.get_block(height).time_seconds if height else 0.0
        return (self.get_block(height).time_seconds - self.get_block(first).time_seconds) / (height - first)

    def forget(self, lowest: int, standing: Iterable[int] = ()) -> None:
        """Forget blocks and states below the height of the host that is furthest behind, and all it looks back at.

        `standing`: heights of hosts that are down, of which the states are kept: these hosts download a later state.
        """
        n_more = min(lowest - RECENT_BLOCKS, self.height - KEPT_BLOCKS) - self._n_forgotten
        if n_more > 0:
            n_after = self._n_forgotten + n_more
            self._aside = {height: self.get_state(height) for height in standing if height < n_after}
            for transaction in itertools.chain.from_iterable(block.transactions for block in self._blocks[:n_more]):
                with suppress(TypeError):  # a plug-in's message that cannot be watched: its id stays
                    self._leaving[transaction.tx_id] = weakref.ref(transaction)
            del self._states[:n_more], self._blocks[:n_more]
            self._n_forgotten = n_after
        self._forget_ids()

    def _forget_ids(self) -> None:
        """Forget a transaction of a forgotten block when no mempool and no message has it: nobody can send it again."""
        for tx_id in [tx_id for tx_id, copy in self._leaving.items() if copy() is None]:
            del self._leaving[tx_id]
            self._heights.pop(tx_id, None)

    def append(self, block: Block, priorities: Mapping[str, int]) -> BlockResult:
        """Apply the next block and keep it."""
        result = apply_block(self._states[-1], block, priorities, self.params, self._next_difficulty, self._heights)
        for transaction in block.transactions:
            self._heights.setdefault(transaction.tx_id, block.height)
        self._blocks.append(block)
        self._states.append(result.state)
        return result
