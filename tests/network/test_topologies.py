"""Graphs: connected in every prefix, latencies and bandwidths of their table."""

import itertools

import networkx as nx
import numpy as np
import pytest

from sim.streams import Streams
from sim.topologies import topologies
from sim.topologies.base import Member
from sim.topologies.full_mesh import FullMesh
from sim.topologies.regions import Regions
from sim.topologies.regions_data import load_region_table

TABLE = load_region_table("simblock-2019")
MEMBERS = [Member(f"h{i}", TABLE.names[i % len(TABLE.names)]) for i in range(40)]


def test_every_topology_is_connected_in_every_prefix(topology_spec: object) -> None:
    graph = topologies.build(topology_spec).build(MEMBERS, Streams(1))
    assert set(graph) == {member.address for member in MEMBERS}
    for n in range(1, len(MEMBERS) + 1):
        prefix = graph.subgraph([member.address for member in MEMBERS[:n]])
        assert nx.is_strongly_connected(prefix)


def test_same_seed_same_graph(topology_spec: object) -> None:
    first, second = (topologies.build(topology_spec).build(MEMBERS, Streams(1)) for _ in range(2))
    assert dict(first.edges) == dict(second.edges)


def test_another_seed_gives_another_graph() -> None:
    first, other = (Regions().build(MEMBERS, Streams(seed)) for seed in (1, 2))
    assert dict(first.edges) != dict(other.edges)


def test_a_newcomer_leaves_all_earlier_links_as_they_were() -> None:
    small, large = (Regions().build(MEMBERS[:n], Streams(1)) for n in (30, 40))
    assert all(large.edges[edge] == data for edge, data in small.edges.items())


def test_mean_degree() -> None:
    members = [Member(f"h{i}", "EUROPE") for i in range(400)]
    graph = Regions(degree=8).build(members, Streams(1))
    assert graph.number_of_edges() / len(members) == pytest.approx(8, rel=0.03)


def test_latency_and_bandwidth_come_from_the_table() -> None:
    graph = FullMesh(jitter=0.0).build(MEMBERS, Streams(1))
    for a, b in itertools.permutations(MEMBERS[:8], 2):
        data = graph.edges[a.address, b.address]
        assert data["latency_seconds"] == pytest.approx(TABLE.latency(a.region, b.region), rel=1e-12)
        assert data["bandwidth_bits_per_second"] == min(TABLE.upload(a.region), TABLE.download(b.region))


def test_jitter_keeps_the_mean() -> None:
    """780 pairs, log-normal sigma 0.3: standard error of the mean factor 1.1 %; bound 4 of them."""
    graph = FullMesh(jitter=0.3).build(MEMBERS, Streams(3))
    factors = [
        graph.edges[a.address, b.address]["latency_seconds"] / TABLE.latency(a.region, b.region)
        for a, b in itertools.combinations(MEMBERS, 2)
    ]
    assert np.mean(factors) == pytest.approx(1.0, abs=0.045)
    assert np.std(np.log(factors)) == pytest.approx(0.3, rel=0.15)
