"""Everybody is everybody's peer."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import networkx as nx
from pydantic import Field

from sim.streams import Streams
from sim.topologies import topologies
from sim.topologies.base import Member, connect
from sim.topologies.regions_data import load_region_table


@topologies.register("full_mesh")
@dataclass(frozen=True)
class FullMesh:
    """A link between every two hosts; latency and bandwidth by region."""

    data: Annotated[str, Field(description="table of latency and bandwidth")] = "simblock-2019"
    jitter: Annotated[float, Field(ge=0.0, le=2.0, description="log-normal sigma of a pair's latency factor")] = 0.1

    def build(self, members: Sequence[Member], streams: Streams) -> nx.DiGraph:
        """Return the graph; see `Topology.build`."""
        table = load_region_table(self.data)
        return connect(members, lambda all_: itertools.combinations(all_, 2), table, self.jitter, streams)
