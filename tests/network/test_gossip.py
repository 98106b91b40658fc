"""Gossip hop by hop, against shortest paths and by hand."""

import heapq
import math
from typing import Any

import networkx as nx
import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st

from sim.metrics.recorder import Recorder
from sim.network.base import Message, Network
from sim.network.gossip import GossipNetwork
from sim.network.paths import PathsNetwork
from sim.network.rows import Rows
from sim.scenario.schema import NetworkConfig
from sim.streams import Streams

FAST = 1e15  # bit/s: a link without load
TIERS = ("events", "paths")


def graph_of(edges: list[tuple[str, str, float]], bandwidth: float = FAST) -> nx.DiGraph:
    graph = nx.DiGraph()
    for a, b, latency in edges:
        for sender, receiver in ((a, b), (b, a)):
            graph.add_edge(sender, receiver, latency_seconds=latency, bandwidth_bits_per_second=bandwidth)
    return graph


class Listeners:
    """Every host joined, its arrivals kept: as they are delivered, or as they are foreseen."""

    def __init__(self, graph: nx.DiGraph, absent: tuple[str, ...] = (), **config: Any) -> None:
        self.env = simpy.Environment()
        self.recorder = Recorder()
        rules = NetworkConfig.model_validate(config)
        self.network: Network
        if rules.tier == "paths":
            self.network = self.paths = PathsNetwork(self.env, graph, self.recorder, rules)
        else:
            self.network = self.gossip = GossipNetwork(self.env, graph, self.recorder, rules, Streams(1))
        self.arrivals: dict[str, list[tuple[float, object]]] = {}
        for address in graph:
            if address not in absent:
                self.arrivals[address] = []
                self.network.join(address, self._handler(address))

    def _handler(self, address: str):
        return lambda payload: self.arrivals[address].append((self.env.now, payload))

    def send(self, origin: str, message_id: str, payload: object, size: int) -> None:
        if isinstance(self.network, GossipNetwork):
            self.network.broadcast(Message(message_id, origin, payload, size))
            return
        self.paths.record(message_id, origin, size)
        delays = zip(self.network.routes.index, self.paths.delays(origin, size).tolist(), strict=True)
        for receiver, delay in delays:
            if receiver != origin and delay < math.inf:
                self.arrivals[receiver].append((self.env.now + delay, payload))

    def times(self) -> dict[str, float]:
        return {address: rows[0][0] for address, rows in self.arrivals.items() if rows}


@st.composite
def networks(draw: st.DrawFn, upload: float | None = None) -> tuple[nx.DiGraph, int, float]:
    """A connected graph with any latencies and bandwidths, a size and a validation time."""
    n = draw(st.integers(2, 12))
    graph = nx.DiGraph()
    pairs = [(i, draw(st.integers(0, i - 1))) for i in range(1, n)]
    pairs += draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda p: p[0] != p[1])))
    for pair in pairs:
        for sender, receiver in (pair, pair[::-1]):
            latency, rate = draw(st.floats(0.0, 1.0)), draw(st.floats(1e3, 1e9))
            graph.add_edge(str(sender), str(receiver), latency_seconds=latency, bandwidth_bits_per_second=rate)
    if upload is not None:
        nx.set_node_attributes(graph, upload, "upload_bits_per_second")
    return graph, draw(st.integers(1, 10**7)), draw(st.sampled_from([0.0, 0.001, 0.3]))


def broadcast_once(graph: nx.DiGraph, size: int, **config: Any) -> "Listeners":
    listeners = Listeners(graph, **config)
    listeners.send("0", "m", "payload", size)
    listeners.env.run()
    assert all(len(rows) == (address != "0") for address, rows in listeners.arrivals.items())
    return listeners


@given(networks(upload=math.inf))
def test_tiers_agree_on_a_load_free_graph(network: tuple[nx.DiGraph, int, float]) -> None:
    graph, size, validation = network
    events, paths = (broadcast_once(graph, size, tier=tier, hop_validation=f"{validation} s") for tier in TIERS)
    assert paths.times() == pytest.approx(events.times(), abs=1e-9, rel=0)
    assert sorted(paths.recorder.delays_seconds["m"]) == pytest.approx(
        sorted(events.recorder.delays_seconds["m"]), abs=1e-9, rel=0
    )
    weighted = nx.DiGraph()
    for a, b, data in graph.edges(data=True):
        weight = data["latency_seconds"] + 8 * size / data["bandwidth_bits_per_second"] + validation
        weighted.add_edge(a, b, weight=weight)
    expected = nx.single_source_dijkstra_path_length(weighted, "0")
    assert {**paths.times(), "0": 0.0} == pytest.approx(expected, abs=1e-9)


@given(networks())
def test_queues_only_delay(network: tuple[nx.DiGraph, int, float]) -> None:
    graph, size, _ = network
    events, paths = (broadcast_once(graph, size, tier=tier).times() for tier in TIERS)
    assert all(events[address] >= time - 1e-9 for address, time in paths.items())


@given(networks(), st.lists(st.tuples(st.floats(0, 2), st.integers(1, 10**6)), min_size=1, max_size=4))
def test_events_as_a_second_implementation_has_them(network: Any, sent: list[tuple[float, int]]) -> None:
    """Several messages at once through upload queues, beside a plain loop over a heap."""
    graph, _, validation = network
    listeners = Listeners(graph, hop_validation=f"{validation} s")
    for number, (start, size) in enumerate(sent):
        event = listeners.env.timeout(start)
        event.callbacks.append(lambda _, n=number, s=size: listeners.send("0", str(n), n, s))
    listeners.env.run()
    ours = {(address, payload): time for address, rows in listeners.arrivals.items() for time, payload in rows}
    assert ours == pytest.approx(flood_naively(graph, sent, validation), abs=1e-9)


def flood_naively(graph: nx.DiGraph, sent: list[tuple[float, int]], validation: float) -> dict[tuple[str, int], float]:
    rate = {a: max(data["bandwidth_bits_per_second"] for data in graph[a].values()) for a in graph}
    free, arrived = dict.fromkeys(graph, 0.0), {}
    heap = [(start, number, number, "0", "") for number, (start, _) in enumerate(sent)]
    heapq.heapify(heap)
    ticket = len(heap)
    while heap:
        now, _, number, host, sender = heapq.heappop(heap)
        if (host, number) in arrived:
            continue
        arrived[host, number] = now
        bits = 8 * sent[number][1]
        for receiver in sorted(set(graph[host]) - {sender}):
            start, link = max(now, free[host]), graph.edges[host, receiver]
            free[host] = start + bits / rate[host]
            due = start + bits / link["bandwidth_bits_per_second"] + link["latency_seconds"] + validation
            heapq.heappush(heap, (due, ticket, number, receiver, host))
            ticket += 1
    return {key: time for key, time in arrived.items() if key[0] != "0"}


def test_everybody_receives_exactly_once_and_not_the_origin() -> None:
    listeners = Listeners(graph_of([("a", "b", 1), ("b", "c", 1), ("c", "a", 1), ("c", "d", 1)]))
    listeners.send("a", "m", "payload", 100)
    listeners.env.run()
    assert {address: len(rows) for address, rows in listeners.arrivals.items()} == {"a": 0, "b": 1, "c": 1, "d": 1}
    assert list(listeners.recorder.delays_seconds["m"]) == pytest.approx([1.0, 1.0, 2.0])


def test_uploads_queue_first_in_first_out() -> None:
    """1 MB over 8 Mbit/s is one second of upload; a star's centre serves its leaves one after the other."""
    listeners = Listeners(graph_of([("hub", "x", 0.5), ("hub", "y", 0.5)], bandwidth=8e6))
    listeners.send("hub", "first", 1, 1_000_000)
    listeners.send("hub", "second", 2, 1_000_000)
    listeners.env.run()
    assert [time for time, _ in listeners.arrivals["x"]] == [1.5, 3.5]
    assert [time for time, _ in listeners.arrivals["y"]] == [2.5, 4.5]


@pytest.mark.parametrize("tier", TIERS)
def test_hosts_that_have_not_joined_neither_receive_nor_relay(tier: str) -> None:
    listeners = Listeners(graph_of([("a", "b", 1), ("b", "c", 1)]), absent=("b",), tier=tier)
    listeners.send("a", "m", "payload", 100)
    listeners.env.run()
    assert listeners.times() == {}
    listeners.arrivals["b"] = []
    listeners.network.join("b", listeners._handler("b"))
    listeners.send("a", "n", "payload", 100)
    listeners.env.run()
    assert listeners.times() == pytest.approx({"b": 1.0, "c": 2.0})
    assert [link.receiver for link in listeners.network.get_peers("b")] == ["a", "c"]


@pytest.mark.parametrize("tier", TIERS)
def test_a_host_outside_the_topology_cannot_join(tier: str) -> None:
    listeners = Listeners(graph_of([("a", "b", 1)]), tier=tier)
    with pytest.raises(ValueError, match="host 'z' is not a node"):
        listeners.network.join("z", print)


def test_a_slow_receiver_does_not_block_the_sender() -> None:
    """The uplink is busy for 1 s a copy; the slow link takes 10 s, and the next copy leaves after 1 s."""
    graph = graph_of([("hub", "a", 0.0), ("hub", "b", 0.0)], bandwidth=8e6)
    graph.edges["hub", "a"]["bandwidth_bits_per_second"] = 8e5
    listeners = Listeners(graph)
    listeners.send("hub", "m", 1, 1_000_000)
    listeners.env.run()
    assert listeners.times() == {"a": 10.0, "b": 2.0}


# Losses


def test_a_lossy_hop_takes_t_p_over_1_minus_p_longer() -> None:
    """4000 hops, the number of repetitions geometric: standard deviation sqrt(p) / (1 - p); bound 4 standard errors."""
    n, p, timeout = 4000, 0.3, 2.0
    listeners = Listeners(graph_of([("a", "b", 0.5)]), loss=p, retry_timeout=f"{timeout} s")
    for number in range(n):
        listeners.send("a", str(number), number, 100)
    listeners.env.run()
    delays = [time - 0.5 for time, _ in listeners.arrivals["b"]]
    assert len(delays) == n
    assert {round(delay % timeout, 6) % timeout for delay in delays} == {0.0}  # whole repetitions
    bound = 4 * timeout * math.sqrt(p) / (1 - p) / math.sqrt(n)
    assert sum(delays) / n == pytest.approx(timeout * p / (1 - p), abs=bound)


def test_losses_of_a_link_are_its_own() -> None:
    """Another link changes none of them, and everybody still gets every message once."""
    small = graph_of([("a", "b", 0.5)])
    large = graph_of([("a", "b", 0.5), ("a", "c", 0.5)])
    arrivals = []
    for graph in (small, large):
        listeners = Listeners(graph, loss=0.5)
        for number in range(50):
            listeners.send("a", str(number), number, 100)
        listeners.env.run()
        arrivals.append([(round(time, 6), number) for time, number in listeners.arrivals["b"]])
        assert all(len(rows) == 50 for address, rows in listeners.arrivals.items() if address != "a")
    assert arrivals[0] == arrivals[1]


# Announcements


def test_an_announced_message_takes_three_latencies_a_hop() -> None:
    listeners = Listeners(graph_of([("a", "b", 0.25), ("b", "c", 0.5)]), announce_above="1 kB", hop_validation="125 ms")
    listeners.send("a", "small", 1, 1000)
    listeners.send("a", "large", 2, 1001)
    listeners.env.run()
    assert {payload: time for time, payload in listeners.arrivals["b"]} == pytest.approx({1: 0.375, 2: 0.875})
    assert {payload: time for time, payload in listeners.arrivals["c"]} == pytest.approx({1: 1.0, 2: 2.5})


def ask_twice(timeout: str) -> Listeners:
    """From o over x, y or z to r: x announces to r first, but its body takes 10 s; y, the next, takes 1 s, z 5 s."""
    ways = [("x", 0.1, 8e5), ("y", 0.2, 8e6), ("z", 0.3, 1.6e6)]
    graph = graph_of([link for way, latency, _ in ways for link in (("o", way, latency), (way, "r", 0.1))], 8e9)
    for way, _, rate in ways:
        graph.edges[way, "r"]["bandwidth_bits_per_second"] = rate
    nx.set_node_attributes(graph, math.inf, "upload_bits_per_second")
    listeners = Listeners(graph, announce_above="1 kB", retry_timeout=timeout)
    listeners.send("o", "m", 1, 1_000_000)
    listeners.env.run()
    return listeners


def test_one_announcer_is_asked_and_after_a_timeout_the_next() -> None:
    announced = 3 * 0.1 + 0.001 + 0.1  # x has the body after three latencies and 1 ms, its announcement takes one more
    patient, impatient = ask_twice("60 s"), ask_twice("2 s")
    assert patient.times()["r"] == pytest.approx(announced + 2 * 0.1 + 10.0, abs=0.01)
    assert impatient.times()["r"] == pytest.approx(announced + 2.0 + 2 * 0.1 + 1.0, abs=0.01)
    assert len(impatient.arrivals["r"]) == 1  # x's copy comes too, and is dropped


@given(networks(), st.floats(0.0, 0.6))
def test_everybody_is_reached_through_losses_and_announcements(network: Any, loss: float) -> None:
    graph, size, _ = network
    broadcast_once(graph, size, loss=loss, announce_above="1 kB", retry_timeout="3 s")


# Shortest paths are kept


def test_arrivals_are_computed_once_until_somebody_joins(monkeypatch: pytest.MonkeyPatch) -> None:
    computed = []
    original = PathsNetwork._compute_arrivals
    monkeypatch.setattr(PathsNetwork, "_compute_arrivals", lambda *args: computed.append(args[1:]) or original(*args))
    listeners = Listeners(graph_of([("a", "b", 1), ("b", "c", 1)]), absent=("c",), tier="paths")
    for message in ("m", "n"):
        listeners.send("a", message, "payload", 100)
    listeners.send("a", "o", "payload", 101)
    listeners.arrivals["c"] = []
    listeners.network.join("c", print)
    listeners.send("a", "p", "payload", 100)
    assert computed == [("a", 100), ("a", 101), ("a", 100)]
    listeners.env.run()
    delays = listeners.recorder.delays_seconds
    assert [len(delays[message]) for message in "mnop"] == [1, 1, 1, 2]  # not to c, which joined after them


def test_kept_rows_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.network.rows.MAX_KEPT", 10)
    computed: list[tuple[str, int]] = []

    def compute(address: str, size_bytes: int) -> int:
        computed.append((address, size_bytes))
        return size_bytes

    rows = Rows(compute, 3)
    for size in (1, 2, 3, 3, 2, 4, 2, 1):
        assert rows.get("a", size) == size
    assert computed == [("a", 1), ("a", 2), ("a", 3), ("a", 4), ("a", 1)]  # three of three numbers; the oldest goes


def test_the_trace_covers_deliveries() -> None:
    """Receivers and times of a message, in either tier."""
    for tier in TIERS:
        hashes = set()
        for edge, size in (
            (("a", "b", 1.0), 100),
            (("a", "b", 1.5), 100),
            (("a", "c", 1.0), 100),
            (("a", "b", 1.0), 0),
        ):
            listeners = Listeners(graph_of([edge]), tier=tier)
            if size:
                listeners.send("a", "m", "payload", size)
            listeners.env.run()
            hashes.add(listeners.recorder.trace_hash)
        assert len(hashes) == (
            4 if tier == "events" else 3
        )  # paths: hosts count by the order of joining, which is the same
