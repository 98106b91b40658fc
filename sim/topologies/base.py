"""The protocol of topologies: a pure rule from the hosts to a directed graph with latency and bandwidth on links."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

import networkx as nx
from pydantic import Field

from sim.streams import Streams, draw_generator
from sim.topologies.regions_data import RegionTable

Data = Annotated[
    str,
    Field(
        description="table of regions' latency and bandwidth: `simblock-2015`, `simblock-2019`, or your own file "
        "`*.yaml`, sought in the scenario's folder, then in the working directory"
    ),
]
Jitter = Annotated[float, Field(ge=0.0, le=2.0, description="log-normal sigma of a pair's latency factor")]


@dataclass(frozen=True)
class Member:
    """A host as the topology sees it."""

    address: str
    region: str


class Topology(Protocol):
    """Builds the graph once; hosts that join later are in it and start to relay when they join."""

    def build(self, members: Sequence[Member], streams: Streams) -> nx.DiGraph:
        """Return a graph in which every prefix of `members` (the order of joining) is connected.

        Nodes carry `region` and `upload_bits_per_second`, the rate at which a host's uploads leave one after another
        (absent: that of its fastest link); edges carry `latency_seconds` (one way) and `bandwidth_bits_per_second`.
        """


def connect(
    members: Sequence[Member],
    pairs: Callable[[Sequence[Member]], Iterable[tuple[Member, Member]]],
    table: RegionTable,
    jitter: float,
    streams: Streams,
) -> nx.DiGraph:
    """Lay both directions of every pair: the table's latency times a log-normal factor of mean 1 per pair.

    Bandwidth is the smaller of the sender's upload and the receiver's download, as in the tables' own simulators.
    """
    graph = nx.DiGraph()
    for member in members:
        upload = table.upload(member.region)
        graph.add_node(member.address, region=member.region, upload_bits_per_second=upload)
    for a, b in pairs(members):
        factor = _draw_factor(streams.seed, a.address, b.address, jitter)
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


def _draw_factor(seed: int, a: str, b: str, jitter: float) -> float:
    """One draw from the pair's own stream, which has no other reader: ten thousands of them need not be kept."""
    if not jitter:
        return 1.0
    return draw_generator(seed, "topology", "latency", a, b).lognormal(-0.5 * jitter**2, jitter)
