"""Peers as fame makes them: newcomers link to hosts that have many links already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import networkx as nx
from pydantic import Field

from sim.streams import Streams
from sim.topologies import topologies
from sim.topologies.base import Data, Jitter, Member, connect
from sim.topologies.growth import SEEDS
from sim.topologies.regions_data import load_region_table


@topologies.register("scale_free")
@dataclass(frozen=True)
class ScaleFree:
    """A host that joins links to `links` hosts, each chosen in proportion to the peers that it has.

    The model of Barabási and Albert (1999): a few hubs, many hosts with few peers. The first `links` + 1 hosts are a
    star. A further host at the end changes no link that was there. Latency and bandwidth by region.
    """

    links: Annotated[int, Field(ge=1, le=1000, description="peers that a newcomer links to")] = 4
    data: Data = "simblock-2019"
    jitter: Jitter = 0.1

    def build(self, members: Sequence[Member], streams: Streams) -> nx.DiGraph:
        """Return the graph; see `Topology.build`."""
        seed = int(streams("topology", "scale_free").integers(SEEDS))

        def attach(members: Sequence[Member]) -> Iterator[tuple[Member, Member]]:
            n = len(members)
            is_star = n <= self.links + 1
            graph = nx.star_graph(n - 1) if is_star else nx.barabasi_albert_graph(n, self.links, seed=seed)
            for low, high in sorted(tuple(sorted(edge)) for edge in graph.edges):
                yield members[low], members[high]

        return connect(members, attach, load_region_table(self.data), self.jitter, streams)
