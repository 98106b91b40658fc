"""What the simulated network asks of its computing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Request = tuple[str, int]
"""(public key, nonce)"""


@dataclass(frozen=True)
class WorkCounts:
    """How often a distance was computed, and how often an earlier computation answered."""

    computed: int
    shared: int

    def __sub__(self, earlier: WorkCounts) -> WorkCounts:
        return WorkCounts(self.computed - earlier.computed, self.shared - earlier.shared)


class Work(Protocol):
    """Distances of nonces under one network seed at a time; a distance is deterministic and therefore shared."""

    @property
    def counts(self) -> WorkCounts:
        """Totals since the start of the run."""

    def announce(self, block_hash: str, requests: Sequence[Request]) -> None:
        """Say what will be asked for soon, so that the nonces of many hosts can be computed in full batches."""

    def distances(self, block_hash: str, requests: Sequence[Request]) -> NDArray[np.float64]:
        """Return the distance of every request, float64 (n,)."""

    def forget(self, block_hash: str) -> None:
        """Free everything held for a network seed whose epoch is over."""
