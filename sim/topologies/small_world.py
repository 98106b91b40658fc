"""A ring with shortcuts: near peers are linked to each other, a few links lead far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import networkx as nx
from pydantic import Field

from sim.streams import Streams
from sim.topologies import topologies
from sim.topologies.base import Data, Jitter, Member, connect
from sim.topologies.growth import draw_pairs
from sim.topologies.regions_data import load_region_table


@topologies.register("small_world")
@dataclass(frozen=True)
class SmallWorld:
    """A ring in which every host knows the `degree` nearest; each link is rewired with probability `rewiring`.

    The model of Watts and Strogatz (1998). "Near" is on the ring, not on the map: latency and bandwidth by region.
    """

    degree: Annotated[int, Field(ge=4, le=1000, multiple_of=2, description="mean number of peers")] = 8
    rewiring: Annotated[float, Field(ge=0.0, le=1.0, description="probability that a link of the ring is rewired")] = (
        0.1
    )
    data: Data = "simblock-2019"
    jitter: Jitter = 0.1

    def build(self, members: Sequence[Member], streams: Streams) -> nx.DiGraph:
        """Return the graph; see `Topology.build`."""
        pairs = draw_pairs("small_world", self.degree, self._draw, members, streams)
        return connect(members, lambda _: pairs, load_region_table(self.data), self.jitter, streams)

    def _draw(self, n: int, seed: int) -> nx.Graph:
        return nx.watts_strogatz_graph(n, self.degree, self.rewiring, seed=seed)
