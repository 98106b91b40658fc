"""Graphs: connected in every prefix, latencies and bandwidths of their table."""

import itertools
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.streams import Streams
from sim.topologies import topologies
from sim.topologies.base import Member
from sim.topologies.full_mesh import FullMesh
from sim.topologies.regions import Regions
from sim.topologies.regions_data import load_region_table

TABLE = load_region_table("simblock-2019")
MEMBERS = [Member(f"h{i}", TABLE.names[i % len(TABLE.names)]) for i in range(40)]
RING = [(f"h{i}", f"h{(i + 1) % 40}") for i in range(40)]


def members(n: int) -> list[Member]:
    return [Member(f"h{i}", TABLE.names[i % len(TABLE.names)]) for i in range(n)]


@pytest.fixture
def over_members(topology_spec: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    """A spec that MEMBERS fit: topologies that name hosts get a ring of them."""
    if topology_spec["kind"] == "edges":
        return {"kind": "edges", "links": [{"between": pair} for pair in RING]}
    if topology_spec["kind"] == "file":
        nx.write_edgelist(nx.Graph(RING), tmp_path / "ring.edges")
        return {"kind": "file", "path": str(tmp_path / "ring.edges")}
    return topology_spec


def is_whole_at_every_moment(graph: nx.DiGraph, joining: list[Member]) -> bool:
    """Whoever joins has a link both ways to somebody who is there: then, and only then, every prefix is connected."""
    prefixes = [[member.address for member in joining[:n]] for n in range(1, len(joining) + 1)]
    return all(nx.is_strongly_connected(graph.subgraph(prefix)) for prefix in prefixes)


def test_every_topology_is_connected_in_every_prefix(over_members: object) -> None:
    graph = topologies.build(over_members).build(MEMBERS, Streams(1))
    assert set(graph) == {member.address for member in MEMBERS}
    assert is_whole_at_every_moment(graph, MEMBERS)
    assert nx.number_of_selfloops(graph) == 0
    for member in MEMBERS:
        assert graph.nodes[member.address]["region"] == member.region
        assert graph.nodes[member.address]["upload_bits_per_second"] == TABLE.upload(member.region)


def test_same_seed_same_graph(over_members: object) -> None:
    first, second = (topologies.build(over_members).build(MEMBERS, Streams(1)) for _ in range(2))
    assert dict(first.edges) == dict(second.edges)


GROWING = st.one_of(
    st.builds(lambda d: {"kind": "regions", "degree": 2 * d}, st.integers(1, 6)),
    st.builds(lambda d: {"kind": "random_regular", "degree": 2 * d}, st.integers(2, 6)),
    st.builds(
        lambda d, p: {"kind": "small_world", "degree": 2 * d, "rewiring": p}, st.integers(2, 6), st.floats(0.0, 1.0)
    ),
    st.builds(lambda m: {"kind": "scale_free", "links": m}, st.integers(1, 6)),
)


@given(GROWING, st.integers(1, 30), st.integers(0, 2**40))
def test_random_graphs_are_whole_at_every_moment(spec: dict[str, Any], n: int, seed: int) -> None:
    graph = topologies.build(spec).build(members(n), Streams(seed))
    assert len(graph) == n
    assert is_whole_at_every_moment(graph, members(n))


@given(st.integers(2, 6), st.integers(1, 60), st.integers(0, 2**40))
def test_random_regular_degrees(half: int, n: int, seed: int) -> None:
    graph = topologies.build({"kind": "random_regular", "degree": 2 * half}).build(members(n), Streams(seed))
    assert {degree for _, degree in graph.out_degree} == {min(2 * half, n - 1)}


def test_small_world_without_rewiring_is_the_ring() -> None:
    graph = topologies.build({"kind": "small_world", "degree": 4, "rewiring": 0.0}).build(members(30), Streams(1))
    ring = nx.circulant_graph(30, [1, 2])
    assert nx.is_isomorphic(graph.to_undirected(), ring)
    rewired = topologies.build({"kind": "small_world", "degree": 4, "rewiring": 0.5}).build(members(30), Streams(1))
    assert rewired.number_of_edges() == graph.number_of_edges()
    assert nx.average_shortest_path_length(rewired) < 0.8 * nx.average_shortest_path_length(ring)


def test_scale_free_has_hubs() -> None:
    """Degrees fall like k^-3: of a large graph, P(at least k peers) = m (m + 1) / (k (k + 1))."""
    graph = topologies.build({"kind": "scale_free", "links": 2}).build(members(2000), Streams(1))
    degrees = np.array([degree for _, degree in graph.out_degree])
    assert degrees.sum() == 2 * (2 + 2 * (2000 - 3))
    assert np.mean(degrees > 8) == pytest.approx(2 * 3 / (9 * 10), rel=0.25)
    assert degrees.max() > 50


@pytest.mark.parametrize("spec", ["regions", "scale_free"])
def test_a_further_host_changes_no_link(spec: str) -> None:
    small, large = (topologies.build(spec).build(MEMBERS[:n], Streams(1)) for n in (30, 40))
    assert all(large.edges[edge] == data for edge, data in small.edges.items())


@pytest.mark.parametrize("kind", ["full_mesh", "random_regular", "small_world"])
def test_a_further_host_changes_no_latency_of_a_link_that_stays(kind: str) -> None:
    small, large = (topologies.build(kind).build(MEMBERS[:n], Streams(1)) for n in (39, 40))
    both = small.edges & large.edges
    assert both
    assert all(large.edges[edge] == small.edges[edge] for edge in both)


def test_another_seed_gives_another_graph() -> None:
    first, other = (Regions().build(MEMBERS, Streams(seed)) for seed in (1, 2))
    assert dict(first.edges) != dict(other.edges)


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
