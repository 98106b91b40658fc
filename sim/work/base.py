"""The protocol of work: computing as the simulated network asks for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from pow.params import PowParams
from sim.protocol.proofs.claimed import ClaimedNonces

if TYPE_CHECKING:
    from sim.work.stacks import PairTable

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
class Task:
    """The computation of one ML node in an epoch."""

    block_hash: str
    """The network seed."""
    public_key: str
    """The key that goes into every nonce's input."""
    numerics: str
    groups: tuple[range, ...]
    """Nonces of each GPU group; all groups try the same places in them at a time."""
    threshold: float
    """Of the proof scheme: by it a try counts."""
    n_layers: int | None = None
    """Only so many of the model's layers are computed, the first ones; None: all of them."""
    scheme: str = "hits"
    """Name of the proof scheme that the results are for."""
    model: str = ""
    """Name of the language model, in the scheme `answers`."""
    stack: str = ""
    """Software and card that compute, as `hosts.stack` names them, in the scheme `answers`."""

    def __hash__(self) -> int:
        """Hash what tells ML nodes apart: works look a task up at each tick, and ranges do not keep their hashes."""
        return hash((self.block_hash, self.public_key, self.groups[:1]))


@dataclass(frozen=True, eq=False)
class Produced:
    """The results of some turns of a task."""

    n_tried: int
    nonces: NDArray[np.int64]
    """(n,) nonces that may be claimed, by GPU group and in order"""
    values: NDArray[Any]
    """Computed for each: `hits` distances, float64 (n,); `answers` vectors, float16 (n, 12), or under the law the code
    of the stack that computed them, int64 (n,), see `ClaimedNonces.stacks`"""


@dataclass(frozen=True, eq=False)
class Sample:
    """One validator's samples of some claims; every array is (n,)."""

    places: NDArray[np.int64]
    """Of the claims."""
    sizes: NDArray[np.int64]
    """Nonces of each that it re-executes."""
    numerics: Sequence[str]
    """(n,) in which it does."""
    select: Callable[[int], NDArray[np.int64]]
    """Gives the positions that it samples of a claim of so many nonces, without replacement. Reference: protocol 4.2"""
    stacks: Sequence[str] = ()
    """(n,) on which it does, in the scheme `answers`."""
    seeds: NDArray[np.uint64] | None = None
    """(n,) seed of each sample in the scheme `answers`, whose law draws how many contradictions are in it and asks for
    no positions; equal seeds of one claim draw equal samples."""


@dataclass(frozen=True)
class WorkSettings:
    """A scenario's settings of its computing."""

    params: PowParams
    dtype: str | None
    """Numerics of all hosts; None: each GPU profile's own."""
    device: str
    batch_size: int | None
    n_threads: int | None
    pairs: PairTable | None = None
    """Distances between stacks, for the law of answers; None: those that come with powsim."""
    cache: Path | None = None
    """Folder in which distances are kept from run to run."""


class WorkKind(Protocol):
    """A plug-in: a frozen dataclass without parameters. It is asked for its name only until a run starts."""

    schemes: ClassVar[tuple[str, ...]]
    """Names of the proof schemes for which it computes."""

    def check(self, settings: WorkSettings) -> None:
        """Raise UserError, with the key that is to blame, if this machine cannot compute it."""

    def open(self, settings: WorkSettings) -> Work:
        """Return the computing; it is entered and left as a context."""


class Work(AbstractContextManager["Work", None], Protocol):
    """Computes nonces under a network seed, in a host's numerics. Threads and memory are held until it is left.

    It is deterministic: the same nonce in the same numerics always gives the same value.
    """

    @property
    def counts(self) -> WorkCounts:
        """Totals since the start of the run."""

    def announce(self, task: Task, n_turns: int) -> None:
        """Say how far a task is expected to come, so that the nonces of many hosts can be computed in full batches."""

    def produce(self, task: Task, turns: range) -> Produced:
        """Try the nonces at some places of each GPU group's range, and return those that may be claimed."""

    def count_contradictions(self, claims: ClaimedNonces, sample: Sample) -> NDArray[np.int64]:
        """Re-execute samples: how many nonces of each contradict the claim, int64 (n,)."""

    def forget(self, block_hash: str) -> None:
        """Free everything held for a network seed whose epoch is over."""

    def describe(self) -> dict[str, Any]:
        """Return settings and totals for the provenance."""


def list_requests(task: Task, turns: range) -> list[Request]:
    """Return the nonces at some places of each GPU group's range, group by group, with the task's key."""
    tried = chain.from_iterable(group[turns.start : turns.stop] for group in task.groups)
    return [(task.public_key, nonce) for nonce in tried]
