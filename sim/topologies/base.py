"""What a topology is: a pure rule from the hosts to a directed graph with latency and bandwidth on every link."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import networkx as nx

from sim.streams import Streams
from sim.topologies.regions_data import RegionTable


@dataclass(frozen=True)
class Member:
    """A host as the topology sees it."""

    address: str
    region: str


class Topology(Protocol):
    """Builds the graph once; hosts that join later are in it and start to relay when they join."""

    def build(self, members: Sequence[Member], streams: Streams) -> nx.DiGraph:
        """Return a graph in which every prefix of `members` (the order of joining) is connected.

        Nodes carry `region`; edges carry `latency_seconds` (one way) and `bandwidth_bits_per_second`.
        """


def connect(
    members: Sequence[Member],
    pairs: Callable[[Sequence[Member]], Iterator[tuple[Member, Member]]],
    table: RegionTable,
    jitter: float,
    streams: Streams,
) -> nx.DiGraph:
    """Lay both directions of every pair: the table's latency times a log-normal factor of mean 1 per pair.

    Bandwidth is the smaller of the sender's upload and the receiver's download, as in the tables' own simulators.
    """
    graph = nx.DiGraph()
    for member in members:
        graph.add_node(member.address, region=member.region)
    for a, b in pairs(members):
        factor = streams("topology", "latency", a.address, b.address).lognormal(-0.5 * jitter**2, jitter)
        for sender, receiver in ((a, b), (b, a)):
            graph.add_edge(
                sender.address,
                receiver.address,
                latency_seconds=float(table.latency(sender.region, receiver.region) * factor),
                bandwidth_bits_per_second=float(
                    min(table.upload(sender.region), table.download(receiver.region)),
                ),
            )
    return graph
