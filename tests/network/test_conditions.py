"""What faults do to links, in both tiers: by hand, against networkx, and against a second, naive reading."""

import math
from typing import Any

import networkx as nx
import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st

from sim.metrics.recorder import Recorder
from sim.network.base import Message, Network
from sim.network.conditions import Conditions, Disturbance
from sim.network.gossip import GossipNetwork
from sim.network.links import Roster
from sim.network.paths import PathsNetwork
from sim.scenario.schema import NetworkConfig
from sim.streams import Streams

TIERS = ("events", "paths")
HOSTS = tuple("abcdef")
ALL = frozenset(HOSTS)


def line(*hosts: str, latency: float = 1.0, bandwidth: float = 1e15) -> nx.DiGraph:
    graph = nx.path_graph(list(hosts)).to_directed()
    nx.set_edge_attributes(graph, latency, "latency_seconds")
    nx.set_edge_attributes(graph, bandwidth, "bandwidth_bits_per_second")
    return graph


class Trial:
    """Every host joined; arrivals are kept with their times: as they are delivered, or as they are foreseen."""

    def __init__(self, graph: nx.DiGraph, tier: str, **config: Any) -> None:
        self.env, self.recorder = simpy.Environment(), Recorder()
        rules = NetworkConfig.model_validate({"tier": tier, **config})
        self.network: Network
        if tier == "paths":
            self.network = self.paths = PathsNetwork(self.env, graph, self.recorder, rules)
        else:
            self.network = GossipNetwork(self.env, graph, self.recorder, rules, Streams(1))
        self.roster = self.network.roster
        self.arrivals: dict[str, dict[object, float]] = {address: {} for address in graph}
        for address in graph:
            self.network.join(address, self._handler(address))

    def _handler(self, address: str):
        return lambda payload: self.arrivals[address].update({payload: self.env.now})

    def at(self, seconds: float, act) -> None:
        self.env.timeout(seconds).callbacks.append(lambda _: act())

    def send(self, seconds: float, origin: str, message: str, size: int = 100) -> None:
        self.at(seconds, lambda: self._send(origin, message, size))

    def _send(self, origin: str, message: str, size: int) -> None:
        if isinstance(self.network, GossipNetwork):
            self.network.broadcast(Message(message, origin, message, size))
            return
        self.paths.record(message, origin, size)
        delays = zip(self.network.routes.index, self.paths.delays(origin, size).tolist(), strict=True)
        for receiver, delay in delays:
            if receiver != origin and delay < math.inf:
                self.arrivals[receiver][message] = self.env.now + delay

    def hold(self, start: float, end: float, disturbance: Disturbance) -> None:
        self.at(start, lambda: self.roster.disturb(start, disturbance))
        self.at(end, lambda: self.roster.relieve(start))

    def times(self, message: str) -> dict[str, float]:
        return {address: rows[message] for address, rows in self.arrivals.items() if message in rows}


@pytest.mark.parametrize("tier", TIERS)
def test_a_host_that_is_down_neither_receives_nor_relays_nor_sends(tier: str) -> None:
    trial = Trial(line("a", "b", "c"), tier)
    trial.hold(10.0, 20.0, Disturbance(down=frozenset("b")))
    for seconds, origin in ((11.0, "a"), (12.0, "b"), (21.0, "a")):
        trial.send(seconds, origin, str(seconds))
    trial.env.run()
    assert trial.times("11.0") == {}
    assert trial.times("12.0") == {}
    assert trial.times("21.0") == pytest.approx({"b": 22.0, "c": 23.0})


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("disturbance", [Disturbance(down=frozenset("c")), Disturbance(sides={"c": 0})])
def test_what_is_on_its_way_is_not_counted_if_its_receiver_is_then_down_or_cut_off(
    tier: str, disturbance: Disturbance
) -> None:
    """Neither for c, which would get it at 2, nor for d behind it."""
    trial = Trial(line("a", "b", "c", "d"), tier)
    trial.send(0.0, "a", "m")
    trial.hold(1.5, 3.0, disturbance)
    trial.env.run()
    assert list(trial.recorder.delays_seconds["m"]) == pytest.approx([1.0])


@pytest.mark.parametrize("tier", TIERS)
def test_a_message_whose_only_receiver_is_cut_off_reached_nobody(tier: str) -> None:
    trial = Trial(line("a", "b"), tier)
    trial.send(0.0, "a", "m")
    trial.hold(0.5, 3.0, Disturbance(down=frozenset("b")))
    trial.env.run()
    assert "m" not in trial.recorder.delays_seconds


@pytest.mark.parametrize("tier", TIERS)
def test_a_crash_that_is_shorter_than_a_transfer_does_not_break_it(tier: str) -> None:
    trial = Trial(line("a", "b", "c"), tier)
    trial.send(0.0, "a", "m")
    trial.hold(1.25, 1.75, Disturbance(down=frozenset("c")))
    trial.env.run()
    assert list(trial.recorder.delays_seconds["m"]) == pytest.approx([1.0, 2.0])


def test_a_lost_arrival_is_taken_back_from_its_message_only() -> None:
    """Messages of one size and origin share their arrivals."""
    trial = Trial(line("a", "b", "c"), "paths")
    trial.send(0.0, "a", "first")
    trial.send(5.0, "a", "second")
    trial.hold(1.5, 3.0, Disturbance(down=frozenset("c")))
    trial.env.run()
    assert list(trial.recorder.delays_seconds["first"]) == pytest.approx([1.0])
    assert list(trial.recorder.delays_seconds["second"]) == pytest.approx([1.0, 2.0])


@given(st.data())
def test_both_tiers_count_the_same_arrivals_on_a_tree(data: st.DataObject) -> None:
    """One way leads to each host. Faults begin while a message travels, and last."""
    n = data.draw(st.integers(2, 9))
    tree = nx.Graph([(str(i), str(data.draw(st.integers(0, i - 1)))) for i in range(1, n)])
    for a, b in tree.edges:
        tree.edges[a, b]["latency_seconds"] = data.draw(st.integers(1, 20)) * 0.1
    nx.set_edge_attributes(tree, 1e15, "bandwidth_bits_per_second")
    hosts = sorted(tree)
    starts = data.draw(st.lists(st.integers(0, 40).map(lambda step: step * 0.1 + 0.05), max_size=3, unique=True))
    faults = [
        Disturbance(
            down=frozenset(data.draw(st.lists(st.sampled_from(hosts), max_size=2))),
            sides=data.draw(st.dictionaries(st.sampled_from(hosts), st.integers(0, 1), max_size=3)),
        )
        for _ in starts
    ]
    counted = []
    for tier in TIERS:
        trial = Trial(tree.to_directed(), tier)
        trial.send(0.0, "0", "m")
        for start, fault in zip(starts, faults, strict=True):
            trial.hold(start, 100.0 + start, fault)
        trial.env.run()
        counted.append(sorted(trial.recorder.delays_seconds.get("m", ())))
    assert counted[0] == pytest.approx(counted[1], abs=1e-9)


@pytest.mark.parametrize("tier", TIERS)
def test_nothing_crosses_a_partition_until_it_heals(tier: str) -> None:
    """Hosts that it does not name stand on one more side."""
    trial = Trial(nx.DiGraph(line(*HOSTS)), tier)
    trial.hold(0.5, 10.0, Disturbance(sides={"a": 0, "b": 0, "c": 1, "d": 1}))
    for origin in ("a", "d", "f"):
        trial.send(1.0, origin, f"{origin} during")
        trial.send(11.0, origin, f"{origin} after")
    trial.env.run()
    assert trial.times("a during").keys() == {"b"}
    assert trial.times("d during").keys() == {"c"}
    assert trial.times("f during").keys() == {"e"}
    assert all(len(trial.times(f"{origin} after")) == 5 for origin in ("a", "d", "f"))


@pytest.mark.parametrize("tier", TIERS)
def test_latency_times_three_makes_delays_times_three(tier: str) -> None:
    trial = Trial(line("a", "b", "c", latency=0.25, bandwidth=math.inf), tier)
    trial.send(0.0, "a", "before")
    trial.hold(10.0, 20.0, Disturbance(ends=(ALL, ALL), latency_factor=3.0))
    trial.send(12.0, "a", "during")
    trial.send(21.0, "a", "after")
    trial.env.run()
    delays = {message: list(trial.recorder.delays_seconds[message]) for message in ("before", "during", "after")}
    assert delays == {"before": [0.25, 0.5], "during": [0.75, 1.5], "after": [0.25, 0.5]}


def test_latency_between_named_hosts_only_and_both_ways() -> None:
    trial = Trial(line("a", "b", "c"), "paths")
    trial.hold(0.0, 50.0, Disturbance(ends=(frozenset("a"), frozenset("bc")), latency_factor=4.0))
    trial.hold(0.5, 50.0, Disturbance(ends=(frozenset("b"), frozenset("a")), latency_factor=2.0))
    trial.send(1.0, "a", "there")
    trial.send(1.0, "c", "here")
    trial.env.run()
    assert trial.times("there") == pytest.approx({"b": 9.0, "c": 10.0})  # factors multiply
    assert trial.times("here") == pytest.approx({"b": 2.0, "a": 10.0})


@pytest.mark.parametrize("tier", TIERS)
def test_bandwidth_of_the_slower_end_counts(tier: str) -> None:
    """1 MB over 8 Mbit/s takes a second; where both ends are slow, the slower one decides."""
    trial = Trial(line("a", "b", latency=0.0, bandwidth=8e6), tier)
    trial.hold(10.0, 30.0, Disturbance(slow=frozenset("a"), bandwidth_factor=0.5))
    trial.hold(20.0, 30.0, Disturbance(slow=frozenset("b"), bandwidth_factor=0.25))
    for seconds in (0.0, 12.0, 22.0, 31.0):
        trial.send(seconds, "a", str(seconds), 1_000_000)
    trial.env.run()
    assert trial.arrivals["b"] == pytest.approx({"0.0": 1.0, "12.0": 14.0, "22.0": 26.0, "31.0": 32.0})


def test_a_slow_uplink_lets_uploads_queue_longer() -> None:
    """A hub of two leaves: the second copy leaves when the first is through, which now takes ten times as long."""
    graph = nx.star_graph(["hub", "x", "y"]).to_directed()
    nx.set_edge_attributes(graph, 0.0, "latency_seconds")
    nx.set_edge_attributes(graph, 8e6, "bandwidth_bits_per_second")
    trial = Trial(graph, "events")
    trial.hold(0.0, 100.0, Disturbance(slow=frozenset(["hub"]), bandwidth_factor=0.1))
    trial.send(1.0, "hub", "m", 1_000_000)
    trial.env.run()
    assert trial.times("m") == pytest.approx({"x": 11.0, "y": 21.0})


def test_a_burst_on_all_links_is_the_same_as_loss_of_the_network() -> None:
    """The same stream decides, so that the same transfers are lost; outside of the burst none is."""
    burst, lossy = Trial(line("a", "b", "c"), "events"), Trial(line("a", "b", "c"), "events", loss=0.5)
    burst.hold(0.0, 500.0, Disturbance(ends=(ALL, ALL), loss=0.5))
    for trial in (burst, lossy):
        for number in range(100):
            trial.send(1.0 + number, "a", str(number))
    burst.send(501.0, "a", "after")
    burst.env.run()
    lossy.env.run()
    assert burst.times("after") == pytest.approx({"b": 502.0, "c": 503.0})
    burst.arrivals = {
        address: {m: t for m, t in rows.items() if m != "after"} for address, rows in burst.arrivals.items()
    }
    assert burst.arrivals == lossy.arrivals
    assert max(lossy.arrivals["c"][str(number)] - number for number in range(100)) > 5.0


def test_losses_add_up_as_if_independent() -> None:
    conditions = Conditions()
    conditions.add("x", Disturbance(ends=(ALL, ALL), loss=0.5))
    conditions.add("y", Disturbance(ends=(frozenset("a"), ALL), loss=0.2))
    assert conditions.get_loss("b", "a", 0.1) == pytest.approx(1 - 0.9 * 0.5 * 0.8)
    assert conditions.get_loss("b", "c", 0.1) == pytest.approx(1 - 0.9 * 0.5)


def test_a_lost_transfer_is_not_repeated_over_a_link_that_is_cut() -> None:
    trial = Trial(line("a", "b"), "events")
    trial.hold(0.0, 1.0, Disturbance(ends=(ALL, ALL), loss=1.0))
    trial.send(0.5, "a", "m")
    trial.hold(1.2, 3.0, Disturbance(sides={"a": 0}))
    trial.env.run()
    assert trial.times("m") == {}


@pytest.mark.parametrize("size", [100, 2000])
def test_announcements_ask_nobody_who_is_down(size: int) -> None:
    """x announces first and then crashes: the answer comes from y, the next announcer, after the timeout."""
    graph = nx.DiGraph()
    for a, b, latency in (("o", "x", 0.1), ("x", "r", 0.1), ("o", "y", 0.3), ("y", "r", 0.3)):
        for pair in ((a, b), (b, a)):
            graph.add_edge(*pair, latency_seconds=latency, bandwidth_bits_per_second=1e15)
    trial = Trial(graph, "events", announce_above="1 kB", retry_timeout="5 s")
    trial.send(0.0, "o", "m", size)
    trial.hold(0.45, 50.0, Disturbance(down=frozenset("x")))
    trial.env.run()
    expected = 0.2 if size == 100 else 3 * 0.1 + 0.1 + 5.0 + 2 * 0.3
    assert trial.times("m")["r"] == pytest.approx(expected, abs=1e-6)


# Against a second reading


@st.composite
def disturbances(draw: st.DrawFn) -> Disturbance:
    some = st.frozensets(st.sampled_from(HOSTS))
    return Disturbance(down=draw(some), sides=draw(st.dictionaries(st.sampled_from(HOSTS), st.integers(0, 2))))


@st.composite
def rosters(draw: st.DrawFn) -> tuple[nx.Graph, Roster, dict[int, Disturbance]]:
    pairs = st.tuples(st.sampled_from(HOSTS), st.sampled_from(HOSTS)).filter(lambda pair: pair[0] < pair[1])
    graph = nx.Graph(draw(st.lists(pairs)))
    graph.add_nodes_from(HOSTS)
    nx.set_edge_attributes(graph, 1.0, "latency_seconds")
    nx.set_edge_attributes(graph, 1.0, "bandwidth_bits_per_second")
    roster = Roster(graph.to_directed())
    for address in draw(st.lists(st.sampled_from(HOSTS), unique=True)):
        roster.join(address, print)
    held = dict(enumerate(draw(st.lists(disturbances(), max_size=3))))
    for key, disturbance in held.items():
        roster.disturb(key, disturbance)
    return graph, roster, held


def open_links(graph: nx.Graph, roster: Roster, held: list[Disturbance]) -> nx.Graph:
    """A naive reading of what the fields of a disturbance say."""
    up = [a for a in HOSTS if a in roster.handlers and not any(a in each.down for each in held)]
    found = nx.Graph()
    found.add_nodes_from(up)
    for a, b in graph.edges:
        sides = [(each.sides.get(a, "rest"), each.sides.get(b, "rest")) for each in held]
        if a in up and b in up and all(here == there for here, there in sides):
            found.add_edge(a, b)
    return found


@given(rosters())
def test_peers_are_those_of_the_open_links(drawn: tuple[nx.Graph, Roster, dict[int, Disturbance]]) -> None:
    graph, roster, held = drawn
    expected = open_links(graph, roster, list(held.values()))
    for a in HOSTS:
        assert roster.is_up(a) == (a in expected)
        if a in roster.handlers:
            assert {link.receiver for link in roster.get_peers(a)} == set(dict(expected.adjacency()).get(a, ()))


@given(rosters())
def test_relief_names_each_link_that_opens_once(drawn: tuple[nx.Graph, Roster, dict[int, Disturbance]]) -> None:
    graph, roster, held = drawn
    while held:
        before = open_links(graph, roster, list(held.values()))
        revision = roster.revision
        key = next(iter(held))
        del held[key]
        opened = roster.relieve(key)
        after = open_links(graph, roster, list(held.values()))
        assert roster.revision > revision
        assert opened == sorted(
            {tuple(sorted(pair)) for pair in after.edges} - {tuple(sorted(p)) for p in before.edges}
        )
    assert roster.conditions.is_calm


def test_a_key_is_held_once() -> None:
    roster = Roster(line("a", "b"))
    roster.disturb("x", Disturbance())
    with pytest.raises(ValueError, match="'x' holds already"):
        roster.disturb("x", Disturbance())
    roster.relieve("x")
    with pytest.raises(KeyError):
        roster.relieve("x")
