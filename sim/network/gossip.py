"""What hosts know of the network: peers, links, and messages that reach everybody.

Two tiers stand behind one interface (design 7): `events` (sim.network.events) simulates every hop with its upload
queue, losses and announcements; `paths` (sim.network.paths) takes all arrival times from one row of shortest paths.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import networkx as nx

from sim.network.conditions import Conditions, Disturbance

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
    loss: float = 0.0
    """Probability that a transfer is lost."""

    def compute_transfer_seconds(self, size_bytes: int) -> float:
        """Time on the wire, without latency and queue."""
        return BITS_PER_BYTE * size_bytes / self.bandwidth_bits_per_second


class Network(Protocol):
    """All hosts' links. A host that has not joined, or is down, neither receives nor relays.

    What is on its way is lost if, when it arrives, its receiver is down or cut off.
    """

    roster: Roster
    """Who is there, and who is linked to whom."""

    routes: Routes
    """Delays of messages that wait in no queue."""

    def join(self, address: str, handler: Handler) -> None:
        """Let a host take part; `handler(payload)` is called on every first delivery, at its time of arrival."""

    def get_peers(self, address: str) -> list[Link]:
        """Return the open links to the active peers of a host."""

    def broadcast(self, origin: str, message_id: str, payload: object, size_bytes: int) -> None:
        """Start the gossip of a message at its origin, which already has it."""

    def foresee(self, origin: str, message_id: str, size_bytes: int) -> Floats | None:
        """Instead of `broadcast`, where arrivals are known ahead: return each host's delay, in the order of `routes`.

        None: they are not known ahead, and nothing was sent.
        """

    def measure(self, origin: str, message_id: str, size_bytes: int) -> None:
        """Record the arrivals of a message that need not be delivered, where arrivals are known ahead."""


class Roster:
    """Who has joined, and all links by sender and receiver as faults have left them; both tiers keep one."""

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
        """Raised whenever links change: what was computed over them before no longer holds."""
        self.listeners: list[Callable[[], None]] = []
        """Told whenever links have changed."""
        self._active: dict[str, list[Link]] = {}
        self._parts: dict[str, int] = {}

    def join(self, address: str, handler: Handler) -> None:
        """Note a host's handler; raise ValueError for a host that the topology does not have."""
        if address not in self._links:
            raise ValueError(f"host {address!r} is not a node of the topology")
        self.handlers[address] = handler
        self._change()

    def disturb(self, key: object, disturbance: Disturbance) -> None:
        """Let a disturbance hold until `relieve` is called with its key."""
        self.conditions.add(key, disturbance)
        self._change()

    def relieve(self, key: object) -> list[tuple[str, str]]:
        """End a disturbance; return the pairs of hosts, each once, whose links are open again."""
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

    def is_reachable(self, a: str, b: str) -> bool:
        """Tell whether two hosts that are up are connected by links between hosts that are up."""
        if not self._parts:
            self._parts = self._find_parts()
        return a in self._parts and self._parts[a] == self._parts.get(b)

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

    def _change(self) -> None:
        self.revision += 1
        self._active.clear()
        self._parts.clear()
        for listener in self.listeners:
            listener()

    def _find_parts(self) -> dict[str, int]:
        """Number the connected parts of the hosts that are up. Links go both ways in every topology."""
        parts: dict[str, int] = {}
        for start in self.handlers:
            if start in parts or not self.is_up(start):
                continue
            number, waiting = len(parts), [start]
            while waiting:
                address = waiting.pop()
                if address not in parts:
                    parts[address] = number
                    waiting += [link.receiver for link in self.get_peers(address)]
        return parts
