"""What the simulated network asks of its computing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from sim.protocol.claimed_nonces import ClaimedNonces

Request = tuple[str, int]
"""(public key, nonce)"""


@dataclass(frozen=True)
class WorkCounts:
    """How often a distance was computed, and how often an earlier computation answered."""

    computed: int
    shared: int

    def __sub__(self, earlier: WorkCounts) -> WorkCounts:
        return WorkCounts(self.computed - earlier.computed, self.shared - earlier.shared)


@dataclass(frozen=True)
class Found:
    """The valid ones among the nonces that an ML node tried, by GPU group and in their order."""

    nonces: NDArray[np.int64]
    """(n,)"""
    distances: NDArray[np.float64]
    """(n,)"""


@dataclass(frozen=True, eq=False)
class Sample:
    """What one validator re-executes of some claims; every array is (n,)."""

    places: NDArray[np.int64]
    """Of the claims."""
    sizes: NDArray[np.int64]
    """Nonces of each that it re-executes."""
    numerics: Sequence[str]
    """(n,) in which it does."""
    select: Callable[[int], NDArray[np.int64]]
    """Gives the positions that it samples of a claim of so many nonces, without replacement. Reference: protocol 4.2"""


class Work(Protocol):
    """Distances of nonces under a network seed, in a host's numerics (`dtype`). A context manager.

    A distance is deterministic: whoever asks for the same nonce in the same numerics gets the same number.
    """

    @property
    def counts(self) -> WorkCounts:
        """Totals since the start of the run."""

    def announce(self, block_hash: str, dtype: str, public_key: str, nonces: Sequence[range]) -> None:
        """Say what a host's GPU groups are going to try, so that many hosts' nonces can be computed in full batches."""

    def find_valid(
        self, block_hash: str, dtype: str, public_key: str, groups: tuple[range, ...], turns: range, r_target: float
    ) -> Found:
        """Try one ML node's nonces and return those with distance < r_target.

        `groups` are the nonces of each of its GPU groups, `turns` the places in them that all groups try now.
        """

    def count_contradictions(self, claims: ClaimedNonces, sample: Sample) -> NDArray[np.int64]:
        """Re-execute samples: how many nonces of each have a recomputed distance > r_target, int64 (n,)."""

    def forget(self, block_hash: str) -> None:
        """Free everything held for a network seed whose epoch is over."""

    def describe(self) -> dict[str, Any]:
        """Return settings and totals for the provenance."""

    def __enter__(self) -> Self:
        """Open what has to be closed."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
