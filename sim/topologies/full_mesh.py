"""Every host is every other's peer."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx

from sim.streams import Streams
from sim.topologies import topologies
from sim.topologies.base import Data, Jitter, Member, connect
from sim.topologies.regions_data import load_region_table


@topologies.register("full_mesh")
@dataclass(frozen=True)
class FullMesh:
    """A link between every two hosts; latency and bandwidth by region."""

    data: Data = "simblock-2019"
    jitter: Jitter = 0.1

    def build(self, members: Sequence[Member], streams: Streams) -> nx.DiGraph:
        """Return the graph; see `Topology.build`."""
        table = load_region_table(self.data)
        return connect(members, lambda all_: itertools.combinations(all_, 2), table, self.jitter, streams)
