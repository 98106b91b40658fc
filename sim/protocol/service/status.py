"""The effect of missed and invalid inferences on a participant: downtime, miss test, INVALID (protocol 6.3)."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from types import MappingProxyType

import numpy as np

DOWNTIME_THRESHOLD = 0.05
MISS_RATE = 0.10
"""p0 of the miss test; 0.40 for a while in v0.2.6."""
MISS_ALPHA = 0.05
MISS_TABLE_TOTALS = (2, 3, 4, 5, *range(10, 1000, 10))
LISTED_CRITICALS = MappingProxyType({(0.10, 0.05): MappingProxyType({4: 2})})
"""Entries of the published table for (p0, alpha) that the rule does not give: it gives 3 for a total of 4."""
FALSE_POSITIVE_RATE = 0.05
MIN_RAMP_UP = 10
CONSECUTIVE_LIMIT = 1e-6
MEASUREMENTS_FACTOR = 2.618
Z_LIMIT = 1.0


def is_down(n_missed: int, n_inferences: int) -> bool:
    """Whether missed / (inferences + missed) exceeds the threshold; no requests, no check. Reference: protocol 6.3."""
    n_requests = n_inferences + n_missed
    return n_requests > 0 and n_missed / n_requests > DOWNTIME_THRESHOLD


@cache
def compute_miss_table(miss_rate: float = MISS_RATE, alpha: float = MISS_ALPHA) -> Mapping[int, int]:
    """Return total -> critical: the smallest c with P(Bin(total, p0) >= c) <= alpha, or the published table's entry.

    The rule reproduces each published entry but the one in `LISTED_CRITICALS`. For other rates than the published one
    it is an inference [I]. Reference: protocol 6.3.
    """
    computed = {total: _find_critical(total, miss_rate, alpha) for total in MISS_TABLE_TOTALS}
    return MappingProxyType({**computed, **LISTED_CRITICALS.get((miss_rate, alpha), {})})


def _find_critical(total: int, miss_rate: float, alpha: float) -> int:
    from scipy import special  # states reach this module: checking a file must not wait for scipy

    at_most = special.bdtr(np.arange(total + 1), total, miss_rate)
    return int(np.argmax(at_most >= 1.0 - alpha)) + 1


def passes_miss_test(n_missed: int, n_total: int, *, miss_rate: float = MISS_RATE, alpha: float = MISS_ALPHA) -> bool:
    """Whether so many misses among `n_total` are tolerated: missed <= critical of the largest total <= n.

    Fewer than 2 always pass. Above the table's end, 990, the test is missed / n <= p0: a cliff, since 990 tolerates
    11.7 % and 991 only 10 %. Reference: protocol 6.3.
    """
    if n_total < MISS_TABLE_TOTALS[0]:
        return True
    if n_total > MISS_TABLE_TOTALS[-1]:
        return n_missed / n_total <= miss_rate
    total = MISS_TABLE_TOTALS[bisect_right(MISS_TABLE_TOTALS, n_total) - 1]
    return n_missed <= compute_miss_table(miss_rate, alpha)[total]


class Status(StrEnum):
    """Standing of a participant as a server of inferences. Reference: protocol 6.3."""

    RAMPING = "RAMPING"
    ACTIVE = "ACTIVE"
    INVALID = "INVALID"


@dataclass(frozen=True)
class InferenceRecord:
    """Validated inferences of one participant and its status as last computed."""

    n_validated: int = 0
    n_invalidated: int = 0
    n_consecutive_invalidations: int = 0
    status: Status = Status.RAMPING


def compute_status(record: InferenceRecord) -> Status:
    """INVALID by a run of invalidations or by their share, RAMPING below 10 inferences, else ACTIVE.

    A run counts at any number of inferences: rate^run < 1e-6. The share counts after enough measurements: its
    z-value against the false positive rate exceeds 1. Reference: protocol 6.3.
    """
    if FALSE_POSITIVE_RATE**record.n_consecutive_invalidations < CONSECUTIVE_LIMIT or _is_share_invalid(record):
        return Status.INVALID
    return Status.RAMPING if record.n_validated < MIN_RAMP_UP else Status.ACTIVE


def _is_share_invalid(record: InferenceRecord) -> bool:
    n, rate = record.n_validated, FALSE_POSITIVE_RATE
    if n < min(math.ceil(MEASUREMENTS_FACTOR / rate), MIN_RAMP_UP):
        return False
    z = (record.n_invalidated / n - rate) / math.sqrt(rate * (1.0 - rate) / n)
    return z > Z_LIMIT


def apply_inference_validation(record: InferenceRecord, is_valid: bool) -> InferenceRecord:
    """Count one validated inference and recompute the status from all of them. Reference: protocol 6.3."""
    counted = replace(
        record,
        n_validated=record.n_validated + 1,
        n_invalidated=record.n_invalidated + (not is_valid),
        n_consecutive_invalidations=0 if is_valid else record.n_consecutive_invalidations + 1,
    )
    return replace(counted, status=compute_status(counted))


def switch_status(record: InferenceRecord, *, resets_status: bool = True) -> InferenceRecord:
    """Epoch switch: from v0.2.2 on all are ACTIVE again; v0.2.0 leaves the status. Reference: protocol 6.3."""
    return replace(record, status=Status.ACTIVE) if resets_status else record
