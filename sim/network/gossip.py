"""What hosts know of the network: peers, links, and messages that reach everybody.

Two tiers stand behind one interface (design 7): `events` (sim.network.events) simulates every hop with its upload
queue, losses and announcements; `paths` (sim.network.paths) takes all arrival times from one row of shortest paths.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import networkx as nx

if TYPE_CHECKING:
    from sim.network.routes import Floats, Routes

BITS_PER_BYTE = 8
Handler = Callable[[Any], None]


@dataclass(frozen=True)
class Link:
    """A directed edge of the topology."""

    receiver: str
    latency_seconds: float
    bandwidth_bits_per_second: float

    def compute_transfer_seconds(self, size_bytes: int) -> float:
        """Time on the wire, without latency and queue."""
        return BITS_PER_BYTE * size_bytes / self.bandwidth_bits_per_second


class Network(Protocol):
    """All hosts' links. A host that has not joined neither receives nor relays."""

    roster: Roster
    """Who is there, and who is linked to whom."""

    routes: Routes
    """Delays of messages that wait in no queue."""

    def join(self, address: str, handler: Handler) -> None:
        """Let a host take part; `handler(payload)` is called on every first delivery, at its time of arrival."""

    def get_peers(self, address: str) -> list[Link]:
        """Return the links to the active peers of a host."""

    def broadcast(self, origin: str, message_id: str, payload: object, size_bytes: int) -> None:
        """Start the gossip of a message at its origin, which already has it."""

    def foresee(self, origin: str, message_id: str, size_bytes: int) -> Floats | None:
        """Instead of `broadcast`, where arrivals are known ahead: return each host's delay, in the order of `routes`.

        None: they are not known ahead, and nothing was sent.
        """

    def measure(self, origin: str, message_id: str, size_bytes: int) -> None:
        """Record the arrivals of a message that need not be delivered, where arrivals are known ahead."""


class Roster:
    """Who has joined, and all links by sender and receiver; both tiers keep one."""

    def __init__(self, graph: nx.DiGraph) -> None:
        self.links = {
            sender: {
                receiver: Link(receiver, data["latency_seconds"], data["bandwidth_bits_per_second"])
                for receiver, data in sorted(peers.items())
            }
            for sender, peers in graph.adjacency()
        }
        self.handlers: dict[str, Handler] = {}
        """By host, in the order of joining."""
        self.version = 0
        """Raised whenever links change: what was computed over them before no longer holds."""
        self.listeners: list[Callable[[], None]] = []
        """Told whenever links have changed."""
        self._active: dict[str, list[Link]] = {}

    def join(self, address: str, handler: Handler) -> None:
        """Note a host's handler; raise ValueError for a host that the topology does not have."""
        if address not in self.links:
            raise ValueError(f"host {address!r} is not a node of the topology")
        self.handlers[address] = handler
        self.version += 1
        self._active.clear()
        for listener in self.listeners:
            listener()

    def get_peers(self, address: str) -> list[Link]:
        """Return the links to the active peers of a host."""
        found = self._active.get(address)
        if found is None:
            found = [link for receiver, link in self.links[address].items() if receiver in self.handlers]
            self._active[address] = found
        return found
