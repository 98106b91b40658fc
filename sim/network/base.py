"""The interface of all tiers, and the two ways in which they spread a message.

Two tiers stand behind it (design 7): `events` (sim.network.gossip) simulates every hop with its upload queue, losses
and announcements, so it floods; `paths` (sim.network.paths) takes all arrival times from one row of shortest paths, so
it foresees. A network does one of the two; mempools and consensus ask which.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from sim.network.links import Handler, Link, Roster
from sim.network.routes import Floats, Routes

ANNOUNCEMENT_BYTES = 61  # Bitcoin's `inv` of one item: header 24, count 1, type 4, hash 32
REQUEST_BYTES = 61  # `getdata` has the same form


@dataclass(frozen=True)
class Message:
    """A transaction or a block for all hosts, known by its id."""

    message_id: str
    origin: str
    """The host that has it first."""
    payload: object
    size_bytes: int


class Network(Protocol):
    """All hosts' links. A host that has not joined, or is down, neither receives nor relays.

    A message that arrives at a host that is down or cut off is lost.
    """

    roster: Roster
    """The hosts that have joined, and their links."""

    routes: Routes
    """Delays of messages that wait in no queue."""

    def join(self, address: str, handler: Handler) -> None:
        """Let a host take part. `handler(payload)` is called at a first delivery, where deliveries are simulated."""

    def get_peers(self, address: str) -> list[Link]:
        """Return the open links to the active peers of a host."""

    def send(self, sender: str, receiver: str, size_bytes: int, then: Callable[[], None]) -> None:
        """Send a message from one host to one host over the shortest path; `then` is called when it arrives.

        Each hop takes latency + size / bandwidth + validation, and in a `Flood` its turn in the sender's uplink queue
        and repetitions of losses. Where no path leads, or a fault cuts it meanwhile, `then` is not called.
        """


@runtime_checkable
class Flood(Network, Protocol):
    """A network that delivers every message hop by hop; times of arrival are known when they come."""

    def broadcast(self, message: Message) -> None:
        """Start the gossip of a message at its origin, which already has it."""


@runtime_checkable
class Foresight(Network, Protocol):
    """A network that knows a message's times of arrival when it is sent, and makes no deliveries."""

    def delays(self, origin: str, size_bytes: int) -> Floats:
        """Return the seconds from a host to every host, in the order of `routes.index`; infinity where no way leads."""

    def record(self, message_id: str, origin: str, size_bytes: int) -> None:
        """Count the arrivals of a message that sets out now, without those that a fault prevents later."""
