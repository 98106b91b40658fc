"""What both tiers have in common: hosts and links, routes over these, and messages from one host to one host.

Such a message takes the shortest path, hop by hop: the cheapest over the links as they are when it is sent. A fault
that cuts it ahead of the message, or takes down a host on it, stops the message where it is. It is lost then, without a
word to either end: a host that waits for an answer needs patience.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import partial

import networkx as nx
import simpy

from sim.metrics.recorder import Recorder
from sim.network.links import Link, Roster
from sim.network.routes import Routes
from sim.scenario.schema import NetworkConfig

Arrive = Callable[[simpy.Event], None]


class Courier:
    """A network without its way to spread a message to everybody."""

    def __init__(
        self, env: simpy.Environment, graph: nx.DiGraph, recorder: Recorder, config: NetworkConfig, loss: float = 0.0
    ) -> None:
        self._env = env
        self._recorder = recorder
        self._validation_seconds = config.hop_validation
        self.roster = Roster(graph, loss)
        self.join, self.get_peers = self.roster.join, self.roster.get_peers
        self._routes = Routes(self.roster, self._validation_seconds)

    @property
    def routes(self) -> Routes:
        """Paths over the links as they are now; the value stays as it is when they change."""
        if self._routes.revision != self.roster.revision:
            self._routes = Routes(self.roster, self._validation_seconds)
        return self._routes

    def send(self, sender: str, receiver: str, size_bytes: int, then: Callable[[], None]) -> None:
        """Send a message; `then` is called when it arrives, and never if it is stopped."""
        self._forward(self.routes.find_path(sender, receiver, size_bytes), size_bytes, then)

    @abstractmethod
    def _transfer(self, sender: str, link: Link, size_bytes: int, then: Arrive) -> None:
        """Take a message over a link, with the times, queues and losses of the tier."""

    def _forward(self, path: tuple[str, ...], size_bytes: int, then: Callable[[], None]) -> None:
        """Take a message on from the first host of the rest of its path; it is lost where there is no way on."""
        if len(path) == 1:
            then()
        elif path and (link := self.roster.get_link(*path[:2])) is not None:
            self._transfer(path[0], link, size_bytes, partial(self._pass_on, path, size_bytes, then))

    def _pass_on(self, path: tuple[str, ...], size_bytes: int, then: Callable[[], None], _: simpy.Event) -> None:
        if self.roster.is_open(*path[:2]):
            self._forward(path[1:], size_bytes, then)
