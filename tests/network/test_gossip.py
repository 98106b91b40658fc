"""Gossip hop by hop, against shortest paths and by hand."""

import networkx as nx
import numpy as np
import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.metrics.recorder import Recorder
from sim.network.gossip import Network

FAST = 1e15  # bit/s: a link without load


def graph_of(edges: list[tuple[str, str, float]], bandwidth: float = FAST) -> nx.DiGraph:
    graph = nx.DiGraph()
    for a, b, latency in edges:
        for sender, receiver in ((a, b), (b, a)):
            graph.add_edge(sender, receiver, latency_seconds=latency, bandwidth_bits_per_second=bandwidth)
    return graph


class Listeners:
    """Every host joined, its arrivals kept."""

    def __init__(self, graph: nx.DiGraph, absent: tuple[str, ...] = ()) -> None:
        self.env = simpy.Environment()
        self.recorder = Recorder()
        self.network = Network(self.env, graph, self.recorder)
        self.arrivals: dict[str, list[tuple[float, object]]] = {}
        for address in graph:
            if address not in absent:
                self.arrivals[address] = []
                self.network.join(address, self._handler(address))

    def _handler(self, address: str):
        return lambda payload: self.arrivals[address].append((self.env.now, payload))

    def times(self) -> dict[str, float]:
        return {address: rows[0][0] for address, rows in self.arrivals.items() if rows}


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 14), st.integers(0, 10**6), st.floats(0.0, 1.0))
def test_arrivals_are_shortest_paths_on_a_load_free_graph(n: int, seed: int, density: float) -> None:
    generator = np.random.default_rng(seed)
    edges = [(str(i), str(generator.integers(i)), float(generator.uniform(0.01, 1))) for i in range(1, n)]
    extra = [
        (str(i), str(j), float(generator.uniform(0.01, 1)))
        for i in range(n)
        for j in range(i)
        if generator.random() < density
    ]
    graph = graph_of(edges + extra)
    listeners = Listeners(graph)
    listeners.network.broadcast("0", "m", "payload", 100)
    listeners.env.run()
    expected = nx.single_source_dijkstra_path_length(graph, "0", weight="latency_seconds")
    assert {**listeners.times(), "0": 0.0} == pytest.approx(expected, abs=1e-9)


def test_everybody_receives_exactly_once_and_not_the_origin() -> None:
    listeners = Listeners(graph_of([("a", "b", 1), ("b", "c", 1), ("c", "a", 1), ("c", "d", 1)]))
    listeners.network.broadcast("a", "m", "payload", 100)
    listeners.env.run()
    assert {address: len(rows) for address, rows in listeners.arrivals.items()} == {"a": 0, "b": 1, "c": 1, "d": 1}
    assert list(listeners.recorder.delays_seconds["m"]) == pytest.approx([1.0, 1.0, 2.0])


def test_uploads_queue_first_in_first_out() -> None:
    """1 MB over 8 Mbit/s is one second of upload; a star's centre serves its leaves one after the other."""
    listeners = Listeners(graph_of([("hub", "x", 0.5), ("hub", "y", 0.5)], bandwidth=8e6))
    listeners.network.broadcast("hub", "first", 1, 1_000_000)
    listeners.network.broadcast("hub", "second", 2, 1_000_000)
    listeners.env.run()
    assert [time for time, _ in listeners.arrivals["x"]] == [1.5, 3.5]
    assert [time for time, _ in listeners.arrivals["y"]] == [2.5, 4.5]


def test_hosts_that_have_not_joined_neither_receive_nor_relay() -> None:
    listeners = Listeners(graph_of([("a", "b", 1), ("b", "c", 1)]), absent=("b",))
    listeners.network.broadcast("a", "m", "payload", 100)
    listeners.env.run()
    assert listeners.times() == {}


def test_a_host_outside_the_topology_cannot_join() -> None:
    listeners = Listeners(graph_of([("a", "b", 1)]))
    with pytest.raises(ValueError, match="host 'z' is not a node"):
        listeners.network.join("z", print)
