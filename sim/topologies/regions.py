"""Peers as a growing open network makes them: a host that joins dials hosts that are already there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import networkx as nx
from pydantic import Field

from sim.streams import Streams
from sim.topologies import topologies
from sim.topologies.base import Data, Jitter, Member, connect
from sim.topologies.regions_data import load_region_table


@topologies.register("regions")
@dataclass(frozen=True)
class Regions:
    """Every host dials degree / 2 random hosts that joined before it; latency and bandwidth by region.

    The mean degree approaches `degree`, and every prefix in the order of joining is connected. Latency is the table's
    one-way value times a log-normal factor per pair.
    """

    degree: Annotated[int, Field(ge=2, le=1000, multiple_of=2, description="mean number of peers")] = 6
    data: Data = "simblock-2019"
    jitter: Jitter = 0.1

    def build(self, members: Sequence[Member], streams: Streams) -> nx.DiGraph:
        """Return the graph; see `Topology.build`."""

        def dial(members: Sequence[Member]) -> Iterator[tuple[Member, Member]]:
            for position, member in enumerate(members):
                n_dialled = min(self.degree // 2, position)
                chosen = streams("topology", "dial", member.address).choice(position, n_dialled, replace=False)
                for other in sorted(chosen.tolist()):
                    yield members[other], member

        return connect(members, dial, load_region_table(self.data), self.jitter, streams)
