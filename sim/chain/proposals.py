"""Building a block: its hash, its timestamp by the proposer's clock, its transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from sim.chain.chain_node import ChainNode
from sim.chain.late_messages import LateMessages
from sim.chain.ledger import Ledger
from sim.chain.traffic import InferenceTraffic
from sim.protocol.blocks.state import Block
from sim.streams import Streams, draw_generator

HASH_BYTES = 32
MOST_CANDIDATES = 2**20
MIN_STEP_SECONDS = 0.001  # timestamps of blocks have to grow


class Clocks:
    """By how much hosts' clocks are wrong; only faults shift them."""

    def __init__(self) -> None:
        self._shifts: list[tuple[frozenset[str], float]] = []

    def shift(self, addresses: Iterable[str], seconds: float) -> Callable[[], None]:
        """Set some hosts' clocks ahead, or back by negative seconds; shifts add up. Return a call that undoes it."""
        shift = (frozenset(addresses), seconds)
        self._shifts.append(shift)

        def undo() -> None:
            self._shifts = [other for other in self._shifts if other is not shift]

        return undo

    def get_offset(self, address: str) -> float:
        """Return the seconds by which a host's clock is ahead."""
        return sum((seconds for addresses, seconds in self._shifts if address in addresses), start=0.0)


@dataclass(frozen=True)
class BlockMaker:
    """Builds blocks from a proposer's mempool."""

    ledger: Ledger
    streams: Streams
    traffic: InferenceTraffic
    clocks: Clocks
    late: LateMessages

    def make(
        self, node: ChainNode, now_seconds: float, absent: tuple[str, ...] = (), evidence: tuple[str, ...] = ()
    ) -> Block:
        """Return a new block for the height after the last agreed one, which the node must have applied.

        `absent`: validators whose signatures on that one the proposer lacks; `evidence`: who has signed twice.
        """
        height, state = self.ledger.height + 1, self.ledger.get_state(self.ledger.height)
        assert node.height == self.ledger.height, "a proposer that has not applied the block before"
        self.late.drop(node.mempool)
        # The hash is drawn from a named stream instead of being computed from the block's content: two variants of a
        # scenario (another controller, one more transaction) then meet the same network seeds and the same nonces,
        # which makes their differences far easier to see. A proposer that grinds the hash has further candidates.
        first = _write_hash(self.streams.of_a_time("chain", "block hash", height))
        tx_ids, hash_index = node.choose(lambda number: self._draw_candidate(first, number))
        earliest = self.ledger.get_block(height - 1).time_seconds + MIN_STEP_SECONDS if height > 1 else 0.0
        return Block(
            height=height,
            block_hash=self._draw_candidate(first, hash_index),
            proposer=node.address,
            time_seconds=max(now_seconds + self.clocks.get_offset(node.address), earliest),
            transactions=node.mempool.select(self.ledger.params.block_room_bytes, tx_ids),
            inferences=self.traffic.draw_inferences(state, height),
            confirmation=self.traffic.draw_confirmation(state, height),
            absent=absent,
            evidence=evidence,
        )

    def _draw_candidate(self, first: str, number: int) -> str:
        """Return a candidate for a block's hash; number 0 is that of a proposer that tries once."""
        if not 0 <= number < MOST_CANDIDATES:
            raise ValueError(f"candidate {number} of a block's hash; it must be from 0 to {MOST_CANDIDATES - 1}")
        return _write_hash(draw_generator(self.streams.seed, "block hash", first, number)) if number else first


def _write_hash(generator: np.random.Generator) -> str:
    return generator.bytes(HASH_BYTES).hex().upper()
