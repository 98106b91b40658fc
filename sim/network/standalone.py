"""A network alone, without a chain: when do messages arrive? For theory and studies."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from functools import partial

import networkx as nx
import simpy

from sim.metrics.recorder import Recorder
from sim.network.base import Foresight, Message
from sim.network.opening import open_network
from sim.network.tier import TierChoice
from sim.scenario.schema import NetworkConfig
from sim.streams import Streams


def measure_delays(
    graph: nx.DiGraph, config: NetworkConfig, sent: Iterable[tuple[float, str, int]], seed: int
) -> list[array[float]]:
    """Send messages of (seconds, origin, bytes) and return each one's delays, in the order of arrival."""
    env, recorder = simpy.Environment(), Recorder()
    choice = TierChoice(config.tier, config.tier, "it was asked for")
    network = open_network(choice, env, graph, recorder, config, Streams(seed)).network
    for address in graph:
        network.join(address, lambda _: None)
    send = partial(_record, network) if isinstance(network, Foresight) else network.broadcast
    ids: list[str] = []
    for seconds, origin, size_bytes in sent:
        ids.append(str(len(ids)))
        env.timeout(seconds).callbacks.append(partial(_start, send, Message(ids[-1], origin, None, size_bytes)))
    env.run()
    return [recorder.delays_seconds[message_id] for message_id in ids]


def _record(network: Foresight, message: Message) -> None:
    network.record(message.message_id, message.origin, message.size_bytes)


def _start(send: Callable[[Message], None], message: Message, _: simpy.Event) -> None:
    send(message)
