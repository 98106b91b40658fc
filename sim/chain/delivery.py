"""An agreed block on its way to the hosts: each applies it when it has the block and the precommits for it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import simpy

from sim.chain.chain_node import ChainNode
from sim.network.links import Roster
from sim.protocol.blocks.state import Block


class BlockDelivery:
    """Hands the block over in the order of time, with one pending event."""

    def __init__(
        self,
        env: simpy.Environment,
        nodes: Mapping[str, ChainNode],
        roster: Roster,
        block: Block,
        arrivals_seconds: Mapping[str, float],
        commits_seconds: Mapping[str, float],
    ) -> None:
        """`arrivals_seconds` of the block, so far as they are known; `commits_seconds` of the precommits."""
        self.block = block
        self._env = env
        self._nodes = nodes
        self._roster = roster
        self._commits_seconds = commits_seconds
        due = [(max(at, commits_seconds[who]), who) for who, at in arrivals_seconds.items() if who in commits_seconds]
        self._due = sorted((item for item in due if item[0] < math.inf), key=lambda item: item[0])
        self._next = 0
        self._wait()

    def note_arrival(self, address: str) -> None:
        """A host gets the block after it was agreed."""
        seconds = self._commits_seconds.get(address, math.inf)
        if seconds <= self._env.now:
            self._apply(address)
        elif seconds < math.inf:
            event = self._env.timeout(seconds - self._env.now)
            event.callbacks.append(lambda _: self._apply(address))

    def _wait(self) -> None:
        if self._next < len(self._due):
            event = self._env.timeout(max(0.0, self._due[self._next][0] - self._env.now))
            event.callbacks.append(self._hand_over)

    def _hand_over(self, _: simpy.Event) -> None:
        now = self._env.now
        while self._next < len(self._due) and self._due[self._next][0] <= now:
            self._apply(self._due[self._next][1])
            self._next += 1
        self._wait()

    def _apply(self, address: str) -> None:
        if self._roster.is_up(address):
            self._nodes[address].receive(self.block)
