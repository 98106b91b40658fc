"""Named links: their possible mistakes, and the graph that they make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import networkx as nx
from pydantic import ConfigDict, Field

from sim.errors import did_you_mean
from sim.problems import Problem
from sim.streams import Streams
from sim.topologies.base import Member, connect
from sim.topologies.regions_data import load_region_table
from sim.units import BitsPerSecond, Seconds

Pair = tuple[str, str]
MOST_LISTED = 5


@dataclass(frozen=True)
class ExplicitLink:
    """A link of two hosts, alike in both directions."""

    __pydantic_config__ = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    between: Annotated[Pair, Field(description="names of the two hosts")]
    latency: Annotated[Seconds | None, Field(description="one way; absent: by the hosts' regions")] = None
    bandwidth: Annotated[
        Annotated[BitsPerSecond, Field(gt=0)] | None, Field(description="absent: by the hosts' regions")
    ] = None


def connect_links(
    members: Sequence[Member], links: Sequence[ExplicitLink], data: str, jitter: float, streams: Streams
) -> nx.DiGraph:
    """Lay the links both ways.

    A host whose links all have a bandwidth of their own uploads at the fastest of these; any other at its region's
    rate, or at its fastest link's if that is faster.
    """
    by_address = {member.address: member for member in members}
    pairs = [(by_address[a], by_address[b]) for a, b in (link.between for link in links)]
    graph = connect(members, lambda _: pairs, load_region_table(data), jitter, streams)
    by_region = {address for link in links if link.bandwidth is None for address in link.between}
    for link in links:
        given = {"latency_seconds": link.latency, "bandwidth_bits_per_second": link.bandwidth}
        for a, b in (link.between, link.between[::-1]):
            graph.edges[a, b].update({key: value for key, value in given.items() if value is not None})
    for address, node in graph.nodes.items():
        rates = [data["bandwidth_bits_per_second"] for data in graph[address].values()]
        rates += [node["upload_bits_per_second"]] if address in by_region or not rates else []
        node["upload_bits_per_second"] = max(rates)
    return graph


def find_link_problems(pairs: Sequence[Pair], waves: Mapping[int, Sequence[str]]) -> list[Problem]:
    """Return everything that is wrong with the pairs; `waves` are the hosts by the epoch that they join at."""
    known = {address for wave in waves.values() for address in wave}
    problems = [*_find_unknown(pairs, known), *_find_repeated(pairs)]
    return problems or list(_find_cut_off(pairs, waves))


def _find_unknown(pairs: Sequence[Pair], known: set[str]) -> Iterator[Problem]:
    for index, pair in enumerate(pairs):
        for side, address in enumerate(pair):
            if address not in known:
                hint = did_you_mean(address, known)
                if len(known) > MOST_LISTED:
                    hint = hint.partition(" Known:")[0]
                yield Problem(("links", index, "between", side), f'there is no host "{address}".{hint}')


def _find_repeated(pairs: Sequence[Pair]) -> Iterator[Problem]:
    first: dict[frozenset[str], int] = {}
    for index, pair in enumerate(pairs):
        if pair[0] == pair[1]:
            yield Problem(("links", index, "between"), f'"{pair[0]}" is linked to itself')
        elif first.setdefault(frozenset(pair), index) != index:
            message = f'"{pair[0]}" and "{pair[1]}" are already linked by links.{first[frozenset(pair)]}'
            yield Problem(("links", index, "between"), message)


def _find_cut_off(pairs: Sequence[Pair], waves: Mapping[int, Sequence[str]]) -> Iterator[Problem]:
    """Only the first epoch at which the network is in pieces is reported: later ones follow from it."""
    whole = nx.Graph(pairs)
    present: list[str] = []
    for epoch in sorted(waves):
        present += waves[epoch]
        graph = whole.subgraph(present).copy()
        graph.add_nodes_from(present)
        reached = nx.node_connected_component(graph, present[0])
        cut_off = [address for address in present if address not in reached]
        if cut_off:
            listed = ", ".join(cut_off[:MOST_LISTED]) + (", ..." if len(cut_off) > MOST_LISTED else "")
            message = (
                f"the network is in pieces when the hosts of epoch {epoch} have joined: from {present[0]} no way leads "
                f"to {listed} ({len(cut_off)} of {len(present)} hosts)"
            )
            yield Problem(("links",), message)
            return
