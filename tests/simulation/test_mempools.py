"""Which transactions a proposer takes: by arrival or by fee, for so long as they may wait."""

import networkx as nx
import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

import sim
from sim.chain.mempool import HostMempool, MempoolRules
from sim.chain.pool import SharedPool
from sim.metrics.recorder import Recorder
from sim.network.paths import PathsNetwork
from sim.protocol.transactions import ClaimReward, SubmitSeed
from sim.results import Result
from sim.scenario import NetworkConfig


def claim(name: str, who: str = "a") -> ClaimReward:
    return ClaimReward(name, who, 1, 2)


def seed(name: str, who: str = "a") -> SubmitSeed:
    return SubmitSeed(name, who, 1, "commitment")


def test_first_come_until_one_does_not_fit() -> None:
    arrived = [claim("x"), seed("y"), claim("z")]
    room = arrived[0].size_bytes + arrived[1].size_bytes - 1
    assert MempoolRules().select(arrived, room) == (arrived[0],)  # z would fit: the order comes first
    assert MempoolRules().select(arrived, room + 1) == (arrived[0], arrived[1])
    assert MempoolRules().select(arrived, 10**6) == tuple(arrived)


def test_the_highest_fee_per_byte_first() -> None:
    rules = MempoolRules({"poor": 0, "rich": 1000, "rich too": 1000})
    arrived = [claim("1", "poor"), seed("2", "rich"), claim("3", "rich too"), claim("4", "rich"), claim("5", "nobody")]
    assert [each.tx_id for each in rules.select(arrived, 10**6)] == ["3", "4", "2", "1", "5"]


def test_a_host_drops_what_has_waited_too_long() -> None:
    mempool = HostMempool(None, "a", MempoolRules(ttl_blocks=2))  # type: ignore[arg-type]
    mempool.add(claim("old"))
    mempool.remove(())
    mempool.add(claim("new"))
    assert [each.tx_id for each in mempool.select(10**6)] == ["old", "new"]
    mempool.remove(())
    assert [each.tx_id for each in mempool.select(10**6)] == ["new"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 2)), max_size=30), st.integers(0, 60), st.integers(0, 12))
def test_the_shared_pool_is_what_has_arrived(sent: list[tuple[int, int]], now: int, n_fit: int) -> None:
    """Against a list of all arrivals: three hosts in a line, 10 s apart."""
    env, graph = simpy.Environment(), nx.DiGraph()
    for a, b in (("0", "1"), ("1", "0"), ("1", "2"), ("2", "1")):
        graph.add_edge(a, b, latency_seconds=10.0, bandwidth_bits_per_second=1e12)
    network = PathsNetwork(env, graph, Recorder(), NetworkConfig())
    for address in graph:
        network.join(address, lambda _: None)
    pool = SharedPool(env, network, _Height(), MempoolRules())  # type: ignore[arg-type]
    expected = []
    for number, (at, who) in enumerate(sorted(sent)):
        if at > now:
            break
        env.run(until=at) if at > env.now else None
        pool.submit(str(who), claim(str(number)))
        arrives = at + who * (10 + 1e-6)  # at host 0; the size takes nanoseconds
        if arrives <= now:
            expected.append((arrives, number))
    if now > env.now:
        env.run(until=now)
    size = claim("0").size_bytes
    taken = [int(each.tx_id) for each in pool.select("0", n_fit * size)]
    assert taken == [number for _, number in sorted(expected)][:n_fit]


class _Height:
    height = 0


def _run(**overrides: object) -> Result:
    return sim.run("tests/data/small.yaml", overrides={"work.kind": "sphere", "epochs": 2, **overrides})


@pytest.mark.parametrize("tier", ["events", "paths"])
def test_fees_buy_a_place_in_full_blocks(tier: str) -> None:
    """A block takes two seeds only: with equal fees the payer waits like all others, with a fee it comes first."""
    full = {"network.tier": tier, "protocol.block_max_bytes": "3 kB", "hosts.pair.fee_ngonka": 100}
    for order, is_first in (("first_come", False), ("fee", True)):
        frame = _run(**full, **{"mempool.order": order}).transactions
        seeds = frame[frame["kind"] == "SubmitSeed"].dropna(subset="height")
        first = seeds[seeds["height"] == seeds["height"].min()]
        assert (set(first["creator"]) == {"pair-0", "pair-1"}) == is_first


@pytest.mark.parametrize("tier", ["events", "paths"])
def test_what_waits_too_long_expires(tier: str) -> None:
    full = {"network.tier": tier, "protocol.block_max_bytes": "3 kB"}
    assert "expired" not in set(_run(**full).transactions["fate"])
    frame = _run(**full, **{"mempool.ttl_blocks": 2}).transactions
    assert (frame["fate"] == "expired").any()
    waited = frame.dropna(subset="height")["inclusion_delay_seconds"]
    assert waited.max() < 3 * 7.0  # three blocks of at most 7 s


@pytest.mark.parametrize("tier", ["events", "paths"])
def test_what_no_block_can_hold_is_refused_and_blocks_nobody(tier: str) -> None:
    """Blocks with room for one seed or vote and for no batch: seeds and votes go on, and the result says why."""
    result = _run(**{"network.tier": tier, "protocol.block_max_bytes": "2480 B"})
    sent = result.transactions
    refused = sent[sent["fate"] == "refused"]
    assert set(refused["kind"]) == {"SubmitProofBatch"}
    assert refused["size_bytes"].min() > 480 >= sent.loc[sent["fate"] != "refused", "size_bytes"].max()
    assert refused["result"].isna().all()
    assert (refused["n_reached"] == 0).all()
    assert (sent.loc[sent["kind"] == "SubmitSeed", "fate"] == "included").all()
    assert any("larger than what a block takes" in warning for warning in result.summary["warnings"])
