"""Rows of shortest paths that are kept for the next message of the same host and size."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

MAX_KEPT = 5_000_000  # numbers in all: 40 to 60 MB

Row = TypeVar("Row")


class Rows(Generic[Row]):
    """Computes a row when it is first asked for; where too many are kept, the oldest goes."""

    def __init__(self, compute: Callable[[str, int], Row], n_hosts: int) -> None:
        """`compute(address, size_bytes)` gives a row of `n_hosts` numbers."""
        self._compute = compute
        self._n_hosts = n_hosts
        self._kept: OrderedDict[tuple[str, int], Row] = OrderedDict()

    def get(self, address: str, size_bytes: int) -> Row:
        """Return the row of a host for a size of message."""
        key = (address, size_bytes)
        row = self._kept.get(key)
        if row is None:
            row = self._kept[key] = self._compute(address, size_bytes)
            if len(self._kept) * self._n_hosts > MAX_KEPT and len(self._kept) > 1:
                self._kept.popitem(last=False)
        return row
