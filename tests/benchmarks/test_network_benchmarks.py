"""The network beside its limits, in one run (`make bench`): ratios are asserted, seconds are printed."""

import time
from collections.abc import Callable

import networkx as nx
import pytest
import simpy
from scipy.sparse.csgraph import dijkstra

from sim.metrics.recorder import Recorder
from sim.network.base import Message, Network
from sim.network.gossip import GossipNetwork
from sim.network.paths import PathsNetwork
from sim.scenario.schema import NetworkConfig
from sim.streams import Streams
from sim.topologies import topologies
from sim.topologies.base import Member

pytestmark = pytest.mark.benchmark
DEGREE, BYTES = 8, 1000
N_SOURCES, N_REPEATS, N_FLOODS = 30, 100, 5
LEAST_EVENTS_SHARE, MOST_DIJKSTRAS, MOST_REPEAT_SECONDS, LEAST_SPEED_UP = 0.5, 1.5, 1e-4, 100


def best(works: list[Callable[[], object]]) -> float:
    """Seconds of the fastest."""
    seconds = []
    for work in works:
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def make_graph(kind: str, n: int) -> nx.DiGraph:
    members = [Member(f"h{i}", ("NORTH_AMERICA", "EUROPE")[i % 2]) for i in range(n)]
    return topologies.build(kind).build(members, Streams(1))


def join_all(network: Network, graph: nx.DiGraph) -> None:
    for address in graph:
        network.join(address, lambda payload: None)


def flood(graph: nx.DiGraph) -> Callable[[], None]:
    """One message over every hop, to the last event; the network is built before the clock runs."""
    env = simpy.Environment()
    network = GossipNetwork(env, graph, Recorder(), NetworkConfig(), Streams(1))
    join_all(network, graph)

    def work() -> None:
        network.broadcast(Message("m", "h0", None, BYTES))
        env.run()

    return work


def count(n_events: int) -> Callable[[], None]:
    """As many bare SimPy timeouts with a callback."""

    def work() -> None:
        env = simpy.Environment()
        for event in range(n_events):
            env.timeout(event * 1e-6).callbacks.append(lambda _: None)
        env.run()

    return work


@pytest.mark.parametrize("n", [1000, 10_000])
def test_tiers_beside_simpy_and_dijkstra(n: int) -> None:
    graph = make_graph("random_regular", n)
    n_hops = graph.number_of_edges() - n + 1
    bare, events = best([count(n_hops)] * N_FLOODS), best([flood(graph) for _ in range(N_FLOODS)])

    env = simpy.Environment()
    network = PathsNetwork(env, graph, Recorder(), NetworkConfig(tier="paths"))
    join_all(network, graph)
    network.record("warm", "h0", BYTES)
    matrix = network.routes.weigh(BYTES).copy()
    raw = best([lambda i=i: dijkstra(matrix, indices=i) for i in range(1, N_SOURCES)])
    paths = best([lambda i=i: network.record(f"m{i}", f"h{i}", BYTES) for i in range(1, N_SOURCES)])
    repeat = best([lambda i=i: network.record(f"r{i}", "h1", BYTES) for i in range(N_REPEATS)])

    print(f"\n{n} hosts of degree {DEGREE}, a message of {BYTES} B             seconds  messages/s  ratio")
    rows = [
        (f"SimPy: {n_hops} timeouts with a callback", bare, 1.0),
        ("events: one flood to its last hop", events, bare / events),
        ("scipy: one row of Dijkstra", raw, 1.0),
        ("paths: a message from a new origin, arrivals", paths, paths / raw),
        ("paths: from the same origin again, arrivals", repeat, repeat / raw),
    ]
    for name, seconds, ratio in rows:
        print(f"  {name:<48} {seconds:10.6f} {1 / seconds:11.1f} {ratio:6.2f}")
    print(f"  events / paths: {events / paths:.0f}")
    assert bare / events >= LEAST_EVENTS_SHARE
    assert repeat <= MOST_REPEAT_SECONDS
    if n == 10_000:
        assert paths / raw <= MOST_DIJKSTRAS
        assert events / paths >= LEAST_SPEED_UP


@pytest.mark.parametrize("kind", ["regions", "random_regular", "small_world", "scale_free"])
def test_ten_thousand_hosts_are_built_in_seconds(kind: str) -> None:
    """Ten times the hosts take about ten times as long: nothing in it is quadratic."""
    small, large = (best([lambda n=n: make_graph(kind, n)] * 2) for n in (1000, 10_000))
    print(f"\n{kind}: 1000 hosts {small:.2f} s, 10 000 hosts {large:.2f} s, ratio {large / small:.1f}")
    assert large / small <= 20
