"""With each fault something that is measured changes, in the direction that it should, and nothing else does."""

import json
import math
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

import sim
from sim.network.base import REQUEST_BYTES
from sim.network.conditions import Disturbance
from sim.results import Result
from sim.scenario.load import load_scenario
from sim.strategies.actions import CommitSeed
from sim.work.sphere import SphereWork
from sim.world import World, build_world

SMALL = "tests/data/small.yaml"
TIERS = ("events", "paths")
FOUNDERS = ("big-0", "big-1", "big-2", "pair-0", "pair-1", "liar-0")
BEFORE_P2, AFTER_E2 = 350.0, 430.0  # around the generation of epoch 2 (blocks 60 to 66)


def run(*faults: dict[str, Any], tier: str = "events", **overrides: Any) -> Result:
    return _run(json.dumps({"work.kind": "sphere", "network.tier": tier, "faults": faults, **overrides}))


@cache
def _run(overrides: str) -> Result:
    return sim.run(SMALL, overrides=json.loads(overrides))


def world_of(*faults: dict[str, Any], tier: str = "events", **others: Any) -> World:
    """A world that has begun; the sphere keeps nothing open."""
    overrides = {"work.kind": "sphere", "network.tier": tier, "faults": list(faults), **others}
    scenario = load_scenario(SMALL, overrides)
    world = build_world(scenario, SphereWork(scenario.work.pow_params.vocab_size).__enter__(), lambda ended: None)
    world.start()
    world.faults.start()
    return world


def between(frame: pd.DataFrame, column: str, start: float, end: float) -> pd.DataFrame:
    return frame[(frame[column] > start) & (frame[column] < end)]


# Crash


@pytest.mark.parametrize("tier", TIERS)
def test_a_crashed_host_does_nothing_and_gets_no_reward(tier: str) -> None:
    lasts = AFTER_E2 - BEFORE_P2
    result = run({"kind": "crash", "at": f"{BEFORE_P2} s", "lasts": f"{lasts} s", "hosts": "big-0"}, tier=tier)
    usual = run(tier=tier)
    mine = result.participants[result.participants["participant"] == "big-0"].set_index("epoch")
    assert usual.participants.query("participant == 'big-0' and epoch == 2")["valid"].item() > 0
    assert mine.loc[2, "valid"] == mine.loc[2, "claimed_nonces"] == mine.loc[2, "weight"] == 0
    assert (mine.loc[[1, 3], "valid"] > 0).all()  # before, and again when it is back
    assert (mine.loc[[1, 3], "weight"] > 0).all()
    rewards = result.rewards[result.rewards["participant"] == "big-0"].set_index("epoch")["reward_ngonka"]
    assert rewards[1] > 0
    assert rewards.get(2, 0) == 0
    down = between(result.transactions, "created_seconds", BEFORE_P2, AFTER_E2)
    assert set(down["creator"]) == {*FOUNDERS, "late-0"} - {"big-0"}
    proposed = between(result.blocks, "timestamp_seconds", BEFORE_P2, AFTER_E2)
    assert len(proposed) > 5
    assert "big-0" not in set(proposed["proposer"])
    assert proposed["round"].max() > 0  # its turns are passed over
    assert usual.blocks["round"].max() == 0
    assert result.validations.query("validator == 'big-0' and epoch == 2").empty


@pytest.mark.parametrize("tier", TIERS)
def test_a_restarted_host_fetches_the_blocks_it_missed_before_it_acts(tier: str) -> None:
    """A question to the nearest peer, and its answer with the blocks: by the delays of shortest paths."""
    world = world_of({"kind": "crash", "at": "100 s", "lasts": "40 s", "hosts": "pair-0"}, tier=tier)
    host = world.hosts["pair-0"]
    world.context.env.run(until=140.0)
    behind, height = host.chain.height, world.context.ledger.height
    assert height - behind >= 5
    world.context.env.run(until=140.0 + 1e-9)
    routes = host._context.network.routes
    link = min(host._context.network.get_peers("pair-0"), key=lambda link: link.latency_seconds)
    size = sum(world.context.ledger.get_block(number).size_bytes for number in range(behind + 1, height + 1))
    question = routes.compute_delays("pair-0", REQUEST_BYTES)[routes.index[link.receiver]]
    due = 140.0 + question + routes.compute_delays(link.receiver, size)[routes.index["pair-0"]]
    world.context.env.run(until=due - 1e-6)
    assert host.chain.height == behind
    world.context.env.run(until=due + 1e-6)
    assert host.chain.height == height


@pytest.mark.parametrize("tier", TIERS)
def test_blocks_that_are_fetched_over_a_way_that_is_cut_meanwhile_do_not_arrive(tier: str) -> None:
    """The question is answered, the answer is under way; then the host is cut off, until 140 s + 9 s."""
    crash = {"kind": "crash", "at": "100 s", "lasts": "40 s", "hosts": "pair-0"}
    usual = world_of(crash, tier=tier)
    usual.context.env.run(until=140.0)
    behind = usual.hosts["pair-0"].chain.height
    while usual.hosts["pair-0"].chain.height == behind:
        usual.context.env.step()
    due = usual.context.env.now
    cut = {"kind": "partition", "at": f"{due - 0.005} s", "lasts": f"{149.0 - due} s", "groups": ["pair-0"]}
    world = world_of(crash, cut, tier=tier)
    chain = world.hosts["pair-0"].chain
    world.context.env.run(until=148.9)
    assert chain.height == behind
    world.context.env.run(until=160.0)
    assert chain.height >= world.context.ledger.height - 1


@pytest.mark.parametrize("tier", TIERS)
def test_a_host_that_crashes_before_a_block_reaches_it_does_not_apply_it(tier: str) -> None:
    """The block is agreed and its precommits are on their way."""
    world = world_of({"kind": "crash", "at": "10 h"}, tier=tier)
    while world.context.ledger.height < 10:
        world.context.env.step()
    behind = [host for host in world.hosts.values() if host.chain.height == 9]
    assert len(behind) > 2
    for host in behind:
        host._context.network.roster.disturb(host.address, Disturbance(down=frozenset([host.address])))
        host.crash()
    world.context.env.run(until=world.context.env.now + 20.0)
    assert {host.chain.height for host in behind} == {9}


@pytest.mark.parametrize(("kind", "n_seeds"), [("crash", 0), ("partition", 1)])
def test_who_restarts_does_not_act_upon_what_it_slept_through_and_who_was_cut_off_does(kind: str, n_seeds: int) -> None:
    """P of epoch 2 comes at 364 s, in the middle; generation may still be joined for four blocks after it."""
    target = {"hosts": "big-0"} if kind == "crash" else {"groups": ["big-0"]}
    result = run({"kind": kind, "at": "355 s", "lasts": "17 s", **target})
    (p,) = result.epochs.query("epoch == 2")["start_seconds"]
    assert 357 < p < 370
    seeds = result.transactions.query("kind == 'SubmitSeed' and creator == 'big-0' and epoch == 2")
    assert len(seeds) == n_seeds
    assert (seeds["created_seconds"] > 372.0).all()
    assert result.ml_nodes.query("participant == 'big-0' and epoch == 2")["tried"].item() > 0
    weight = result.participants.query("participant == 'big-0' and epoch == 2")["weight"].item()
    assert (weight > 0) == (n_seeds > 0)  # no weight without a seed (protocol 2.2)


def test_a_block_on_its_way_is_kept_back_by_a_cut_and_sets_out_again_when_it_is_mended() -> None:
    world = world_of({"kind": "crash", "at": "10 h"}, tier="paths")
    while (
        world.context.ledger.height < 10
        or world.context.consensus._height is None
        or not world.context.consensus._height.blocks
    ):
        world.context.env.step()
    height, network = world.context.consensus._height, world.hosts["big-0"]._context.network
    arrivals, now = height.arrivals[0], world.context.env.now
    far = max(arrivals, key=lambda address: arrivals[address])
    near = [address for address in arrivals if address != far]
    foreseen = dict(arrivals)
    assert foreseen[far] > now
    network.roster.disturb("cut", Disturbance(sides={far: 0}))
    assert arrivals == pytest.approx({**foreseen, far: math.inf})
    world.context.env.run(until=now + 0.3)
    network.roster.relieve("cut")
    delays = [network.routes.compute_delays(owner, height.blocks[0].size_bytes) for owner in near]
    nearest = min(row[network.routes.index[far]] for row in delays)
    assert arrivals[far] == pytest.approx(now + 0.3 + nearest)


def test_what_a_crashed_host_had_in_memory_is_gone_and_peers_bring_it_back() -> None:
    """A transaction that everybody has, of which no block can hold more: it is pending until the host is back."""
    world = world_of({"kind": "crash", "at": "100 s", "lasts": "2 s", "hosts": "pair-0"})
    for host in world.hosts.values():
        host.chain.mempool.select = lambda max_bytes, tx_ids=None: ()  # type: ignore[method-assign]
    world.context.env.run(until=95.0)
    world.hosts["big-0"]._executor.do(CommitSeed(0))
    world.context.env.run(until=99.0)
    mempool = world.hosts["pair-0"].chain.mempool
    assert mempool.knows("seed/big-0/0")
    world.context.env.run(until=101.0)
    assert not mempool.knows("seed/big-0/0")
    world.context.env.run(until=103.0)
    assert mempool.knows("seed/big-0/0")


@pytest.mark.parametrize(("seconds", "is_kept"), [(100.001, False), (101.0, True)])
def test_in_the_shared_pool_too_a_crash_loses_what_no_peer_has_yet(seconds: float, is_kept: bool) -> None:
    world = world_of({"kind": "crash", "at": f"{seconds} s", "lasts": "60 s", "hosts": "big-0"}, tier="paths")
    world.context.env.run(until=100.0)
    host = world.hosts["big-0"]
    host._executor.do(CommitSeed(0))
    assert host.chain.mempool.knows("seed/big-0/0")
    world.context.env.run(until=180.0)
    included = {
        tx.tx_id
        for number in range(1, world.context.ledger.height + 1)
        for tx in world.context.ledger.get_block(number).transactions
    }
    assert ("seed/big-0/0" in included) == is_kept
    assert host.chain.mempool.knows("seed/big-0/0") == is_kept
    assert all(tx.tx_id != "seed/big-0/0" for tx in host.chain.mempool.select(10**9))


def test_a_host_that_lacks_a_block_for_a_block_time_fetches_it() -> None:
    """However it got lost: no link has opened, and no peer has told anything."""
    world = world_of({"kind": "crash", "at": "10 h"})
    chain = world.hosts["big-0"].chain
    take = chain.receive
    chain.receive = lambda block: block.height == 10 or take(block)  # type: ignore[method-assign]
    while world.context.ledger.height < 10:
        world.context.env.step()
    world.context.env.run(until=world.context.env.now + 2.0)
    assert chain.height == 9
    world.context.env.run(until=world.context.env.now + 10.0)
    assert chain.height == world.context.ledger.height > 10


@pytest.mark.parametrize("tier", TIERS)
def test_a_network_without_hosts_halts_and_says_so(tier: str) -> None:
    result = run({"kind": "crash", "at": "320 s"}, tier=tier)
    assert result.provenance["status"] == "halted"
    assert result.summary["warnings"] == [
        f"the chain halted after block {len(result.blocks)}, at {result.blocks['time_seconds'].max():g} s, and was "
        "given up: no round can end: votes of more than 2/3 of all power reach nobody for 168 s; epochs after it are "
        "missing"
    ]
    assert result.blocks["time_seconds"].max() < 321
    assert result.faults["n_hosts"].item() == len(FOUNDERS) + 1  # the newcomer has entered by then


def test_everybody_may_come_back() -> None:
    result = run({"kind": "crash", "at": "320 s", "lasts": "200 s"})
    assert result.provenance["status"] == "finished"
    assert between(result.blocks, "time_seconds", 321.0, 520.0).empty
    assert result.participants.query("epoch == 3")["weight"].sum() > 0


# Churn


def test_hosts_stay_and_go_for_exponential_times() -> None:
    """First three stays and absences of six hosts: sums of 18 exponentials have a gamma law; error level 1e-4 each."""
    mean_up, mean_down = 60.0, 15.0
    result = run({"kind": "churn", "mean_up": f"{mean_up} s", "mean_down": f"{mean_down} s"}, epochs=6)
    ups, downs = [], []
    for host in FOUNDERS:
        rows = result.faults[result.faults["target"] == host].head(3)
        assert rows["end_seconds"].notna().all()
        ups += list(rows["start_seconds"] - np.r_[0.0, rows["end_seconds"][:-1]])
        downs += list(rows["end_seconds"] - rows["start_seconds"])
    for times, mean in ((ups, mean_up), (downs, mean_down)):
        low, high = stats.gamma.ppf([5e-5, 1 - 5e-5], len(times), scale=mean)
        assert low < sum(times) < high


def test_churn_ends_and_everybody_is_back() -> None:
    result = run(
        {"kind": "churn", "at": "10 s", "lasts": "90 s", "hosts": "pair", "mean_up": "5 s", "mean_down": "20 s"}
    )
    assert set(result.faults["target"]) == {"pair-0", "pair-1"}
    assert result.faults["start_seconds"].min() > 10
    assert result.faults["end_seconds"].max() <= 100 + 1e-9
    assert (result.participants.query("epoch == 1 and host_group == 'pair'")["valid"] > 0).all()


# Partition


@pytest.mark.parametrize("tier", TIERS)
def test_a_minority_is_cut_off_and_catches_up(tier: str) -> None:
    lasts = AFTER_E2 - BEFORE_P2
    fault = {"kind": "partition", "at": f"{BEFORE_P2} s", "lasts": f"{lasts} s", "groups": ["pair"]}
    result = run(fault, tier=tier)
    during = between(result.transactions, "created_seconds", BEFORE_P2 + 1, AFTER_E2 - 1)
    assert during["n_reached"].max() == 4  # five hosts on the larger side
    assert not during["creator"].str.startswith("pair").any()  # they have not heard of P
    proposed = between(result.blocks, "timestamp_seconds", BEFORE_P2 + 1, AFTER_E2)
    assert len(proposed) > 5
    assert not proposed["proposer"].str.startswith("pair").any()
    cut_off = result.participants.query("host_group == 'pair' and epoch == 2")
    assert (cut_off["tried"] == 0).all()
    assert (result.participants.query("host_group == 'pair' and epoch == 3")["claimed_nonces"] > 0).any()
    assert (result.participants.query("host_group == 'big' and epoch == 2")["weight"] > 0).all()
    world = world_of(fault, tier=tier)
    world.context.env.run(until=AFTER_E2 - 1)
    assert world.hosts["pair-1"].chain.height < world.hosts["big-1"].chain.height - 2
    world.context.env.run(until=AFTER_E2 + 3)
    assert {host.chain.height for host in world.hosts.values()} == {world.context.ledger.height}


def test_what_was_missed_goes_on_to_whoever_stands_behind() -> None:
    """The second of two hosts in a row behind the cut gets blocks and transactions from the first, at once."""
    row = ("late-0", "big-1", "liar-0", "big-2", "big-0", "pair-0", "pair-1")
    links = [{"between": list(pair)} for pair in pairwise(row)]
    fault = {"kind": "partition", "at": "290 s", "lasts": "40 s", "groups": ["pair"]}
    topology = {"kind": "edges", "links": [{"between": ["late-0", "big-0"]}, *links]}
    world = world_of(fault, **{"network.topology": topology})
    world.context.catch_up._is_watching = True  # so that nobody looks for stragglers
    world.context.env.run(until=315.0)
    for host in world.hosts.values():
        host.chain.mempool.select = lambda max_bytes, tx_ids=None: ()  # type: ignore[method-assign]
    world.hosts["big-1"]._executor.do(CommitSeed(0))
    far = world.hosts["pair-1"].chain
    world.context.env.run(until=330.0)
    assert far.height < world.hosts["big-1"].chain.height - 2
    assert not far.mempool.knows("seed/big-1/0")
    world.context.env.run(until=331.5)
    assert far.height == world.hosts["big-1"].chain.height
    assert far.mempool.knows("seed/big-1/0")


@pytest.mark.parametrize("tier", TIERS)
def test_a_chain_without_two_thirds_halts_and_recovers(tier: str) -> None:
    groups = [["big-0", "pair-0"], ["big-1", "pair-1"]]  # under the cap of a quarter no side has 2/3
    result = run({"kind": "partition", "at": "320 s", "lasts": "300 s", "groups": groups}, tier=tier)
    assert between(result.blocks, "time_seconds", 326.0, 620.0).empty
    assert (result.blocks["time_seconds"] > 620.0).sum() > 50
    assert result.provenance["status"] == "finished"
    assert result.faults["target"].item() == "big-0, pair-0 | big-1, pair-1"


def test_sides_that_are_drawn_have_their_shares() -> None:
    """Of seven hosts 0.4 and 0.3 are 3 and 2; the other two stand on a side of their own."""
    result = run({"kind": "partition", "at": "320 s", "lasts": "1 s", "shares": [0.4, 0.3]})
    sides = [side.split(", ") for side in result.faults["target"].item().split(" | ")]
    assert [len(side) for side in sides] == [3, 2]
    assert len({host for side in sides for host in side}) == result.faults["n_hosts"].item() == 5


@pytest.mark.parametrize("tier", TIERS)
def test_what_a_minority_sends_is_taken_after_the_partition(tier: str) -> None:
    """From the middle of generation on: two batches a node go nowhere at first; those of the majority do."""
    late = {"protocol.poc_exchange_duration": 6}
    result = run({"kind": "partition", "at": "372 s", "lasts": "25 s", "groups": ["pair"]}, tier=tier, **late)
    sent = between(result.transactions.query("kind == 'SubmitProofBatch'"), "created_seconds", 374.0, 396.0)
    cut_off = sent[sent["creator"].str.startswith("pair")]
    assert len(cut_off) >= 2
    assert (cut_off["fate"] == "included").all()
    assert (cut_off["included_seconds"] > 397.0).all()
    assert sent[sent["creator"].str.startswith("big")]["included_seconds"].min() < 397.0


def test_a_partition_that_never_heals_ends_with_the_run() -> None:
    """The hosts that are cut off in the middle of generation would go on for ever."""
    result = run({"kind": "partition", "at": "372 s", "groups": ["pair"]})
    assert result.provenance["status"] == "finished"
    assert math.isnan(result.faults["end_seconds"].item())
    rows = result.ml_nodes[(result.ml_nodes["epoch"] == 2) & result.ml_nodes["participant"].str.startswith("pair")]
    assert (rows["end_seconds"].dropna() > 600).all()


# Links


@pytest.mark.parametrize("tier", TIERS)
def test_three_times_the_latency_is_three_times_the_delay(tier: str) -> None:
    """But for the time on the wire, which is a few per cent at most."""
    usual, slow = run(tier=tier), run({"kind": "latency", "at": "0 s", "factor": 3}, tier=tier)
    ratio = slow.epochs["gossip_delay_median_seconds"] / usual.epochs["gossip_delay_median_seconds"]
    assert ((ratio > 2.9) & (ratio <= 3.0)).all()


def test_a_burst_of_losses_delays_what_is_sent_during_it() -> None:
    burst = {"kind": "loss", "at": "300 s", "lasts": "250 s", "probability": 0.5}
    usual, lossy = run(), run(burst)
    ratio = lossy.epochs["gossip_delay_median_seconds"] / usual.epochs["gossip_delay_median_seconds"]
    assert ratio[1] > 1.5
    before = lossy.transactions["created_seconds"] < 290.0
    assert lossy.transactions[before].equals(usual.transactions[usual.transactions["created_seconds"] < 290.0])
    assert run(burst, tier="auto").provenance["network"]["tier"] == "events"


@pytest.mark.parametrize("tier", TIERS)
def test_less_bandwidth_makes_blocks_slower(tier: str) -> None:
    usual, slow = run(tier=tier), run({"kind": "bandwidth", "at": "0 s", "factor": 0.01}, tier=tier)
    assert slow.blocks["delay_max_seconds"].median() > 1.2 * usual.blocks["delay_max_seconds"].median()


# ML nodes


def test_a_failed_ml_node_produces_nothing_and_leaves_validation_to_the_others() -> None:
    short = {"protocol.validation_sample_size": 4}
    usual, result = run(**short), run({"kind": "ml_node", "at": "0 s", "hosts": "pair", "node": 2}, **short)
    rows = result.ml_nodes[result.ml_nodes["participant"].str.startswith("pair") & ~result.ml_nodes["is_preserved"]]
    assert (rows.loc[rows["node_id"] == 2, "tried"] == 0).all()
    assert (rows.loc[rows["node_id"] == 1, "tried"] > 0).all()
    mine, theirs = (
        frame.query("validator == 'pair-0' and epoch == 1 and vote != 'out of time'")["seconds"]
        for frame in (result.validations, usual.validations)
    )
    assert len(mine) == len(theirs) > 3
    assert mine.max() > theirs.max()  # the other node alone takes longer


def test_a_host_whose_ml_nodes_have_all_failed_checks_nobody_but_stays_a_member() -> None:
    result = run({"kind": "ml_node", "at": "0 s", "hosts": "pair-0"})
    assert result.validations.query("validator == 'pair-0'").empty
    assert (result.ml_nodes.query("participant == 'pair-0'")["tried"] == 0).all()
    assert "pair-0" in set(result.blocks["proposer"])


@pytest.mark.parametrize("node", [None, 2])
def test_ml_nodes_that_fail_during_validation_leave_it_to_the_others_or_let_it_wait(node: int | None) -> None:
    """A participant every four seconds; the one that is being checked when they fail is finished as it began."""
    sample = {"protocol.validation_sample_size": 8}
    usual = verdict_times(run(**sample))
    step = usual[1] - usual[0]
    fault = {"kind": "ml_node", "at": f"{usual[1] + 1} s", "lasts": "20 s", "hosts": "pair-0", "node": node}
    result = run(fault, **sample)
    found = verdict_times(result)
    assert found[:3] == usual[:3]
    if node is None:
        assert found[3] == pytest.approx(usual[1] + 1 + 20 + step)
    else:
        rate = result.ml_nodes.query("participant == 'pair-0' and node_id == 1")["nonces_per_second"].iloc[0]
        assert found[3] == pytest.approx(usual[2] + 8 / rate)
        assert 8 / rate > step


def verdict_times(result: Result) -> list[float]:
    votes = result.validations.query("validator == 'pair-0' and epoch == 1 and vote != 'out of time'")
    return sorted(votes["seconds"])


def test_whoever_hears_of_a_whole_validation_at_once_does_not_begin_it() -> None:
    """Cut off from before V until after VE of epoch 1, which it generated for."""
    result = run({"kind": "partition", "at": "225 s", "lasts": "60 s", "groups": ["pair-0"]})
    assert result.ml_nodes.query("participant == 'pair-0' and epoch == 1")["tried"].sum() > 0
    assert result.validations.query("validator == 'pair-0' and epoch == 1").empty
    assert not result.validations.query("validator == 'pair-1' and epoch == 1").empty


def test_an_ml_node_that_is_repaired_in_time_goes_on_without_trying_a_nonce_twice() -> None:
    """Fails 3 s into its work in epoch 2 and is repaired at once: another start-up, the same numbers, none twice."""
    usual = run()
    (started,) = usual.ml_nodes.query("participant == 'big-1' and epoch == 2")["start_seconds"]
    result = run({"kind": "ml_node", "at": f"{started + 3} s", "lasts": "1 s", "hosts": "big-1"})
    (row,) = result.ml_nodes.query("participant == 'big-1' and epoch == 2").itertuples()
    (before,) = usual.ml_nodes.query("participant == 'big-1' and epoch == 2").itertuples()
    assert row.start_seconds == before.start_seconds
    assert row.end_seconds == pytest.approx(before.end_seconds, abs=0.01)  # blocks are smaller
    lost = (before.tried - row.tried) / row.nonces_per_second
    assert 1.0 + 3.4 - 1.0 < lost < 1.0 + 3.4 + 5.8 + 1.0  # the failure, up to a block of waiting, the start-up
    assert row.unsent > before.unsent - 2
    claimed = result.participants.query("participant == 'big-1' and epoch == 2")
    assert (claimed["distinct_nonces"] == claimed["claimed_nonces"]).all()


# Clocks


@pytest.mark.parametrize("seconds", [-2.0, 3.0])
def test_a_wrong_clock_shifts_the_timestamps_of_its_hosts_blocks_and_nothing_else(seconds: float) -> None:
    usual, skewed = run(), run({"kind": "clock_skew", "at": "0 s", "hosts": "big-1", "offset": f"{seconds} s"})
    shift = skewed.blocks["timestamp_seconds"] - usual.blocks["timestamp_seconds"]
    is_mine = usual.blocks["proposer"] == "big-1"
    assert is_mine.sum() > 20
    assert np.allclose(shift[is_mine], seconds)
    assert (shift[~is_mine] == 0).all()
    assert skewed.blocks.drop(columns="timestamp_seconds").equals(usual.blocks.drop(columns="timestamp_seconds"))
    assert skewed.transactions.equals(usual.transactions)


def test_time_does_not_go_back_however_wrong_a_clock_is_and_skews_add_up_and_end() -> None:
    result = run(
        {"kind": "clock_skew", "at": "100 s", "lasts": "200 s", "hosts": "big-1", "offset": "20 s"},
        {"kind": "clock_skew", "at": "150 s", "lasts": "50 s", "hosts": "big", "offset": "10 s"},
    )
    blocks = result.blocks
    assert (np.diff(blocks["timestamp_seconds"]) >= 0.001 - 1e-9).all()
    ahead = blocks["timestamp_seconds"] - run().blocks["timestamp_seconds"]
    mine = blocks["proposer"] == "big-1"
    assert np.allclose(ahead[mine & blocks["time_seconds"].between(101, 149)], 20.0)
    assert np.allclose(ahead[mine & blocks["time_seconds"].between(152, 199)], 30.0)
    assert (ahead[blocks["time_seconds"] > 340] == 0).all()


# Rows


def test_every_fault_is_a_row_with_its_times() -> None:
    result = run(
        {"kind": "clock_skew", "at": "200 s", "lasts": "10 s", "share": 0.5, "offset": "1 s"},
        {"kind": "crash", "at": "100 s", "hosts": "liar-0"},
        {"kind": "latency", "at": "50 s", "lasts": "50 s", "factor": 2, "hosts": "big", "to": ["pair-0", "liar"]},
        {"kind": "crash", "at": "10 h", "share": 0.5, "hosts": "EUROPE"},
    )
    rows = result.faults
    assert rows["fault"].tolist() == [2, 1, 0, 3]
    assert rows["kind"].tolist() == ["latency", "crash", "clock_skew", "crash"]
    assert rows["n_hosts"].tolist() == [3, 1, 3, 0]
    assert rows["target"][0] == "big to pair-0, liar"
    assert len(set(rows["target"][2].split(", ")) & set(FOUNDERS)) == 3
    assert rows["target"][3] == "0.5 of EUROPE"
    assert rows["value"].fillna(-1).tolist() == [2.0, -1, 1.0, -1]
    assert rows["start_seconds"].fillna(-1).tolist() == [50.0, 100.0, 200.0, -1]
    assert rows["end_seconds"].fillna(-1).tolist() == [100.0, -1, 210.0, -1]
    assert rows["planned_seconds"].tolist() == [50.0, 100.0, 200.0, 36000.0]
    warning = "the run ended before fault 3 (crash of 0.5 of EUROPE), planned at 36000 s"
    assert result.summary["warnings"] == [warning]


# Determinism


@pytest.mark.parametrize("tier", TIERS)
def test_the_same_seed_gives_the_same_faults(tier: str) -> None:
    churn = {"kind": "churn", "mean_up": "100 s", "mean_down": "20 s"}
    overrides = {"work.kind": "sphere", "network.tier": tier, "faults": [churn]}
    first, again = (sim.run(SMALL, overrides=overrides).provenance["trace_hash"] for _ in range(2))
    other = sim.run(SMALL, overrides={**overrides, "seed": 8})
    assert first == again
    assert other.faults["start_seconds"].tolist() != run(churn, tier=tier).faults["start_seconds"].tolist()


@pytest.mark.parametrize("tier", TIERS)
def test_a_fault_that_never_begins_changes_nothing(tier: str) -> None:
    """Streams included: whatever is drawn elsewhere stays as it was."""
    usual, planned = run(tier=tier), run({"kind": "crash", "at": "10 h", "share": 0.5}, tier=tier)
    for name, frame in usual.frames.items():
        assert name == "faults" or planned.frames[name].equals(frame), name


# Any faults

AT = st.floats(0.0, 500.0).map(lambda seconds: f"{seconds:.2f} s")
LASTS = st.floats(1.0, 120.0).map(lambda seconds: f"{seconds:.2f} s")
WHO = st.sampled_from(["big-0", "big", "pair", "EUROPE", "late", "liar"])


def faults_of(kind: str, **fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"kind": st.just(kind), "at": AT, **fields}, optional={"lasts": LASTS})


ANY_FAULT = st.one_of(
    faults_of("crash", share=st.sampled_from([0.2, 1.0])),
    faults_of("churn", hosts=WHO, mean_up=LASTS, mean_down=LASTS),
    faults_of("partition", shares=st.sampled_from([[0.3], [0.5, 0.5]])),
    faults_of("latency", hosts=WHO, factor=st.sampled_from([0.1, 40.0])),
    faults_of("bandwidth", hosts=WHO, factor=st.sampled_from([0.0001, 3.0])),
    faults_of("ml_node", hosts=WHO, share=st.sampled_from([0.5, 1.0])),
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ANY_FAULT, min_size=1, max_size=4), st.sampled_from(TIERS))
def test_any_faults_leave_a_run_that_ends_and_adds_up(faults: list[dict[str, Any]], tier: str) -> None:
    result = sim.run(SMALL, overrides={"work.kind": "sphere", "network.tier": tier, "faults": faults, "epochs": 2})
    blocks, rows = result.blocks, result.faults
    assert result.provenance["status"] in ("finished", "halted")
    assert (result.provenance["status"] == "finished") == (len(blocks) == 89)
    assert blocks["height"].tolist() == list(range(1, len(blocks) + 1))
    assert (np.diff(blocks["time_seconds"]) > 0).all()
    assert result.transactions["tx_id"].is_unique
    assert not result.ml_nodes.duplicated(["epoch", "participant", "node_id"]).any()
    begun = rows[rows["start_seconds"].notna()]
    assert (begun["end_seconds"].fillna(math.inf) >= begun["start_seconds"]).all()
    assert len(rows[rows["kind"] != "churn"]) == sum(fault["kind"] != "churn" for fault in faults)
    for row in begun[begun["kind"].isin(["crash", "churn"]) & ~begun["target"].isin(["everybody"])].itertuples():
        end = math.inf if math.isnan(row.end_seconds) else row.end_seconds
        for host in row.target.split(", "):
            sent = between(
                result.transactions[result.transactions["creator"] == host], "created_seconds", row.start_seconds, end
            )
            proposed = between(blocks[blocks["proposer"] == host], "timestamp_seconds", row.start_seconds, end)
            assert sent.empty
            assert proposed.empty
