"""Flooding gossip, hop by hop on the SimPy clock (tier `events`).

1. The origin sends a message to each of its active peers.
2. A sender's uploads queue first in, first out, at the host's upload rate: delay = queue + size / bandwidth + latency.
3. A host that receives a message for the first time validates it, hands it to its handler and sends it on to all other
   peers.
4. Later copies are dropped.
5. A lost transfer is repeated: `retry_timeout` after its upload began it joins the sender's queue again.
6. A message above `announce_above` is announced. Who hears of it asks the first announcer for it, and the next one if
   the message is not there `retry_timeout` later. A message then travels three one-way latencies a hop.
7. Whatever arrives at a host that is down or cut off from its sender is lost, and not repeated.

At most one event per hop, no process and no Store per message (design 7).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import Any

import networkx as nx
import simpy

from sim.metrics.recorder import Recorder
from sim.network.gossip import BITS_PER_BYTE, Handler, Link, Roster
from sim.network.routes import Routes
from sim.scenario import NetworkConfig
from sim.streams import Streams

ANNOUNCEMENT_BYTES = 61  # Bitcoin's `inv` of one item: header 24, count 1, type 4, hash 32
REQUEST_BYTES = 61  # `getdata` has the same form


@dataclass(eq=False)
class Message:
    """What a link carries: a transaction or a block, known by its id."""

    message_id: str
    payload: Any
    size_bytes: int
    created_seconds: float
    reached: set[str] = field(default_factory=set)
    announcers: dict[str, list[str]] = field(default_factory=dict)
    """Receiver -> hosts that have announced the message to it and have not been asked yet."""
    asked: set[str] = field(default_factory=set)
    """Receivers that wait for an answer."""


class EventsNetwork:
    """Every hop of every message; see `Network`."""

    def __init__(
        self, env: simpy.Environment, graph: nx.DiGraph, recorder: Recorder, config: NetworkConfig, streams: Streams
    ) -> None:
        self._env = env
        self._recorder = recorder
        self._streams = streams
        self._retry_seconds = config.retry_timeout
        self._announce_above = inf if config.announce_above is None else config.announce_above
        self._validation_seconds = config.hop_validation
        self.roster = Roster(graph, config.loss)
        self.routes = Routes(self.roster, config.hop_validation)
        self.get_peers = self.roster.get_peers
        self._upload_rate = {address: get_upload_rate(graph, address) for address in graph}
        self._upload_free_at = dict.fromkeys(graph, 0.0)

    def join(self, address: str, handler: Handler) -> None:
        """Let a host take part; see `Network.join`."""
        self.roster.join(address, handler)

    def broadcast(self, origin: str, message_id: str, payload: object, size_bytes: int) -> None:
        """Start the gossip of a message at its origin, which already has it."""
        message = Message(message_id, payload, size_bytes, self._env.now)
        message.reached.add(origin)
        self._send_on(message, origin, came_from=None)

    def foresee(self, origin: str, message_id: str, size_bytes: int) -> None:
        """Nobody knows how long uploads will queue; see `Network.foresee`."""

    def measure(self, origin: str, message_id: str, size_bytes: int) -> None:
        """Every message is delivered; see `Network.measure`."""

    def _send_on(self, message: Message, sender: str, came_from: str | None) -> None:
        is_announced = message.size_bytes > self._announce_above
        for link in self.get_peers(sender):
            if link.receiver == came_from:
                continue
            if is_announced:
                hear = partial(self._hear, message, link.receiver, sender)
                self._transfer(sender, link, ANNOUNCEMENT_BYTES, 0.0, hear)
            else:
                self._send_body(message, sender, link)

    def _send_body(self, message: Message, sender: str, link: Link) -> None:
        if link.receiver in message.reached and not link.loss:
            # The sender cannot know; the copy would be dropped on arrival. A receiver that has crashed since and lost
            # the message gets it from its peers when it is back.
            self._occupy(sender, message.size_bytes)
            return
        arrive = partial(self._arrive, message, link.receiver, sender)
        self._transfer(sender, link, message.size_bytes, self._validation_seconds, arrive)

    def _transfer(
        self, sender: str, link: Link, size_bytes: int, then_seconds: float, callback: Callable[[simpy.Event], None]
    ) -> None:
        """Queue an upload; `callback` is called when it has arrived and `then_seconds` more have passed."""
        now, start = self._env.now, self._occupy(sender, size_bytes)
        if link.loss and self._streams("network", "loss", sender, link.receiver).random() < link.loss:
            delay = start + self._retry_seconds - now
            callback = partial(self._repeat, sender, link.receiver, size_bytes, then_seconds, callback)
        else:
            delay = start + link.compute_transfer_seconds(size_bytes) + link.latency_seconds - now + then_seconds
        hop = self._env.timeout(delay)
        hop.callbacks.append(callback)

    def _occupy(self, sender: str, size_bytes: int) -> float:
        """Take the next free time of the sender's uplink; return when the upload begins."""
        now, start = self._env.now, self._upload_free_at[sender]
        if start < now:
            start = now
        rate = self._upload_rate[sender]
        if not self.roster.conditions.is_calm:
            rate *= self.roster.conditions.get_bandwidth_factor(sender)
        self._upload_free_at[sender] = start + BITS_PER_BYTE * size_bytes / rate
        return start

    def _repeat(
        self,
        sender: str,
        receiver: str,
        size_bytes: int,
        then_seconds: float,
        callback: Callable[[simpy.Event], None],
        _: simpy.Event,
    ) -> None:
        link = self.roster.get_link(sender, receiver)  # a fault may have begun or ended
        if link is not None:
            self._transfer(sender, link, size_bytes, then_seconds, callback)

    def _arrive(self, message: Message, receiver: str, sender: str, _: simpy.Event) -> None:
        if receiver in message.reached or not self.roster.is_open(sender, receiver):
            return
        message.reached.add(receiver)
        now = self._env.now
        self._recorder.add_delivery(message.message_id, receiver, now, now - message.created_seconds)
        self.roster.handlers[receiver](message.payload)
        self._send_on(message, receiver, came_from=sender)

    # Announce, request, deliver

    def _hear(self, message: Message, receiver: str, announcer: str, _: simpy.Event) -> None:
        if receiver in message.reached or not self.roster.is_open(announcer, receiver):
            return
        message.announcers.setdefault(receiver, []).append(announcer)
        if receiver not in message.asked:
            self._ask(message, receiver)

    def _ask(self, message: Message, receiver: str) -> None:
        """Ask the next announcer; where there is none, the next announcement will be answered at once."""
        if receiver in message.reached:
            return
        if not message.announcers[receiver]:
            message.asked.discard(receiver)
            return
        message.asked.add(receiver)
        announcer = message.announcers[receiver].pop(0)
        serve = partial(self._serve, message, announcer, receiver)
        link = self.roster.get_link(receiver, announcer)
        if link is not None:
            self._transfer(receiver, link, REQUEST_BYTES, 0.0, serve)
        patience = self._env.timeout(self._retry_seconds)
        patience.callbacks.append(lambda _: self._ask(message, receiver))

    def _serve(self, message: Message, announcer: str, receiver: str, _: simpy.Event) -> None:
        link = self.roster.get_link(announcer, receiver)
        if link is not None:
            self._send_body(message, announcer, link)


def get_upload_rate(graph: nx.DiGraph, address: str) -> float:
    """Return a host's upload rate in bit/s: its own, or its fastest link's where the topology names none."""
    own = graph.nodes[address].get("upload_bits_per_second")
    fastest = max((data["bandwidth_bits_per_second"] for data in graph[address].values()), default=inf)
    return fastest if own is None else own
