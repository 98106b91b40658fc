"""When the chain takes a commitment of answers, and a claim's distribution over ML nodes (network 2.7).

Hosts put (count, root) by model on chain again and again, with growing counts; the last one is the claim. In the end
they say how the count splits over their ML nodes. One bad entry refuses the whole message.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

ROOT_BYTES = 32
GAS_PER_STAGE = 500_000
GAS_PER_COUNT = 100


class CommitFault(StrEnum):
    """Why the chain refuses a message about commitments, besides its window."""

    NO_ENTRY = "no entry"
    UNKNOWN_MODEL = "model unknown to governance"
    BAD_ROOT = "root is not 32 bytes"
    NOT_RISING = "count does not rise"
    SAME_BLOCK = "second commitment of a model in a block"
    SAME_SLICE = "second commitment of a model in a slice"
    NO_COMMITMENT = "distribution without a commitment"
    WRONG_SUM = "distribution does not add up to the committed count"


@dataclass(frozen=True)
class CommitEntry:
    """What a message says of one model."""

    model: str
    count: int
    root: bytes


@dataclass(frozen=True)
class StoredCommit:
    """What the chain keeps of a host and model."""

    count: int
    root: bytes
    height: int
    """Of the block that took it."""


def check_commit(
    entries: Sequence[CommitEntry], stored: Mapping[str, StoredCommit], height: int, models: Collection[str]
) -> CommitFault | None:
    """Return why a host's commitment is refused in the block of this height, or None. Reference: network 2.7

    `stored` are the host's own by model, `models` those of governance.
    """
    if not entries:
        return CommitFault.NO_ENTRY
    if len({entry.model for entry in entries}) < len(entries):
        return CommitFault.SAME_BLOCK
    return next(filter(None, (_check_entry(entry, stored.get(entry.model), height, models) for entry in entries)), None)


def _check_entry(
    entry: CommitEntry, last: StoredCommit | None, height: int, models: Collection[str]
) -> CommitFault | None:
    if entry.model not in models:
        return CommitFault.UNKNOWN_MODEL
    if len(entry.root) != ROOT_BYTES:
        return CommitFault.BAD_ROOT
    if last and last.height == height:
        return CommitFault.SAME_BLOCK
    return None if entry.count > (last.count if last else 0) else CommitFault.NOT_RISING


def count_rise(entries: Sequence[CommitEntry], stored: Mapping[str, StoredCommit]) -> int:
    """Return by how much a message raises a host's counts, over all its models."""
    return sum(entry.count - (stored[entry.model].count if entry.model in stored else 0) for entry in entries)


def compute_commit_gas(
    rise: int,
    *,
    is_first: bool,
    per_stage: int = GAS_PER_STAGE,
    per_count: int = GAS_PER_COUNT,
    has_fees: bool = True,
) -> int:
    """Return the gas of a commitment; `is_first`: of the host in the stage, whatever its models.

    Reference: network 2.7
    """
    return (per_stage * is_first + per_count * rise) * has_fees


def check_distribution(node_counts: Mapping[int, int], commit: StoredCommit | None) -> CommitFault | None:
    """Return why a distribution of one model over ML nodes is refused, or None; a later one replaces it.

    Its sum must equal the count that is committed at that moment. Reference: network 2.7
    """
    if commit is None:
        return CommitFault.NO_COMMITMENT
    return None if sum(node_counts.values()) == commit.count else CommitFault.WRONG_SUM
