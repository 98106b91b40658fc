"""Delays over the links as they are now: rows of shortest paths, without upload queues.

A link costs latency + size / bandwidth + validation; a message takes the cheapest way to every host.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from sim.network.gossip import BITS_PER_BYTE, Roster

Floats = npt.NDArray[np.float64]


class Routes:
    """Shortest paths between the hosts of a roster, kept until its links change."""

    def __init__(self, roster: Roster, validation_seconds: float) -> None:
        self._roster = roster
        self._validation_seconds = validation_seconds
        self._links: _Links | None = None
        self._version = -1
        self.index: dict[str, int] = {}
        """Place of every host in the rows, by the order of joining."""

    def compute_delays(self, origin: str, size_bytes: int) -> Floats:
        """Return the seconds from a host to everybody, in the order of joining; infinity where there is no way."""
        links = self._get_links()
        return np.asarray(dijkstra(links.weigh(size_bytes), indices=self.index[origin]))

    def compute_delays_to(self, receiver: str, size_bytes: int) -> Floats:
        """Return the seconds from everybody to a host."""
        links = self._get_links()
        return np.asarray(dijkstra(links.weigh_reversed(size_bytes), indices=self.index[receiver]))

    def _get_links(self) -> _Links:
        if self._links is None or self._version != self._roster.version:
            self.index = {address: place for place, address in enumerate(self._roster.handlers)}
            self._links = _Links(self._roster, self.index, self._validation_seconds)
            self._version = self._roster.version
        return self._links


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
        # The same links seen from their receivers: places in the reversed matrix of the links in their order.
        numbered = csr_array((np.arange(len(links)), columns, starts), shape=(len(rows), len(rows))).T.tocsr()
        self._reversed_places = numbered.data.astype(np.int64)
        self._reversed = csr_array(
            (self._fixed_seconds[self._reversed_places], numbered.indices, numbered.indptr), shape=numbered.shape
        )

    def weigh(self, size_bytes: int) -> csr_array:
        """Return the seconds that a message of this size takes over each link; valid until the next call."""
        self._matrix.data = self._fixed_seconds + size_bytes * self._seconds_per_byte
        return self._matrix

    def weigh_reversed(self, size_bytes: int) -> csr_array:
        """Return the same from receivers to senders; valid until the next call."""
        seconds = self._fixed_seconds + size_bytes * self._seconds_per_byte
        self._reversed.data = seconds[self._reversed_places]
        return self._reversed
