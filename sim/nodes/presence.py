"""Hosts that leave of their own accord, and come back: for the network the same as a host that is down."""

from __future__ import annotations

from collections.abc import Callable, Generator

import simpy

from sim.network.conditions import Disturbance
from sim.network.links import Roster
from sim.nodes.catch_up import CatchUp


class Presence:
    """Keeps the hosts that have left, and lets them leave and return."""

    def __init__(self, env: simpy.Environment, roster: Roster, catch_up: CatchUp, notice_seconds: float) -> None:
        """A host that leaves stays for `notice_seconds`, so that its last messages travel on."""
        self._env = env
        self._roster = roster
        self._catch_up = catch_up
        self._notice_seconds = notice_seconds
        self._leaving: set[str] = set()
        self.away: dict[str, None] = {}
        """Hosts that have left, in that order."""

    def leave(self, address: str, stop: Callable[[], None]) -> None:
        """Let a host leave; `stop` ends its processes. Without effect where it is leaving or away."""
        if address not in self._leaving and address not in self.away:
            self._leaving.add(address)
            self._env.process(self._go(address, stop))

    def join(self, address: str) -> None:
        """Let a host come back, or stay; it fetches the blocks that it has missed."""
        self._leaving.discard(address)
        if address in self.away:
            del self.away[address]
            self._catch_up.reconnect(self._roster.relieve(_key(address)))

    def _go(self, address: str, stop: Callable[[], None]) -> Generator[simpy.Event, object, None]:
        yield self._env.timeout(self._notice_seconds)
        if address in self._leaving:
            self._leaving.discard(address)
            self.away[address] = None
            self._catch_up.expect_gaps()
            self._roster.disturb(_key(address), Disturbance(down=frozenset([address])))
            stop()


def _key(address: str) -> tuple[str, str]:
    return ("left", address)
