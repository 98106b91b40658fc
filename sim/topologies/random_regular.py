"""Peers drawn evenly: every host has as many."""

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


@topologies.register("random_regular")
@dataclass(frozen=True)
class RandomRegular:
    """Every host has exactly `degree` peers, drawn at random among all such graphs.

    Before the last host has joined, some have fewer. Latency and bandwidth by region.
    """

    degree: Annotated[int, Field(ge=4, le=1000, multiple_of=2, description="number of peers")] = 8
    data: Data = "simblock-2019"
    jitter: Jitter = 0.1

    def build(self, members: Sequence[Member], streams: Streams) -> nx.DiGraph:
        """Return the graph; see `Topology.build`."""
        pairs = draw_pairs("random_regular", self.degree, self._draw, members, streams)
        return connect(members, lambda _: pairs, load_region_table(self.data), self.jitter, streams)

    def _draw(self, n: int, seed: int) -> nx.Graph:
        return nx.random_regular_graph(self.degree, n, seed=seed)
