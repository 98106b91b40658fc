"""Arrival times from shortest paths (tier `paths`): exact wherever no upload has to wait.

1. A link costs latency + size / bandwidth + validation; a message takes the cheapest way to every host (`Routes`).
2. One row of shortest paths holds all arrivals of a message. It depends on origin and size only and is kept until
   another host joins or a fault begins or ends.
3. A message has one pending event at a time: at every arrival it calls the receiver's handler and waits for the next.
4. What would arrive at a host that is then down, or cut off from the origin, is lost.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from hashlib import sha256

import networkx as nx
import numpy as np
import numpy.typing as npt
import simpy

from sim.metrics.recorder import Recorder
from sim.network.gossip import Handler, Roster
from sim.network.routes import Floats, Routes
from sim.network.rows import Rows
from sim.scenario import NetworkConfig

MEASURED_HOSTS = 200


@dataclass(frozen=True, eq=False)
class Arrivals:
    """Where a message of one size from one origin goes, in the order of arrival."""

    receivers: array[int]
    delays_seconds: array[float]
    digest: str
    """Hash over both, for the trace."""


class PathsNetwork:
    """All arrivals at once; see `Network`."""

    def __init__(self, env: simpy.Environment, graph: nx.DiGraph, recorder: Recorder, config: NetworkConfig) -> None:
        self.env = env
        self._recorder = recorder
        self.roster = Roster(graph)
        self.routes = Routes(self.roster, config.hop_validation)
        self.get_peers = self.roster.get_peers
        self.handlers: list[Handler] = []
        """In the order of joining."""
        self._n_measured = 0
        self._revision = 0
        self._rows = Rows(self._compute_arrivals, 0)

    def join(self, address: str, handler: Handler) -> None:
        """Let a host take part; messages on their way do not reach it. See `Network.join`."""
        self.roster.join(address, handler)
        self.handlers.append(handler)

    def broadcast(self, origin: str, message_id: str, payload: object, size_bytes: int) -> None:
        """Start the gossip of a message at its origin, which already has it."""
        row = self._record(origin, message_id, size_bytes)
        if row.delays_seconds:
            _Delivery(self, row, origin, message_id, payload).wait()

    def foresee(self, origin: str, message_id: str, size_bytes: int) -> Floats:
        """Record all arrivals and return their delays; see `Network.foresee`."""
        row = self._record(origin, message_id, size_bytes)
        delays = np.full(len(self.handlers), np.inf)
        delays[row.receivers] = row.delays_seconds
        delays[self.routes.index[origin]] = 0.0
        return delays

    def measure(self, origin: str, message_id: str, size_bytes: int) -> None:
        """Record all arrivals of one message in so many that large networks do not spend their time on it.

        Up to 200 hosts every message is measured, of n hosts one in (n / 200)^2.
        """
        if self._n_measured % max(1, round((len(self.handlers) / MEASURED_HOSTS) ** 2)) == 0:
            self._record(origin, message_id, size_bytes)
        self._n_measured += 1

    def _record(self, origin: str, message_id: str, size_bytes: int) -> Arrivals:
        row = self._get_arrivals(origin, size_bytes)
        if row.delays_seconds:
            self._recorder.add_deliveries(message_id, self.env.now, row.delays_seconds, row.digest)
        return row

    def lose(self, message_id: str, receiver: str, delay_seconds: float) -> None:
        """Take back an arrival that a fault has made impossible."""
        self._recorder.lose_delivery(message_id, receiver, self.env.now, delay_seconds)

    def _get_arrivals(self, origin: str, size_bytes: int) -> Arrivals:
        if self._revision != self.roster.revision:
            self._revision = self.roster.revision
            self._rows = Rows(self._compute_arrivals, len(self.handlers))
        return self._rows.get(origin, size_bytes)

    def _compute_arrivals(self, origin: str, size_bytes: int) -> Arrivals:
        delays = self.routes.compute_delays(origin, size_bytes)
        delays[self.routes.index[origin]] = np.inf
        order = _sort(delays)[: np.count_nonzero(delays < np.inf)].astype(np.int32)
        reached = delays[order]
        digest = sha256(order.tobytes() + reached.tobytes()).hexdigest()
        return Arrivals(array("i", order.tobytes()), array("d", reached.tobytes()), digest)


def _sort(delays: Floats) -> npt.NDArray[np.int64]:
    """Return the order of arrival, equal ones by index: stable, for half the time of a stable sort where none are."""
    order = np.argsort(delays)
    sorted_ = delays[order]
    return np.argsort(delays, kind="stable") if (sorted_[1:] == sorted_[:-1]).any() else order


class _Delivery:
    """A message on its way: one pending event, at the next arrival."""

    def __init__(self, network: PathsNetwork, row: Arrivals, origin: str, message_id: str, payload: object) -> None:
        self._network = network
        self._env = network.env
        self._row = row
        self._origin = origin
        self._message_id = message_id
        self._payload = payload
        self._start = self._env.now
        self._next = 0

    def wait(self) -> None:
        """Sleep until the next arrival."""
        due = self._start + self._row.delays_seconds[self._next]
        event = self._env.timeout(max(0.0, due - self._env.now))
        event.callbacks.append(self._deliver)

    def _deliver(self, _: simpy.Event) -> None:
        """Hand the message over at the arrival that was waited for, and at all that share its time."""
        receivers, delays, now = self._row.receivers, self._row.delays_seconds, self._env.now
        conditions, handlers = self._network.roster.conditions, self._network.handlers
        while True:
            if conditions.is_calm or self._arrives(receivers[self._next], delays[self._next]):
                handlers[receivers[self._next]](self._payload)
            self._next += 1
            if self._next == len(delays):
                return
            if self._start + delays[self._next] > now:
                self.wait()
                return

    def _arrives(self, position: int, delay_seconds: float) -> bool:
        """Tell whether no fault keeps the receiver of that position from getting the message now."""
        roster = self._network.roster
        receiver = list(roster.handlers)[position]
        if roster.is_open(self._origin, receiver):
            return True
        self._network.lose(self._message_id, receiver, delay_seconds)
        return False
