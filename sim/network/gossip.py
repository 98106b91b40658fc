"""Flooding gossip, hop by hop on the SimPy clock (tier `events`).

1. The origin sends a message to each of its active peers.
2. A sender's uploads queue first in, first out, at the host's upload rate: delay = queue + size / bandwidth + latency.
3. A host that receives a message for the first time validates it, hands it to its handler and sends it on to all other
   peers.
4. Later copies are dropped.
5. A lost transfer is repeated: `retry_timeout` after its upload began it joins the sender's queue again.
6. A message above `announce_above` is announced. A host that hears of it asks the first announcer for it, and the next
   one if the message is not there `retry_timeout` later. A message then travels three one-way latencies a hop.
7. A transfer that arrives at a host that is down or cut off from its sender is lost, and not repeated.

At most one event per hop, no process and no Store per message (design 7).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from math import inf

import networkx as nx
import simpy
from typing_extensions import override

from sim.metrics.recorder import Recorder
from sim.network.base import ANNOUNCEMENT_BYTES, REQUEST_BYTES, Message
from sim.network.courier import Arrive, Courier
from sim.network.links import BITS_PER_BYTE, Link, get_upload_rate
from sim.scenario.schema import NetworkConfig
from sim.streams import Streams


@dataclass(eq=False)
class Spread:
    """A message on its way: the hosts that it has reached, and those that have only heard of it."""

    message_id: str
    payload: object
    size_bytes: int
    created_seconds: float
    reached: set[str]
    announcers: dict[str, list[str]] = field(default_factory=dict)
    """Receiver -> hosts that have announced the message to it and have not been asked yet."""
    asked: set[str] = field(default_factory=set)
    """Receivers that wait for an answer."""


class GossipNetwork(Courier):
    """Every hop of every message; a `Flood`."""

    def __init__(
        self, env: simpy.Environment, graph: nx.DiGraph, recorder: Recorder, config: NetworkConfig, streams: Streams
    ) -> None:
        super().__init__(env, graph, recorder, config, config.loss)
        self._streams = streams
        self._retry_seconds = config.retry_timeout
        self._announce_above = inf if config.announce_above is None else config.announce_above
        self._upload_rate = {address: get_upload_rate(graph, address) for address in graph}
        self._upload_free_at = dict.fromkeys(graph, 0.0)

    def broadcast(self, message: Message) -> None:
        """Start the gossip of a message at its origin, which already has it."""
        spread = Spread(message.message_id, message.payload, message.size_bytes, self._env.now, {message.origin})
        self._send_on(spread, message.origin, came_from=None)

    def _send_on(self, spread: Spread, sender: str, came_from: str | None) -> None:
        is_announced = spread.size_bytes > self._announce_above
        for link in self.get_peers(sender):
            if link.receiver == came_from:
                continue
            if is_announced:
                hear = partial(self._hear, spread, link.receiver, sender)
                self._upload(sender, link, ANNOUNCEMENT_BYTES, 0.0, hear)
            else:
                self._send_body(spread, sender, link)

    def _send_body(self, spread: Spread, sender: str, link: Link) -> None:
        if link.receiver in spread.reached and not link.loss:
            # The sender cannot know; the copy would be dropped on arrival. A receiver that has crashed since and lost
            # the message gets it from its peers when it is back.
            self._occupy(sender, spread.size_bytes)
            return
        arrive = partial(self._arrive, spread, link.receiver, sender)
        self._upload(sender, link, spread.size_bytes, self._validation_seconds, arrive)

    @override
    def _transfer(self, sender: str, link: Link, size_bytes: int, then: Arrive) -> None:
        self._upload(sender, link, size_bytes, self._validation_seconds, then)

    def _upload(self, sender: str, link: Link, size_bytes: int, then_seconds: float, callback: Arrive) -> None:
        """Queue an upload; `callback` is called when it has arrived and `then_seconds` more have passed."""
        now, start = self._env.now, self._occupy(sender, size_bytes)
        if link.loss and self._streams("network", "loss", sender, link.receiver).random() < link.loss:
            delay = start + self._retry_seconds - now
            callback = partial(self._repeat, sender, link.receiver, size_bytes, then_seconds, callback)
        else:
            delay = start + link.compute_transfer_seconds(size_bytes) + link.latency_seconds - now + then_seconds
        self._env.timeout(delay).callbacks.append(callback)

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
        self, sender: str, receiver: str, size_bytes: int, then_seconds: float, callback: Arrive, _: simpy.Event
    ) -> None:
        link = self.roster.get_link(sender, receiver)  # a fault may have begun or ended
        if link is not None:
            self._upload(sender, link, size_bytes, then_seconds, callback)

    def _arrive(self, spread: Spread, receiver: str, sender: str, _: simpy.Event) -> None:
        if receiver in spread.reached or not self.roster.is_open(sender, receiver):
            return
        spread.reached.add(receiver)
        now = self._env.now
        self._recorder.add_delivery(spread.message_id, receiver, now, now - spread.created_seconds)
        self.roster.handlers[receiver](spread.payload)
        self._send_on(spread, receiver, came_from=sender)

    # Announce, request, deliver

    def _hear(self, spread: Spread, receiver: str, announcer: str, _: simpy.Event) -> None:
        if receiver in spread.reached or not self.roster.is_open(announcer, receiver):
            return
        spread.announcers.setdefault(receiver, []).append(announcer)
        if receiver not in spread.asked:
            self._ask(spread, receiver)

    def _ask(self, spread: Spread, receiver: str) -> None:
        """Ask the next announcer; if all have been asked, the next announcement is answered at once."""
        if receiver in spread.reached:
            return
        if not spread.announcers[receiver]:
            spread.asked.discard(receiver)
            return
        spread.asked.add(receiver)
        announcer = spread.announcers[receiver].pop(0)
        serve = partial(self._serve, spread, announcer, receiver)
        link = self.roster.get_link(receiver, announcer)
        if link is not None:
            self._upload(receiver, link, REQUEST_BYTES, 0.0, serve)
        self._env.timeout(self._retry_seconds).callbacks.append(lambda _: self._ask(spread, receiver))

    def _serve(self, spread: Spread, announcer: str, receiver: str, _: simpy.Event) -> None:
        link = self.roster.get_link(announcer, receiver)
        if link is not None:
            self._send_body(spread, announcer, link)
