"""Delays over links: rows of shortest paths, without upload queues.

A link costs latency + size / bandwidth + validation; a message takes the cheapest way to every host.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from sim.network.links import BITS_PER_BYTE, Roster

Floats = npt.NDArray[np.float64]
NO_PREDECESSOR = -9999  # SciPy's own mark
_MOST_ROUND_TRIPS = 4096


class Routes:
    """Shortest paths between the hosts that have joined, over links as they are when this is made."""

    def __init__(self, roster: Roster, validation_seconds: float) -> None:
        self.revision = roster.revision
        """Of the links: at another one these paths no longer hold."""
        self.index = {address: place for place, address in enumerate(roster.handlers)}
        """Place of every host in the rows, by the order of joining."""
        rows = [roster.get_peers(address) for address in self.index]
        links = [link for row in rows for link in row]
        bandwidth = np.array([link.bandwidth_bits_per_second for link in links], dtype=float)
        self._fixed_seconds = np.array([link.latency_seconds for link in links], dtype=float) + validation_seconds
        self._seconds_per_byte = BITS_PER_BYTE / bandwidth
        columns = np.array([self.index[link.receiver] for link in links], dtype=np.int32)
        starts = np.cumsum([0, *map(len, rows)], dtype=np.int32)
        self._matrix = csr_array((self._fixed_seconds, columns, starts), shape=(len(rows), len(rows)))
        # The same links seen from their receivers: places, in the reversed matrix, of the links in their order.
        numbered = csr_array((np.arange(len(links)), columns, starts), shape=self._matrix.shape).T.tocsr()
        self._places = numbered.data.astype(np.int64)
        reversed_seconds = self._fixed_seconds[self._places]
        self._reversed = csr_array((reversed_seconds, numbered.indices, numbered.indptr), shape=numbered.shape)
        self._round_trips = lru_cache(maxsize=_MOST_ROUND_TRIPS)(self._add_round_trips)

    def compute_delays(self, origin: str, size_bytes: int) -> Floats:
        """Return the seconds from a host to every host, by their places; infinity where no path leads."""
        return np.asarray(dijkstra(self.weigh(size_bytes), indices=self.index[origin]))

    def weigh(self, size_bytes: int) -> csr_array:
        """Return the seconds that a message takes over each link; valid until the next call."""
        self._matrix.data = self._fixed_seconds + size_bytes * self._seconds_per_byte
        return self._matrix

    def compute_delays_from_any(self, origins: Sequence[str], size_bytes: int) -> Floats:
        """Return the seconds to every host from the nearest of some hosts; infinity where no path leads."""
        places = [self.index[origin] for origin in origins]
        return np.asarray(dijkstra(self.weigh(size_bytes), indices=places, min_only=True))

    def find_path(self, origin: str, receiver: str, size_bytes: int) -> tuple[str, ...]:
        """Return the hosts of the cheapest way for a message, both ends included; empty where there is no way."""
        start = self.index.get(origin)
        place = self.index.get(receiver, NO_PREDECESSOR)
        if start is None or place == NO_PREDECESSOR:
            return ()
        _, before = dijkstra(self.weigh(size_bytes), indices=start, return_predecessors=True)
        addresses, path = list(self.index), []
        while place != NO_PREDECESSOR:
            path.append(addresses[place])
            place = before[place]
        return tuple(reversed(path)) if path[-1] == origin else ()

    def compute_delays_to(self, receiver: str, size_bytes: int) -> Floats:
        """Return the seconds from every host to one host."""
        self._reversed.data = self.weigh(size_bytes).data[self._places]
        return np.asarray(dijkstra(self._reversed, indices=self.index[receiver]))

    def compute_round_trips(self, asker: str, request_bytes: int, answer_bytes: int) -> Floats:
        """Return the seconds from a host to every host and back with an answer; kept, and not to be changed."""
        return self._round_trips(asker, request_bytes, answer_bytes)

    def _add_round_trips(self, asker: str, request_bytes: int, answer_bytes: int) -> Floats:
        return self.compute_delays(asker, request_bytes) + self.compute_delays_to(asker, answer_bytes)
