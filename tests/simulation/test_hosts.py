"""Hosts act on their own chain state, at the time it reaches them."""

from collections.abc import Iterator

import pytest

import sim
from pow.params import PRESETS
from sim.metrics.records import MLNodeFinished
from sim.protocol.blocks.state import Block
from sim.scenario.load import load_scenario, parse_scenario
from sim.work.kernel import KernelWork
from sim.world import World, build_world


@pytest.fixture
def work() -> Iterator[KernelWork]:
    with KernelWork(PRESETS["tiny"], 64, 1) as kernel:
        yield kernel


def build(work: KernelWork) -> World:
    world = build_world(load_scenario("tests/data/small.yaml"), work, lambda ended: None)
    world.start()
    return world


def run_to_height(world: World, height: int) -> None:
    while world.context.ledger.height < height:
        world.context.env.step()


def test_a_host_that_is_behind_uses_the_old_r_target(work: KernelWork) -> None:
    """S of epoch 1 is block 45: agreed, but still on its way to most hosts."""
    world = build(work)
    run_to_height(world, 45)
    old, new = world.context.ledger.get_state(44).threshold, world.context.ledger.get_state(45).threshold
    assert new < old
    known = {address: host.chain.state.threshold for address, host in world.hosts.items() if host.identity.joins == 1}
    assert set(known.values()) == {old}  # the first validator has decided and is about to apply it
    world.context.env.run(until=world.context.env.now + 3)
    assert {host.chain.state.threshold for host in world.hosts.values() if host.identity.joins == 1} == {new}


def test_a_newcomer_catches_up_by_block_sync_before_it_acts(work: KernelWork) -> None:
    world = build(work)
    late = world.hosts["late-0"]
    run_to_height(world, 46)  # S + 1 of epoch 1: the newcomer of epoch 2 enters
    assert late.chain.height == 0
    world.context.env.run(until=world.context.env.now + 5)
    assert late.chain.height == 46


def test_a_host_that_hears_p_in_the_wind_down_misses_the_round(work: KernelWork) -> None:
    """P is block 30, the wind-down starts at 34: whoever gets all of them only then neither generates nor checks.

    The slow host is the proposer of block 29: with six equal members its next turn is block 35.
    """
    world = build(work)
    world.context.catch_up.watch = lambda: None  # type: ignore[method-assign]
    run_to_height(world, 29)
    world.context.env.run(until=world.context.env.now + 1)
    slow = world.hosts[world.context.ledger.get_block(29).proposer]
    held_back: list[Block] = []
    slow.chain.receive = held_back.append  # type: ignore[method-assign]
    run_to_height(world, 34)
    world.context.env.run(until=world.context.env.now + 1)
    del slow.chain.receive
    for block in reversed(held_back):
        slow.chain.receive(block)
    assert slow.chain.height == 34
    run_to_height(world, 45)
    others = {host.address for host in world.hosts.values() if host.identity.joins == 1} - {slow.address}
    assert {row.participant for row in world.context.recorder.rows(MLNodeFinished)} == others
    assert set(world.context.recorder.validations.build_rows()["validator"]) == others


def test_newcomers_among_newcomers_do_not_wait_for_ever() -> None:
    """Four that join together near each other, far from the two founders: each must find a peer that has a chain."""
    scenario = parse_scenario(
        """
name: crowd
epochs: 3
work: {kind: sphere, rate_factor: 0.02}
hosts:
  - {name: farm, count: 2, gpus: 8 x H100-SXM, region: NORTH_AMERICA}
  - {name: late, count: 4, gpus: 8 x H100-SXM, region: EUROPE, joins: epoch 2}
"""
    )
    result = sim.run(scenario)
    late = result.ml_nodes[result.ml_nodes["participant"].str.startswith("late")]
    assert late.groupby("epoch").size().to_dict() == {2: 4, 3: 4}
    assert (late["tried"] > 0).all()


def test_a_network_that_lost_its_members_is_named() -> None:
    """Nobody can check everybody in one block: nobody is accepted, and the summary says what follows."""
    result = sim.run("tests/data/small.yaml", overrides={"protocol.poc_validation_duration": 1})
    assert result.summary["claims_accepted"] == 0
    assert "nobody was accepted in epoch 1" in result.summary["warnings"][0]
    assert sim.run("tests/data/small.yaml", overrides={"epochs": 2}).summary["warnings"] == []


def test_a_cap_that_left_nobody_any_weight_is_named() -> None:
    """Four accepted under a cap of 0.2: four equal shares cannot all be a fifth, so the cap is 0 (protocol 5.3)."""
    scenario = parse_scenario(
        """
name: zeros
epochs: 1
protocol: {max_individual_power_percentage: 0.2}
work: {kind: sphere, rate_factor: 0.1}
hosts:
  - {name: farm, count: 4, gpus: 8 x H100-SXM, region: EUROPE}
  - {name: liar, gpus: 8 x H100-SXM, region: EUROPE, strategy: {kind: overclaim, excess: 1.0}}
"""
    )
    result = sim.run(scenario)
    assert result.summary["claims_accepted"] == 4
    assert "the power cap left none of the 4 accepted participants any weight" in result.summary["warnings"][0]
