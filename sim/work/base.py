"""What the simulated network asks of its computing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pow.params import PowParams

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
    values: NDArray[np.float64]
    """(n,) their distances"""


@dataclass(frozen=True)
class Claimed:
    """The claimed nonces of many keys, one key after another."""

    public_keys: tuple[str, ...]
    counts: NDArray[np.int64]
    """(keys,) nonces of each key"""
    nonces: NDArray[np.int64]
    """(n,)"""


@dataclass(frozen=True)
class WorkSettings:
    """What a scenario says of its computing."""

    params: PowParams
    dtype: str | None
    """Numerics of all hosts; None: each GPU profile's own."""
    device: str
    batch_size: int | None
    n_threads: int | None


class WorkKind(Protocol):
    """A plug-in: a frozen dataclass without parameters. It is asked for its name only until a run starts."""

    scheme: ClassVar[str]
    """Name of the proof scheme for which it computes."""

    def check(self, settings: WorkSettings) -> None:
        """Raise UserError, with the key that is to blame, if this machine cannot compute it."""

    def open(self, settings: WorkSettings) -> Work:
        """Return the computing; it is entered and left as a context."""


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

    def distances(self, block_hash: str, dtype: str, requests: Sequence[Request]) -> NDArray[np.float64]:
        """Re-execute claimed nonces: the distance of every request, float64 (n,)."""

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


@runtime_checkable
class BulkWork(Work, Protocol):
    """Computing that can re-execute the claims of a whole network at once: the exact law, not the kernel."""

    def are_invalid(self, block_hash: str, dtype: str, claimed: Claimed, r_target: float) -> NDArray[np.bool_]:
        """Which claimed nonces are found invalid in these numerics: recomputed distance > r_target, bool (n,)."""

    def note_shared(self, n_requests: int) -> None:
        """Count answers that an earlier re-execution gave."""
