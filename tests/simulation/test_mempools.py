"""Which transactions a proposer takes: by arrival or by fee, for so long as they may wait."""

from collections.abc import Sized

import networkx as nx
import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

import sim
from sim.chain.ledger import Ledger
from sim.chain.mempool import HostMempool, MempoolRules
from sim.chain.pool import SharedPool
from sim.metrics.recorder import Recorder
from sim.network.paths import PathsNetwork
from sim.protocol.blocks.params import EpochParams, ProtocolParams
from sim.protocol.blocks.state import Block, genesis_state
from sim.protocol.consensus.transactions import ClaimReward, SubmitSeed, Transaction
from sim.protocol.versions import LAUNCH, build_rule_book
from sim.results import Result
from sim.scenario.schema import NetworkConfig


def claim(name: str, who: str = "a") -> ClaimReward:
    return ClaimReward(name, who, 1, 2)


def seed(name: str, who: str = "a") -> SubmitSeed:
    return SubmitSeed(name, who, 1, "commitment")


def block(height: int, *transactions: Transaction) -> Block:
    return Block(height, f"HASH{height}", "a", 5.0 * height, transactions)


def new_ledger() -> Ledger:
    params = ProtocolParams(rule_book=build_rule_book("v0.2.0", {}, {}), epoch=EpochParams(), vector_dim=8196)
    genesis = genesis_state({"a": 1}, params, LAUNCH.r_target, [])
    return Ledger(genesis, params, lambda control, observed: (control, 1.0))


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
    mempool = HostMempool(None, "a", MempoolRules(ttl_blocks=2), new_ledger())  # type: ignore[arg-type]
    mempool.add(claim("old"))
    mempool.remove(block(1))
    mempool.add(claim("new"))
    assert [each.tx_id for each in mempool.select(10**6)] == ["old", "new"]
    mempool.remove(block(2))
    assert [each.tx_id for each in mempool.select(10**6)] == ["new"]


def test_a_copy_that_comes_after_its_block_is_not_taken_and_nothing_grows_with_the_chain() -> None:
    ledger = new_ledger()
    mempool = HostMempool(None, "a", MempoolRules(), ledger)  # type: ignore[arg-type]
    mempool.add(claim("early"))
    for height in range(1, 301):
        agreed = block(height, claim(f"copy {height}"), *([claim("early")] if height == 1 else []))
        ledger.append(agreed, {})
        mempool.remove(agreed)
    for late in ("early", "copy 1", "copy 300"):
        mempool.add(claim(late))
        assert mempool.knows(late)
    assert mempool.select(10**6) == ()
    assert max(len(held) for held in vars(mempool).values() if isinstance(held, Sized)) <= len("a")


def test_a_host_that_is_behind_keeps_what_later_blocks_contain() -> None:
    """It judges by the blocks that it has applied, not by those that are agreed."""
    ledger = new_ledger()
    mempool = HostMempool(None, "a", MempoolRules(), ledger)  # type: ignore[arg-type]
    ledger.append(block(1, claim("x")), {})
    mempool.add(claim("x"))
    assert [each.tx_id for each in mempool.select(10**6)] == ["x"]
    mempool.remove(ledger.get_block(1))
    mempool.add(claim("x"))
    assert mempool.select(10**6) == ()


def test_the_shared_pool_forgets_a_whole_block_whichever_of_its_transactions_were_lost() -> None:
    env, graph = simpy.Environment(), nx.DiGraph()
    for a, b in (("a", "b"), ("b", "a")):
        graph.add_edge(a, b, latency_seconds=1.0, bandwidth_bits_per_second=1e12)
    network = PathsNetwork(env, graph, Recorder(), NetworkConfig())
    for address in graph:
        network.join(address, lambda _: None)
    ledger = new_ledger()
    pool = SharedPool(env, network, ledger, MempoolRules())
    pool.submit("b", claim("old", "b"))
    env.run(until=5.0)
    pool.submit("a", claim("fresh", "a"))
    agreed = block(1, claim("fresh", "a"), claim("old", "b"))
    pool.lose("a")  # it crashes before its transaction has reached b; its block was proposed
    ledger.append(agreed, {})
    pool.remove("a", agreed)
    pool.remove("b", agreed)  # a second host applies it
    assert pool.select("b", 10**6) == ()
    assert pool.knows("old")


@pytest.mark.parametrize("tier", ["events", "paths"])
def test_a_mempool_that_never_forgets_makes_the_chain_refuse_replays(
    tier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks then hold transactions again and again; nothing is counted or paid twice, and the result can be built."""
    usual = _run(**{"network.tier": tier})
    monkeypatch.setattr(HostMempool if tier == "events" else SharedPool, "remove", lambda self, *block: None)
    result = _run(**{"network.tier": tier})
    assert result.blocks["n_transactions"].sum() > 2 * usual.blocks["n_transactions"].sum()
    assert result.transactions["tx_id"].is_unique
    assert (result.transactions["result"] != "replayed").all()
    assert (result.participants["claimed_nonces"] == result.participants["distinct_nonces"]).all()
    claims = result.payments.query("kind == 'claim'")
    assert not claims.duplicated(["epoch", "participant"]).any()


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
    pool = SharedPool(env, network, new_ledger(), MempoolRules())
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
