"""The network of a run: its tier behind the common interface, and its description in results."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass

import networkx as nx
import simpy

from sim.metrics.recorder import Recorder
from sim.network.base import Flood, Foresight
from sim.network.gossip import GossipNetwork
from sim.network.paths import PathsNetwork
from sim.network.tier import PATHS, TierChoice
from sim.scenario.schema import NetworkConfig
from sim.streams import Streams


@dataclass(frozen=True)
class Tier:
    """A network in the tier that was chosen, and why it was."""

    choice: TierChoice
    graph: nx.DiGraph
    network: Flood | Foresight

    def describe(self) -> dict[str, object]:
        """Return the provenance of the network: tier, why it was taken, size of the graph and a hash of its links."""
        digest = hashlib.sha256()
        for sender, receiver, data in sorted(self.graph.edges(data=True), key=lambda edge: edge[:2]):
            digest.update(repr((sender, receiver, sorted(data.items()))).encode())
        return {
            **asdict(self.choice),
            "hosts": self.graph.number_of_nodes(),
            "links": self.graph.number_of_edges(),
            "graph_sha256": digest.hexdigest(),
        }


def open_network(
    choice: TierChoice,
    env: simpy.Environment,
    graph: nx.DiGraph,
    recorder: Recorder,
    config: NetworkConfig,
    streams: Streams,
) -> Tier:
    """Return the network in the tier that was chosen."""
    if choice.tier == PATHS:
        return Tier(choice, graph, PathsNetwork(env, graph, recorder, config))
    return Tier(choice, graph, GossipNetwork(env, graph, recorder, config, streams))
