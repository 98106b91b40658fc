"""Delays over the links as they are now: rows of shortest paths, without upload queues.

A link costs latency + size / bandwidth + validation; a message takes the cheapest way to every host.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from sim.network.links import BITS_PER_BYTE, Roster

Floats = npt.NDArray[np.float64]
NO_PREDECESSOR = -9999  # SciPy's own mark


class Routes:
    """Shortest paths between the hosts of a roster, computed anew whenever its links change."""

    def __init__(self, roster: Roster, validation_seconds: float) -> None:
        self._roster = roster
        self._validation_seconds = validation_seconds
        self._links: Links | None = None
        self._revision = -1

    @property
    def index(self) -> Mapping[str, int]:
        """Place of every host in the rows, by the order of joining."""
        return self.get_links().index

    def compute_delays(self, origin: str, size_bytes: int) -> Floats:
        """Return the seconds from a host to every host, (n,) in the order of `index`; infinity where no path leads."""
        return self.get_links().compute_delays(origin, size_bytes)

    def compute_delays_from_any(self, origins: Sequence[str], size_bytes: int) -> Floats:
        """Return the seconds to every host from the nearest of some hosts."""
        return self.get_links().compute_delays_from_any(origins, size_bytes)

    def find_path(self, origin: str, receiver: str, size_bytes: int) -> tuple[str, ...]:
        """Return the hosts of the cheapest way for a message, both ends included; empty where there is no way."""
        return self.get_links().find_path(origin, receiver, size_bytes)

    def get_links(self) -> Links:
        """Return the links as they are now; the value stays as it is when they change."""
        if self._links is None or self._revision != self._roster.revision:
            self._links = Links(self._roster, self._validation_seconds)
            self._revision = self._roster.revision
        return self._links


class Links:
    """Links between hosts that have joined, as sparse matrices of seconds."""

    def __init__(self, roster: Roster, validation_seconds: float) -> None:
        self.index = {address: place for place, address in enumerate(roster.handlers)}
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
