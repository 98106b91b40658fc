"""Links as a person wrote them down, one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import networkx as nx
from pydantic import Field

from sim.problems import Problem
from sim.streams import Streams
from sim.topologies import topologies
from sim.topologies.base import Data, Jitter, Member
from sim.topologies.explicit import ExplicitLink, connect_links, find_link_problems


@topologies.register("edges")
@dataclass(frozen=True)
class Edges:
    """The links of the list and no others; a link's missing values come from its hosts' regions.

    Hosts are named like in the results: a group `farm` of two hosts is `farm-0` and `farm-1`. Whenever hosts join, the
    network must be connected. `jitter` changes latencies of the table only. A host whose links all have a bandwidth
    uploads at the fastest of these, however its region does.
    """

    links: Annotated[
        tuple[ExplicitLink, ...],
        Field(
            description="pairs of hosts, each with a latency and a bandwidth of its own where these are given",
            examples=[[{"between": ["farm-0", "lab-0"], "latency": "20 ms", "bandwidth": "100 Mbit/s"}]],
        ),
    ]
    data: Data = "simblock-2019"
    jitter: Jitter = 0.1

    def build(self, members: Sequence[Member], streams: Streams) -> nx.DiGraph:
        """Return the graph; see `Topology.build`."""
        return connect_links(members, self.links, self.data, self.jitter, streams)

    def find_problems(self, waves: Mapping[int, Sequence[str]]) -> list[Problem]:
        """Return problems: links to unknown hosts, links that stand there twice, and hosts that are cut off."""
        return find_link_problems([link.between for link in self.links], waves)
