"""A network alone, without a chain: when do messages arrive? For theory and studies."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from functools import partial

import networkx as nx
import simpy

from sim.metrics.recorder import Recorder
from sim.network.gossip import Network
from sim.network.opening import open_network
from sim.network.tier import TierChoice
from sim.scenario import NetworkConfig
from sim.streams import Streams


def measure_delays(
    graph: nx.DiGraph, config: NetworkConfig, sent: Iterable[tuple[float, str, int]], seed: int
) -> list[array[float]]:
    """Send messages of (seconds, origin, bytes) and return each one's delays, in the order of arrival."""
    env, recorder = simpy.Environment(), Recorder()
    choice = TierChoice(config.tier, config.tier, "a trial names it")
    network = open_network(choice, env, graph, recorder, config, Streams(seed))
    for address in graph:
        network.join(address, lambda _: None)
    ids: list[str] = []
    for seconds, origin, size_bytes in sent:
        ids.append(str(len(ids)))
        start = partial(_start, network, origin, ids[-1], size_bytes)
        env.timeout(seconds).callbacks.append(start)
    env.run()
    return [recorder.delays_seconds[message_id] for message_id in ids]


def _start(network: Network, origin: str, message_id: str, size_bytes: int, _: simpy.Event) -> None:
    network.broadcast(origin, message_id, None, size_bytes)
