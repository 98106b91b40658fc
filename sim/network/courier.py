"""A message from one host to one host, in either tier: over the shortest path, hop by hop.

The path is the cheapest over the links as they are when the message is sent. A fault that cuts it ahead of the message,
or takes down a host on it, stops the message where it is. It is lost then, without a word to either end: a host that
waits for an answer needs patience.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import simpy

from sim.network.links import Link, Roster
from sim.network.routes import Routes

Arrive = Callable[[simpy.Event], None]
Transfer = Callable[[str, Link, int, Arrive], None]
"""A tier's way to take a message over a link: sender, link, bytes, callback at the arrival."""


class Courier:
    """Carries messages over links with the times, queues and losses of its tier."""

    def __init__(self, roster: Roster, routes: Routes, transfer: Transfer) -> None:
        self._roster = roster
        self._routes = routes
        self._transfer = transfer

    def send(self, sender: str, receiver: str, size_bytes: int, then: Callable[[], None]) -> None:
        """Send a message; `then` is called when it arrives, and never if it is stopped."""
        self._forward(self._routes.find_path(sender, receiver, size_bytes), size_bytes, then)

    def _forward(self, path: tuple[str, ...], size_bytes: int, then: Callable[[], None]) -> None:
        """Take a message on from the first host of the rest of its path; it is lost where there is no way on."""
        if len(path) == 1:
            then()
        elif path and (link := self._roster.get_link(*path[:2])) is not None:
            self._transfer(path[0], link, size_bytes, partial(self._arrive, path, size_bytes, then))

    def _arrive(self, path: tuple[str, ...], size_bytes: int, then: Callable[[], None], _: simpy.Event) -> None:
        if self._roster.is_open(*path[:2]):
            self._forward(path[1:], size_bytes, then)
