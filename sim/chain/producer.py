"""Block production: the proposer's mempool becomes a block every block time.

Thin on purpose: one proposer per height, no rounds of votes. A proposer that has not yet received the previous block
delays the chain until it has. Where a scenario has faults, a proposer that is down or behind, or that does not reach more
than 2/3 of the power, is passed over after a block time.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping

import simpy

from sim.chain.chain_node import ChainNode
from sim.chain.ledger import Ledger
from sim.chain.traffic import Traffic
from sim.network.gossip import Network, Roster
from sim.protocol.blocks import BlockResult
from sim.protocol.proposer import select_proposer
from sim.protocol.state import Block, ChainState
from sim.streams import Streams

OnAgreed = Callable[[Block, BlockResult], None]
HASH_BYTES = 32
LEAST_STEP_SECONDS = 0.001


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
    clock_offsets: Mapping[str, float],
    can_recover: Callable[[], bool] | None,
) -> Generator[simpy.Event, object, None]:
    """SimPy process: agree on blocks until the last one before the P that follows `last_epoch`.

    `can_recover` tells whether a fault has still to begin or end; where none has, and nothing was agreed for the length
    of an epoch, the chain is given up. Without faults it is None.
    """
    while not _is_last(ledger.get_state(ledger.height), last_epoch):
        yield env.timeout(block_time_seconds)
        state = ledger.get_state(ledger.height)
        patience_seconds = state.schedule.params.epoch_length * block_time_seconds
        proposer, priorities = select_proposer(state.priorities, state.powers)
        while can_recover is not None and not _can_propose(proposer, nodes, ledger, network.roster):
            patience_seconds -= block_time_seconds
            if patience_seconds <= 0 and not can_recover():
                return
            yield env.timeout(block_time_seconds)
            proposer, priorities = select_proposer(priorities, state.powers)
        node = nodes[proposer]
        yield node.wait_for(ledger.height)
        block = _propose(ledger, node, env.now + clock_offsets.get(proposer, 0.0), streams, traffic)
        result = ledger.append(block, priorities)
        on_agreed(block, result)
        network.broadcast(proposer, f"block/{block.height}", block, block.size_bytes)
        node.receive(block)


def _is_last(state: ChainState, last_epoch: int) -> bool:
    return state.schedule.index == last_epoch and state.height == state.schedule.next_start - 1


def _can_propose(proposer: str, nodes: Mapping[str, ChainNode], ledger: Ledger, roster: Roster) -> bool:
    """Tell whether a proposer is up, has the last block, and reaches more than 2/3 of the power."""
    powers = ledger.get_state(ledger.height).powers
    reached = sum(power for address, power in powers.items() if roster.is_reachable(proposer, address))
    return nodes[proposer].height == ledger.height and 3 * reached > 2 * sum(powers.values())


def _propose(ledger: Ledger, node: ChainNode, clock_seconds: float, streams: Streams, traffic: Traffic) -> Block:
    height, state = ledger.height + 1, ledger.get_state(ledger.height)
    if ledger.height:  # time never goes back, however wrong a clock is (CometBFT: at least a millisecond a block)
        clock_seconds = max(clock_seconds, ledger.get_block(ledger.height).time_seconds + LEAST_STEP_SECONDS)
    # The hash is drawn from a named stream instead of being computed from the block's content: two variants of a
    # scenario (another controller, one more transaction) then meet the same network seeds and the same nonces, which
    # makes their differences far easier to see. A proposer that grinds the hash has to be modelled as its own draw.
    block_hash = streams("chain", "block hash", height).bytes(HASH_BYTES).hex().upper()
    budget = ledger.params.block_max_bytes - Block.HEADER_BYTES
    return Block(
        height=height,
        block_hash=block_hash,
        proposer=node.address,
        time_seconds=clock_seconds,
        transactions=node.mempool.select(budget),
        inferences=traffic.draw_inferences(state, height),
        confirmation=traffic.draw_confirmation(state, height),
    )
