"""Block production: the proposer's mempool becomes a block every block time.

Thin on purpose: one proposer per height, no rounds of votes. A proposer that has not yet received the previous block
delays the chain until it has.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping

import simpy

from sim.chain.chain_node import ChainNode
from sim.chain.ledger import Ledger
from sim.chain.traffic import Traffic
from sim.network.gossip import Network
from sim.protocol.blocks import BlockResult
from sim.protocol.proposer import select_proposer
from sim.protocol.state import Block, ChainState
from sim.streams import Streams

OnAgreed = Callable[[Block, BlockResult], None]
HASH_BYTES = 32


def produce_blocks(
    env: simpy.Environment,
    ledger: Ledger,
    nodes: Mapping[str, ChainNode],
    network: Network,
    streams: Streams,
    traffic: Traffic,
    *,
    block_time_seconds: float,
    last_epoch: int,
    on_agreed: OnAgreed,
) -> Generator[simpy.Event, object, None]:
    """SimPy process: agree on blocks until the last one before the P that follows `last_epoch`."""
    while not _is_last(ledger.get_state(ledger.height), last_epoch):
        yield env.timeout(block_time_seconds)
        state = ledger.get_state(ledger.height)
        proposer, priorities = select_proposer(state.priorities, state.powers)
        node = nodes[proposer]
        yield node.wait_for(ledger.height)
        block = _propose(ledger, node, env.now, streams, traffic)
        result = ledger.append(block, priorities)
        on_agreed(block, result)
        network.broadcast(proposer, f"block/{block.height}", block, block.size_bytes)
        node.receive(block)


def _is_last(state: ChainState, last_epoch: int) -> bool:
    return state.schedule.index == last_epoch and state.height == state.schedule.next_start - 1


def _propose(ledger: Ledger, node: ChainNode, now_seconds: float, streams: Streams, traffic: Traffic) -> Block:
    height, state = ledger.height + 1, ledger.get_state(ledger.height)
    # The hash is drawn from a named stream instead of being computed from the block's content: two variants of a
    # scenario (another controller, one more transaction) then meet the same network seeds and the same nonces, which
    # makes their differences far easier to see. A proposer that grinds the hash has to be modelled as its own draw.
    block_hash = streams("chain", "block hash", height).bytes(HASH_BYTES).hex().upper()
    budget = ledger.params.block_max_bytes - Block.HEADER_BYTES
    return Block(
        height=height,
        block_hash=block_hash,
        proposer=node.address,
        time_seconds=now_seconds,
        transactions=node.mempool.select(budget),
        inferences=traffic.draw_inferences(state, height),
        confirmation=traffic.draw_confirmation(state, height),
    )
