"""A block that is proposed again: hosts that hold it need the proposal only, the others the block."""

import pytest

from sim.chain.consensus import PROPOSAL_BYTES
from sim.protocol.blocks.state import Block
from sim.protocol.consensus.transactions import SubmitSeed
from sim.scenario.load import load_scenario
from sim.work.sphere import SphereWork
from sim.world import build_world

SEEDS = tuple(SubmitSeed(f"seed/{number}", "big-0", 1, "c") for number in range(4000))
"""A block of 1.8 MB: links take longer for it than their latency."""


@pytest.mark.parametrize("tier", ["paths", "events"])
def test_a_block_that_is_proposed_again_is_sent_to_those_who_lack_it(tier: str) -> None:
    scenario = load_scenario("tests/data/small.yaml", {"work.kind": "sphere", "network.tier": tier})
    with SphereWork(scenario.work.pow_params.vocab_size) as work:
        world = build_world(scenario, work, lambda ended: None)
        world.start()
        world.context.env.run(until=100.0)
        state, consensus = world.context.ledger.get_state(world.context.ledger.height), world.context.consensus
        block, height = Block(state.height + 1, "HASH", "big-0", 100.0, SEEDS), consensus._open(state)
        height.add_round(block)
        routes, proposer = consensus._network.routes, height.proposer
        small, whole = (
            dict(zip(routes.index, (100.0 + routes.compute_delays(proposer, size)).tolist(), strict=True))
            for size in (PROPOSAL_BYTES, block.size_bytes)
        )
        holder, expecting, lacking = [host for host in routes.index if host != proposer][:3]
        assert whole[holder] > small[holder] + 0.01
        soon = (small[expecting] + whole[expecting]) / 2
        height.note_arrivals(0, [(proposer, 90.0), (holder, 90.0), (expecting, soon)])
        height.get_valid_round = lambda now: 0  # type: ignore[method-assign]
        consensus._propose(height)
        again = height.arrivals[1]
        assert again[proposer] == 100.0
        assert again[holder] == pytest.approx(small[holder])
        assert again[expecting] == pytest.approx(soon)  # the block of the earlier round, not the proposal, comes last
        assert again.get(lacking) == (pytest.approx(whole[lacking]) if tier == "paths" else None)  # else delivered
