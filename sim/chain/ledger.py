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
        self._heights: dict[str, int] = {}
        """Transaction id -> height of its block. Grows as the chain itself does, once for all hosts."""

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

    def forget(self, lowest: int) -> None:
        """Forget blocks and states below the height of the host that is furthest behind, and all it looks back at."""
        n_more = min(lowest - RECENT_BLOCKS, self.height - KEPT_BLOCKS) - self._n_forgotten
        if n_more > 0:
            del self._states[:n_more], self._blocks[:n_more]
            self._n_forgotten += n_more

    def append(self, block: Block, priorities: Mapping[str, int]) -> BlockResult:
        """Apply the next block and keep it."""
        result = apply_block(self._states[-1], block, priorities, self.params, self._next_difficulty, self._heights)
        for transaction in block.transactions:
            self._heights.setdefault(transaction.tx_id, block.height)
        self._blocks.append(block)
        self._states.append(result.state)
        return result
