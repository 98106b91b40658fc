"""A message from one host to one host: by the formula, in both tiers, and what stops it."""

import math
from itertools import pairwise
from typing import Any

import networkx as nx
import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st

from sim.metrics.recorder import Recorder
from sim.network.base import Network
from sim.network.conditions import Disturbance
from sim.network.opening import open_network
from sim.network.tier import TierChoice
from sim.scenario.schema import NetworkConfig
from sim.streams import Streams

TIERS = ("events", "paths")


def link(graph: nx.DiGraph, a: str, b: str, latency: float, bandwidth: float) -> None:
    for sender, receiver in ((a, b), (b, a)):
        graph.add_edge(sender, receiver, latency_seconds=latency, bandwidth_bits_per_second=bandwidth)


def triangle() -> nx.DiGraph:
    """From a to c: directly in 1 s over 8 kbit/s, or over b in 2 s, over 8 Mbit/s."""
    graph = nx.DiGraph()
    link(graph, "a", "c", 1.0, 8e3)
    link(graph, "a", "b", 1.0, 8e6)
    link(graph, "b", "c", 1.0, 8e6)
    return graph


class Post:
    """Every host joined; times of arrival by name of the message."""

    def __init__(self, tier: str, graph: nx.DiGraph, absent: str = "", **config: Any) -> None:
        self.env = simpy.Environment()
        rules = NetworkConfig.model_validate({"tier": tier, **config})
        choice = TierChoice(tier, tier, "named")
        self.network: Network = open_network(choice, self.env, graph, Recorder(), rules, Streams(1)).network
        for address in graph:
            if address != absent:
                self.network.join(address, lambda payload: None)
        self.arrivals: dict[str, float] = {}

    def send(self, seconds: float, sender: str, receiver: str, size: int, name: str = "m") -> None:
        def start(_: simpy.Event) -> None:
            self.network.send(sender, receiver, size, lambda: self.arrivals.update({name: self.env.now}))

        self.env.timeout(seconds).callbacks.append(start)

    def hold(self, start: float, end: float, disturbance: Disturbance) -> None:
        self.env.timeout(start).callbacks.append(lambda _: self.network.roster.disturb(start, disturbance))
        self.env.timeout(end).callbacks.append(lambda _: self.network.roster.relieve(start))


@pytest.mark.parametrize("tier", TIERS)
def test_latency_and_size_over_bandwidth_by_the_way_that_suits_the_size(tier: str) -> None:
    post = Post(tier, triangle(), hop_validation="250 ms")
    post.send(0.0, "a", "c", 100, "small")  # 1 + 0.1 s on the direct link
    post.send(100.0, "a", "c", 1_000_000, "large")  # 1 + 1 s on each of two links
    post.env.run()
    assert post.arrivals == pytest.approx({"small": 1.1 + 0.25, "large": 100.0 + 4.0 + 2 * 0.25})


@given(st.data())
def test_the_shortest_path_takes_what_networkx_says(data: st.DataObject) -> None:
    """Where no upload waits."""
    n = data.draw(st.integers(2, 8))
    graph = nx.DiGraph()
    pairs = [(i, data.draw(st.integers(0, i - 1))) for i in range(1, n)]
    pairs += data.draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda p: p[0] != p[1])))
    for a, b in pairs:
        link(graph, str(a), str(b), data.draw(st.floats(0.001, 1.0)), data.draw(st.floats(1e3, 1e9)))
    nx.set_node_attributes(graph, math.inf, "upload_bits_per_second")
    size, target = data.draw(st.integers(1, 10**6)), str(data.draw(st.integers(1, n - 1)))
    for _, _, edge in graph.edges(data=True):
        edge["seconds"] = edge["latency_seconds"] + 8 * size / edge["bandwidth_bits_per_second"]
    expected = nx.shortest_path_length(graph, "0", target, weight="seconds")
    for tier in TIERS:
        post = Post(tier, graph)
        post.send(0.0, "0", target, size)
        post.env.run()
        assert post.arrivals["m"] == pytest.approx(expected, rel=1e-9)


def test_messages_wait_for_the_uplink_where_uploads_queue() -> None:
    """1 MB takes the uplink for a second; the second message to another host leaves when the first is through."""
    graph = nx.DiGraph()
    link(graph, "hub", "x", 0.5, 8e6)
    link(graph, "hub", "y", 0.5, 8e6)
    for tier, second in (("events", 2.5), ("paths", 1.5)):
        post = Post(tier, graph)
        post.send(0.0, "hub", "x", 1_000_000, "first")
        post.send(0.0, "hub", "y", 1_000_000, "second")
        post.env.run()
        assert post.arrivals == pytest.approx({"first": 1.5, "second": second})


def test_a_lost_transfer_is_repeated_after_its_timeout() -> None:
    """The loss lasts until 2.5 s; uploads that begin before are lost, at 0, 1 and 2 s."""
    graph = nx.DiGraph()
    link(graph, "a", "b", 0.5, 8e9)
    post = Post("events", graph, retry_timeout="1 s")
    both = frozenset("ab")
    post.hold(0.0, 2.5, Disturbance(ends=(both, both), loss=1.0))
    post.send(0.0, "a", "b", 1000)
    post.env.run()
    assert post.arrivals == pytest.approx({"m": 3.5}, abs=1e-5)


def row(*hosts: str) -> nx.DiGraph:
    graph = nx.DiGraph()
    for a, b in pairwise(hosts):
        link(graph, a, b, 1.0, 8e12)
    return graph


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize(
    ("fault", "start"),
    [
        (Disturbance(down=frozenset("c")), 1.5),  # the receiver crashes
        (Disturbance(down=frozenset("b")), 0.5),  # the host between them does
        (Disturbance(sides={"c": 0}), 1.5),  # the link is cut while the message is on it
        (Disturbance(sides={"c": 0}), 0.5),  # ... before it is
        (Disturbance(sides={"a": 0}), 0.5),
    ],
)
def test_a_message_that_a_fault_stops_is_lost_and_nobody_is_told(tier: str, fault: Disturbance, start: float) -> None:
    post = Post(tier, row("a", "b", "c"))
    post.hold(start, 10.0, fault)
    post.send(0.0, "a", "c", 100)
    post.send(11.0, "a", "c", 100, "later")
    post.env.run()
    assert post.arrivals == pytest.approx({"later": 13.0})


@pytest.mark.parametrize("tier", TIERS)
def test_a_fault_behind_a_message_does_not_stop_it(tier: str) -> None:
    post = Post(tier, row("a", "b", "c"))
    post.hold(1.5, 10.0, Disturbance(down=frozenset("a")))
    post.send(0.0, "a", "c", 100)
    post.env.run()
    assert post.arrivals == pytest.approx({"m": 2.0})


@pytest.mark.parametrize("tier", TIERS)
def test_where_no_way_leads_nothing_is_sent(tier: str) -> None:
    """To a host that has not joined, from it, over it, and to a host on the other side."""
    post = Post(tier, row("a", "b", "c", "d"), absent="b")
    post.hold(5.0, 10.0, Disturbance(sides={"d": 0}))
    for number, (sender, receiver) in enumerate((("a", "b"), ("b", "a"), ("a", "c"))):
        post.send(0.0, sender, receiver, 100, str(number))
    post.send(6.0, "c", "d", 100, "cut")
    post.send(6.0, "d", "d", 100, "to itself")
    post.env.run()
    assert post.arrivals == {"to itself": 6.0}
