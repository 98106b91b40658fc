"""Arrival times from shortest paths (tier `paths`): exact wherever no upload has to wait.

1. A link costs latency + size / bandwidth + validation; a message takes the cheapest way to every host (`Routes`).
2. One row of shortest paths holds all arrivals of a message. It depends on origin and size only and is kept until
   another host joins or a fault begins or ends.
3. There are no deliveries: consensus and mempools ask for the delays of a message.
4. An arrival that a fault prevents is taken back from the record, see `Flights`.
"""

from __future__ import annotations

from array import array
from hashlib import sha256

import networkx as nx
import numpy as np
import numpy.typing as npt
import simpy
from typing_extensions import override

from sim.metrics.recorder import Recorder
from sim.network.courier import Arrive, Courier
from sim.network.flights import Arrivals, Flights
from sim.network.links import Link
from sim.network.routes import Floats
from sim.network.rows import Rows
from sim.scenario.schema import NetworkConfig


class PathsNetwork(Courier):
    """All arrivals at once; a `Foresight`."""

    def __init__(self, env: simpy.Environment, graph: nx.DiGraph, recorder: Recorder, config: NetworkConfig) -> None:
        super().__init__(env, graph, recorder, config)
        self._flights = Flights(env, self.roster, recorder)
        self._revision = 0
        self._rows = Rows(self._compute_arrivals, 0)

    def delays(self, origin: str, size_bytes: int) -> Floats:
        """Return the seconds to every host, in the order of `routes.index`; infinity where no way leads."""
        row = self._get_arrivals(origin, size_bytes)
        delays = np.full(len(self.roster.handlers), np.inf)
        delays[row.receivers] = row.delays_seconds
        delays[self.routes.index[origin]] = 0.0
        return delays

    def record(self, message_id: str, origin: str, size_bytes: int) -> None:
        """Record all arrivals of a message that sets out now; `Flights` takes back those that a fault prevents."""
        row = self._get_arrivals(origin, size_bytes)
        if row.delays_seconds:
            self._recorder.add_deliveries(message_id, self._env.now, row.delays_seconds, row.digest)
            self._flights.add(message_id, origin, row)

    @override
    def _transfer(self, sender: str, link: Link, size_bytes: int, then: Arrive) -> None:
        seconds = link.latency_seconds + link.compute_transfer_seconds(size_bytes) + self._validation_seconds
        self._env.timeout(seconds).callbacks.append(then)

    def _get_arrivals(self, origin: str, size_bytes: int) -> Arrivals:
        if self._revision != self.roster.revision:
            self._revision = self.roster.revision
            self._rows = Rows(self._compute_arrivals, len(self.roster.handlers))
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
