"""The standing of a participant as a server of inferences, and the z-test that sets it until v0.2.4 (protocol 6.3).

Counts, ratios of likelihoods and the confirmed ratio are those since the last settlement (VE). The run of invalid
answers and the status go on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

DOWNTIME_THRESHOLD = 0.05
FALSE_POSITIVE_RATE = 0.05
MIN_RAMP_UP = 10
CONSECUTIVE_LIMIT = 1e-6
MEASUREMENTS_FACTOR = 2.618
Z_LIMIT = 1.0


class Status(StrEnum):
    """Standing of a participant. Reference: protocol 6.3."""

    RAMPING = "RAMPING"
    """Until v0.2.4: fewer than 10 finished requests since the last settlement."""
    ACTIVE = "ACTIVE"
    INVALID = "INVALID"
    """Too many wrong answers."""
    INACTIVE = "INACTIVE"
    """From v0.2.5 on: too many missed requests, or too little weight shown in a confirmation."""


FAILED = frozenset({Status.INVALID, Status.INACTIVE})
"""Statuses that cost the reward and part of the collateral."""


class News(NamedTuple):
    """What a participant's service adds to its counts."""

    valid: int = 0
    """Answers that a validation confirmed."""
    invalid: int = 0
    served: int = 0
    """Requests that were finished, whether their answers are validated or not."""
    missed: int = 0


@dataclass(frozen=True)
class InferenceRecord:
    """What the chain keeps of one participant's service."""

    n_finished: int = 0
    n_validated: int = 0
    n_invalidated: int = 0
    n_consecutive_invalidations: int = 0
    """The run: it ends with a valid answer, never with an epoch."""
    status: Status = Status.RAMPING
    answers_llr: Decimal = Decimal(0)
    """Logarithm of the ratio of likelihoods of too many wrong answers to few."""
    requests_llr: Decimal = Decimal(0)
    """The same of missed requests."""
    confirmed_ratio: Fraction | None = None
    """Confirmed share of the weight that is not preserved; None before the first confirmation."""


def is_down(n_missed: int, n_inferences: int) -> bool:
    """Whether missed / (inferences + missed) exceeds the threshold; no requests, no check. Reference: protocol 6.3."""
    n_requests = n_inferences + n_missed
    return n_requests > 0 and n_missed / n_requests > DOWNTIME_THRESHOLD


def count_news(record: InferenceRecord, news: News) -> InferenceRecord:
    """Add to the counts; a valid answer ends the run, an invalid one makes it longer."""
    return replace(
        record,
        n_finished=record.n_finished + news.served,
        n_validated=record.n_validated + news.valid + news.invalid,
        n_invalidated=record.n_invalidated + news.invalid,
        n_consecutive_invalidations=0 if news.valid else record.n_consecutive_invalidations + news.invalid,
    )


def is_run_invalid(record: InferenceRecord) -> bool:
    """Whether 0.05^run < 1e-6: five wrong answers in a row, at any number of answers. Reference: protocol 6.3."""
    return FALSE_POSITIVE_RATE**record.n_consecutive_invalidations < CONSECUTIVE_LIMIT


def judge_by_share(record: InferenceRecord) -> InferenceRecord:
    """Until v0.2.4: INVALID by a run or by the share of wrong answers, RAMPING below 10 finished requests, else ACTIVE.

    It is asked at each validation and looks at nothing but the counts, so that INVALID can turn ACTIVE again. The share
    counts after enough measurements: its z-value against the false positive rate exceeds 1. Reference: protocol 6.3.
    """
    if is_run_invalid(record) or _is_share_invalid(record):
        return replace(record, status=Status.INVALID)
    is_ramping = record.n_finished < MIN_RAMP_UP
    return replace(record, status=Status.RAMPING if is_ramping else Status.ACTIVE)


def _is_share_invalid(record: InferenceRecord) -> bool:
    n, rate = record.n_validated, FALSE_POSITIVE_RATE
    if n < min(math.ceil(MEASUREMENTS_FACTOR / rate), MIN_RAMP_UP):
        return False
    z = (record.n_invalidated / n - rate) / math.sqrt(rate * (1.0 - rate) / n)
    return z > Z_LIMIT


def restart_counts(record: InferenceRecord) -> InferenceRecord:
    """VE: everything starts anew but the run and the status. Reference: protocol 6.3."""
    return InferenceRecord(n_consecutive_invalidations=record.n_consecutive_invalidations, status=record.status)
