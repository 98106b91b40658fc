"""Arrival times from shortest paths (tier `paths`): exact wherever no upload has to wait.

1. A link costs latency + size / bandwidth + validation; a message takes the cheapest way to every host.
2. One row of Dijkstra's algorithm holds all arrivals of a message. It depends on origin and size only and is kept until
   another host joins or a fault begins or ends.
3. A message has one pending event at a time: at every arrival it calls the receiver's handler and waits for the next.
4. What would arrive at a host that is then down, or cut off from the origin, is lost.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256

import networkx as nx
import numpy as np
import numpy.typing as npt
import simpy
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from sim.metrics.recorder import Recorder
from sim.network.gossip import BITS_PER_BYTE, Handler, Roster
from sim.scenario import NetworkConfig

MAX_CACHED_ARRIVALS = 5_000_000  # about 60 MB
Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int32]


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
        self.get_peers = self.roster.get_peers
        self._validation_seconds = config.hop_validation
        self._addresses: list[str] = []
        self._index: dict[str, int] = {}
        self.handlers: list[Handler] = []
        self._version = 0
        self._links: _Links | None = None
        self._rows: OrderedDict[tuple[str, int], Arrivals] = OrderedDict()

    def join(self, address: str, handler: Handler) -> None:
        """Let a host take part; messages on their way do not reach it. See `Network.join`."""
        self.roster.join(address, handler)
        self._index[address] = len(self._addresses)
        self._addresses.append(address)
        self.handlers.append(handler)

    def broadcast(self, origin: str, message_id: str, payload: object, size_bytes: int) -> None:
        """Start the gossip of a message at its origin, which already has it."""
        row = self._get_arrivals(origin, size_bytes)
        if row.delays_seconds:
            self._recorder.add_deliveries(message_id, self.env.now, row.delays_seconds, row.digest)
            _Delivery(self, row, origin, message_id, payload).wait()

    def deliver(self, origin: str, message_id: str, payload: object, position: int, delay_seconds: float) -> None:
        """Hand a message to the receiver of that position, unless a fault keeps it from arriving."""
        receiver = self._addresses[position]
        if self.roster.is_open(origin, receiver):
            self.handlers[position](payload)
        else:
            self._recorder.lose_delivery(message_id, receiver, self.env.now, delay_seconds)

    def _get_arrivals(self, origin: str, size_bytes: int) -> Arrivals:
        if self._version != self.roster.version:
            self._version, self._links = self.roster.version, None
            self._rows.clear()
        key = (origin, size_bytes)
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = self._compute_arrivals(origin, size_bytes)
            if len(self._rows) * len(self._addresses) > MAX_CACHED_ARRIVALS and len(self._rows) > 1:
                self._rows.popitem(last=False)
        return row

    def _compute_arrivals(self, origin: str, size_bytes: int) -> Arrivals:
        if self._links is None:
            self._links = _Links(self.roster, self._index, self._validation_seconds)
        delays = dijkstra(self._links.weigh(size_bytes), indices=self._index[origin])
        delays[self._index[origin]] = np.inf
        order = _sort(delays)[: np.count_nonzero(delays < np.inf)].astype(np.int32)
        reached = delays[order]
        digest = sha256(order.tobytes() + reached.tobytes()).hexdigest()
        return Arrivals(array("i", order.tobytes()), array("d", reached.tobytes()), digest)


def _sort(delays: Floats) -> npt.NDArray[np.int64]:
    """Return the order of arrival, equal ones by index: stable, for half the time of a stable sort where none are."""
    order = np.argsort(delays)
    sorted_ = delays[order]
    return np.argsort(delays, kind="stable") if (sorted_[1:] == sorted_[:-1]).any() else order


class _Links:
    """Links between hosts that have joined, as a sparse matrix."""

    def __init__(self, roster: Roster, index: dict[str, int], validation_seconds: float) -> None:
        rows = [roster.get_peers(address) for address in index]
        links = [link for row in rows for link in row]
        bandwidth = np.array([link.bandwidth_bits_per_second for link in links], dtype=float)
        self._fixed_seconds = np.array([link.latency_seconds for link in links], dtype=float) + validation_seconds
        self._seconds_per_byte = BITS_PER_BYTE / bandwidth
        columns = np.array([index[link.receiver] for link in links], dtype=np.int32)
        starts = np.cumsum([0, *map(len, rows)], dtype=np.int32)
        self._matrix = csr_array((self._fixed_seconds, columns, starts), shape=(len(rows), len(rows)))

    def weigh(self, size_bytes: int) -> csr_array:
        """Return the seconds that a message of this size takes over each link; valid until the next call."""
        self._matrix.data = self._fixed_seconds + size_bytes * self._seconds_per_byte
        return self._matrix


class _Delivery:
    """A message on its way: one pending event, at the next arrival."""

    def __init__(self, network: PathsNetwork, row: Arrivals, origin: str, message_id: str, payload: object) -> None:
        self._network = network
        self._env = network.env
        self._handlers = network.handlers
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
        conditions = self._network.roster.conditions
        while True:
            if conditions.is_calm:
                self._handlers[receivers[self._next]](self._payload)
            else:
                position, delay = receivers[self._next], delays[self._next]
                self._network.deliver(self._origin, self._message_id, self._payload, position, delay)
            self._next += 1
            if self._next == len(delays):
                return
            if self._start + delays[self._next] > now:
                self.wait()
                return
