"""The agreed chain: every block and the state after it.

The state after a block is the same for all hosts that have it, so it is computed once and shared. Which height a host
has reached is known to its `ChainNode`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sim.protocol.blocks.epochs import NextDifficulty
from sim.protocol.blocks.params import ProtocolParams
from sim.protocol.blocks.state import Block, ChainState
from sim.protocol.blocks.transition import BlockResult, apply_block

RECENT_BLOCKS = 20


@dataclass(frozen=True)
class Agreement:
    """An agreed block with the round and time of its decision."""

    block: Block
    round_index: int
    """The round that decided; 0 where the first proposal succeeded."""
    seconds: float
    """Time of the first validator's decision."""


class Ledger:
    """Append-only list of blocks and states; index 0 is the genesis state."""

    def __init__(self, genesis: ChainState, params: ProtocolParams, next_difficulty: NextDifficulty) -> None:
        self.params = params
        self._next_difficulty = next_difficulty
        self._states = [genesis]
        self._blocks: list[Block] = []
        self._heights: dict[str, int] = {}
        """Transaction id -> height of its block. Grows as the chain itself does, once for all hosts."""

    @property
    def height(self) -> int:
        """Height of the last agreed block."""
        return len(self._blocks)

    def get_state(self, height: int) -> ChainState:
        """Return the state after the block of that height (0: genesis)."""
        return self._states[height]

    def get_block(self, height: int) -> Block:
        """Return the agreed block of a height >= 1."""
        return self._blocks[height - 1]

    def is_included(self, tx_id: str, height: int) -> bool:
        """Tell whether a block up to that height contains a transaction."""
        return self._heights.get(tx_id, height + 1) <= height

    def compute_interval(self, height: int) -> float:
        """Return the mean time between the last blocks up to a height, in seconds by their timestamps."""
        first = max(1, height - RECENT_BLOCKS)
        if height <= first:
            return self.get_block(height).time_seconds if height else 0.0
        return (self.get_block(height).time_seconds - self.get_block(first).time_seconds) / (height - first)

    def append(self, block: Block, priorities: Mapping[str, int]) -> BlockResult:
        """Apply the next block and keep it."""
        result = apply_block(self._states[-1], block, priorities, self.params, self._next_difficulty, self._heights)
        for transaction in block.transactions:
            self._heights.setdefault(transaction.tx_id, block.height)
        self._blocks.append(block)
        self._states.append(result.state)
        return result
