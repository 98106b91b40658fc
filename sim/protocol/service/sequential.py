"""Statuses from v0.2.5 on: sequential tests of wrong answers and missed requests, and confirmations (protocol 6.3).

Wald's sequential probability ratio test compares two rates of failure: p0, which is tolerated, and p1, which is not.
Each failure adds ln(p1 / p0) to the logarithm of the ratio of likelihoods, each success ln((1 - p1) / (1 - p0)), and
the test fails from a limit on. There is no limit below: early successes are credit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from sim.protocol.service.status import FAILED, InferenceRecord, News, Status, is_run_invalid

LLR_UNIT = Decimal("1e-12")
"""The chain keeps logarithms to 12 decimals."""


@dataclass(frozen=True)
class SequentialTest:
    """Rates of failure, each inside (0, 1) or the test is unusable, and the limit of the logarithm."""

    tolerated: Decimal
    """p0"""
    refused: Decimal
    """p1"""
    limit: Decimal
    """H"""

    @property
    def is_usable(self) -> bool:
        """Whether both rates are inside (0, 1)."""
        return 0 < self.tolerated < 1 and 0 < self.refused < 1

    @cached_property
    def per_failure(self) -> Decimal:
        """Added for a failure."""
        return (self.refused / self.tolerated).ln().quantize(LLR_UNIT)

    @cached_property
    def per_success(self) -> Decimal:
        """Added for a success; negative where p1 > p0."""
        return ((1 - self.refused) / (1 - self.tolerated)).ln().quantize(LLR_UNIT)

    def add(self, llr: Decimal, n_failures: int, n_successes: int) -> Decimal:
        """Return the logarithm after more failures and successes."""
        return llr + n_failures * self.per_failure + n_successes * self.per_success


ANSWERS = SequentialTest(Decimal("0.05"), Decimal("0.1"), Decimal(4))
REQUESTS = SequentialTest(Decimal("0.98"), Decimal("0.99"), Decimal(100))
"""In effect off: a host must miss 9850 requests and serve none."""


def judge_sequentially(
    record: InferenceRecord,
    news: News,
    alpha: Fraction,
    answers: SequentialTest = ANSWERS,
    requests: SequentialTest = REQUESTS,
) -> InferenceRecord:
    """Judge a record that has counted the news; the first hit in the chain's order ends it.

    1. INVALID and INACTIVE stay, and their logarithms stand still.
    2. Five wrong answers in a row: INVALID.
    3. Too many wrong answers: INVALID.
    4. Too many missed requests: INACTIVE.
    5. A confirmed ratio below alpha: INACTIVE. An alpha of 0 switches this test off.
    6. Otherwise ACTIVE, also where the next test has an unusable rate.

    Reference: protocol 6.3, 6.7.
    """
    if record.status in FAILED:
        return record
    if is_run_invalid(record):
        return replace(record, status=Status.INVALID)
    if not answers.is_usable:
        return replace(record, status=Status.ACTIVE)
    record = replace(record, answers_llr=answers.add(record.answers_llr, news.invalid, news.valid))
    if record.answers_llr >= answers.limit:
        return replace(record, status=Status.INVALID)
    if not requests.is_usable:
        return replace(record, status=Status.ACTIVE)
    record = replace(record, requests_llr=requests.add(record.requests_llr, news.missed, news.served))
    is_down = record.requests_llr >= requests.limit
    return replace(record, status=Status.INACTIVE if is_down or is_unconfirmed(record, alpha) else Status.ACTIVE)


def is_unconfirmed(record: InferenceRecord, alpha: Fraction) -> bool:
    """Whether a confirmation has shown less than alpha of the weight; no share is below 0. Reference: protocol 6.7."""
    return record.confirmed_ratio is not None and record.confirmed_ratio < alpha
