"""The network of a run: its tier behind the common interface, and what a result says of it."""

from __future__ import annotations

import hashlib
from dataclasses import asdict

import networkx as nx
import simpy

from sim.metrics.recorder import Recorder
from sim.network.events import EventsNetwork
from sim.network.gossip import Network
from sim.network.paths import PathsNetwork
from sim.network.tier import PATHS, TierChoice
from sim.scenario import NetworkConfig
from sim.streams import Streams


def open_network(
    choice: TierChoice,
    env: simpy.Environment,
    graph: nx.DiGraph,
    recorder: Recorder,
    config: NetworkConfig,
    streams: Streams,
) -> Network:
    """Return the network in the tier that was chosen."""
    if choice.tier == PATHS:
        return PathsNetwork(env, graph, recorder, config)
    return EventsNetwork(env, graph, recorder, config, streams)


def describe_network(choice: TierChoice, graph: nx.DiGraph) -> dict[str, object]:
    """Return what goes into the provenance: the tier, why it was taken, the graph's size and a hash of its links."""
    digest = hashlib.sha256()
    for sender, receiver, data in sorted(graph.edges(data=True), key=lambda edge: edge[:2]):
        digest.update(repr((sender, receiver, sorted(data.items()))).encode())
    return {
        **asdict(choice),
        "hosts": graph.number_of_nodes(),
        "links": graph.number_of_edges(),
        "graph_sha256": digest.hexdigest(),
    }
