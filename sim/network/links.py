"""Hosts that have joined and the links between them, as faults have left them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any

import networkx as nx

from sim.network.conditions import Conditions, Disturbance

BITS_PER_BYTE = 8
Handler = Callable[[Any], None]


@dataclass(frozen=True)
class Link:
    """A directed edge of the topology."""

    receiver: str
    latency_seconds: float
    bandwidth_bits_per_second: float
    loss: float = 0.0
    """Probability that a transfer is lost."""

    def compute_transfer_seconds(self, size_bytes: int) -> float:
        """Time on the wire, without latency and queue."""
        return BITS_PER_BYTE * size_bytes / self.bandwidth_bits_per_second


class Roster:
    """Hosts that have joined, and all links by sender and receiver as faults have left them; each tier keeps one."""

    def __init__(self, graph: nx.DiGraph, loss: float = 0.0) -> None:
        self._links = {
            sender: {
                receiver: Link(receiver, data["latency_seconds"], data["bandwidth_bits_per_second"], loss)
                for receiver, data in sorted(peers.items())
            }
            for sender, peers in graph.adjacency()
        }
        self.handlers: dict[str, Handler] = {}
        """By host, in the order of joining."""
        self.conditions = Conditions()
        self.revision = 0
        """Raised whenever links change; delays that were computed at another revision no longer hold."""
        self.before_change: list[Callable[[], None]] = []
        """Called before a fault begins or ends, while links are still as they were."""
        self.listeners: list[Callable[[], None]] = []
        """Called whenever links have changed."""
        self._active: dict[str, list[Link]] = {}

    def join(self, address: str, handler: Handler) -> None:
        """Note a host's handler; raise ValueError for a host that the topology does not have."""
        if address not in self._links:
            raise ValueError(f"host {address!r} is not a node of the topology")
        self.handlers[address] = handler
        self._change()

    def disturb(self, key: object, disturbance: Disturbance) -> None:
        """Let a disturbance hold until `relieve` is called with its key."""
        self._announce_change()
        self.conditions.add(key, disturbance)
        self._change()

    def relieve(self, key: object) -> list[tuple[str, str]]:
        """End a disturbance; return the pairs of hosts, each once, whose links are open again."""
        self._announce_change()
        ended = self.conditions.remove(key)
        self._change()
        nearby = self.handlers if ended.sides else [address for address in ended.down if address in self.handlers]
        pairs = {
            (min(a, link.receiver), max(a, link.receiver))
            for a in nearby
            for link in self.get_peers(a)
            if ended.parts(a, link.receiver)
        }
        return sorted(pairs)

    def is_up(self, address: str) -> bool:
        """Tell whether a host has joined and is not down."""
        return address in self.handlers and not self.conditions.is_down(address)

    def is_open(self, sender: str, receiver: str) -> bool:
        """Tell whether something that arrives now from one host at another gets there: neither is down or cut off."""
        return self.conditions.is_calm or not self.conditions.are_apart(sender, receiver)

    def get_link(self, sender: str, receiver: str) -> Link | None:
        """Return a link as it is now; None where it is cut or one of its ends is down."""
        link = self._links[sender][receiver]
        conditions = self.conditions
        if conditions.is_calm:
            return link
        if conditions.are_apart(sender, receiver):
            return None
        ends = (conditions.get_bandwidth_factor(sender), conditions.get_bandwidth_factor(receiver))
        return Link(
            receiver,
            link.latency_seconds * conditions.get_latency_factor(sender, receiver),
            link.bandwidth_bits_per_second * min(ends),
            conditions.get_loss(sender, receiver, link.loss),
        )

    def get_peers(self, address: str) -> list[Link]:
        """Return the open links to the active peers of a host."""
        found = self._active.get(address)
        if found is None:
            links = (self.get_link(address, receiver) for receiver in self._links[address] if receiver in self.handlers)
            found = self._active[address] = [link for link in links if link is not None]
        return found

    def _announce_change(self) -> None:
        for listener in self.before_change:
            listener()

    def _change(self) -> None:
        self.revision += 1
        self._active.clear()
        for listener in self.listeners:
            listener()


def get_upload_rate(graph: nx.DiGraph, address: str) -> float:
    """Return a host's upload rate in bit/s: its own, or its fastest link's where the topology names none."""
    own = graph.nodes[address].get("upload_bits_per_second")
    fastest = max((data["bandwidth_bits_per_second"] for data in graph[address].values()), default=inf)
    return fastest if own is None else own
