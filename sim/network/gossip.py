"""Flooding gossip, hop by hop on the SimPy clock (tier `events`).

1. The origin sends a message to each of its active peers.
2. A sender's uploads queue first in, first out: delay = queue + size / bandwidth + latency.
3. A host that receives a message for the first time hands it to its handler and sends it on to all other peers.
4. Later copies are dropped.

One event per hop, no process and no Store per message (design 7).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import networkx as nx
import simpy

from sim.metrics.recorder import Recorder

BITS_PER_BYTE = 8
Handler = Callable[[Any], None]


@dataclass(eq=False)
class Message:
    """What a link carries: a transaction or a block, known by its id."""

    message_id: str
    payload: Any
    size_bytes: int
    created_seconds: float
    reached: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Link:
    """A directed edge of the topology."""

    receiver: str
    latency_seconds: float
    bandwidth_bits_per_second: float

    def compute_transfer_seconds(self, size_bytes: int) -> float:
        """Time on the wire, without latency and queue."""
        return BITS_PER_BYTE * size_bytes / self.bandwidth_bits_per_second


class Network:
    """All hosts' links. A host that has not joined neither receives nor relays."""

    def __init__(self, env: simpy.Environment, graph: nx.DiGraph, recorder: Recorder) -> None:
        self._env = env
        self._recorder = recorder
        self._links = {
            sender: [
                Link(receiver, data["latency_seconds"], data["bandwidth_bits_per_second"])
                for receiver, data in sorted(peers.items())
            ]
            for sender, peers in graph.adjacency()
        }
        self._handlers: dict[str, Handler] = {}
        self._upload_free_at = dict.fromkeys(self._links, 0.0)

    def join(self, address: str, handler: Handler) -> None:
        """Let a host take part; `handler(payload)` is called on every first delivery."""
        if address not in self._links:
            raise ValueError(f"host {address!r} is not a node of the topology")
        self._handlers[address] = handler

    def get_peers(self, address: str) -> list[Link]:
        """Return the links to the active peers of a host."""
        return [link for link in self._links[address] if link.receiver in self._handlers]

    def broadcast(self, origin: str, message_id: str, payload: object, size_bytes: int) -> None:
        """Start the gossip of a message at its origin, which already has it."""
        message = Message(message_id, payload, size_bytes, self._env.now)
        message.reached.add(origin)
        self._send_on(message, origin, came_from=None)

    def _send_on(self, message: Message, sender: str, came_from: str | None) -> None:
        now = self._env.now
        free_at = max(now, self._upload_free_at[sender])
        for link in self.get_peers(sender):
            if link.receiver == came_from:
                continue
            free_at += link.compute_transfer_seconds(message.size_bytes)
            hop = self._env.timeout(free_at + link.latency_seconds - now)
            hop.callbacks.append(partial(self._arrive, message, link.receiver, sender))
        self._upload_free_at[sender] = free_at

    def _arrive(self, message: Message, receiver: str, sender: str, _: simpy.Event) -> None:
        if receiver in message.reached:
            return
        message.reached.add(receiver)
        now = self._env.now
        self._recorder.add_delivery(message.message_id, receiver, now, now - message.created_seconds)
        self._handlers[receiver](message.payload)
        self._send_on(message, receiver, came_from=sender)
