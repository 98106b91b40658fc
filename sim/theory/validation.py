"""The fraud test: critical counts, power and false positives of one validator (protocol 4.4)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import comb

import numpy as np

from pow.sphere import hit_probability
from pow.validation import critical_count, fraud_test
from sim.theory.row import Z_BOUND, Row, compute_binomial_z

# First and last n of each row of the published table, and the smallest count that is a fraud (protocol 4.4).
CRITICAL = (
    (3, 17, 3), (18, 80, 4), (81, 213, 5), (214, 422, 6),
    (423, 709, 7), (710, 1068, 8), (1069, 1493, 9), (1494, 1980, 10),
)  # fmt: skip
SAMPLE = 200
P_MISMATCH = Fraction(1, 2000)
# Published chances at n = 200, rounded to two digits (protocol 4.4): mismatch rate -> false positive.
FALSE_POSITIVES = (
    (5e-4, 7.3e-8),
    (1e-3, 2.2e-6),
    (2e-3, 5.9e-5),
    (5e-3, 3.5e-3),
    (1e-2, 5.2e-2),
    (2e-2, 0.37),
    (5e-2, 0.97),
)
# Fabricated share -> chance that one validator accepts, r_target of the launch.
ACCEPTED = ((0.01, 0.948), (0.02, 0.649), (0.03, 0.310), (0.05, 0.035))
LAUNCH_R_TARGET, NETWORK_DIM = 1.4013564660458173, 8196
TWO_DIGITS, LAST_DIGIT = 0.025, 6e-4  # rounding of the tables: relative, absolute


def validation_rows(quick: bool) -> Iterator[Row]:
    """Critical counts exactly; false positives and power against the published tables and by simulation."""
    yield from _critical_rows()
    ours, theory = float(fraud_test(SAMPLE, 5).p_values), _exact_tail(SAMPLE, 5, P_MISMATCH)
    yield Row(
        "p-value of 5 invalid in 200, against exact fractions, relative", ours, theory, ours / theory - 1.0, 1e-12
    )
    count = critical_count(SAMPLE)
    assert count is not None
    for mismatch, published in FALSE_POSITIVES:
        ours = _exact_tail(SAMPLE, count, Fraction(mismatch).limit_denominator(10_000))
        label = f"false positives of one validator, mismatch rate {mismatch:g}, relative"
        yield Row(label, ours, published, ours / published - 1.0, TWO_DIGITS)
    hit = hit_probability(LAUNCH_R_TARGET, NETWORK_DIM)
    for fabricated, published in ACCEPTED:
        p_invalid = fabricated * (1.0 - hit) + (1.0 - fabricated) * float(P_MISMATCH)
        ours = 1.0 - _exact_tail(SAMPLE, count, Fraction(p_invalid))
        yield Row(
            f"accepted by one validator, {fabricated:.0%} fabricated", ours, published, ours - published, LAST_DIGIT
        )
    yield _simulated_row(10_000 if quick else 200_000)


def _critical_rows() -> Iterator[Row]:
    for n in (1, 2):
        ours = critical_count(n)
        yield Row(f"critical count at n = {n} (0: never a fraud)", float(ours or 0), 0.0, float(ours or 0), 0.0)
    for first, last, published in CRITICAL:
        wrong = sum(critical_count(n) != published for n in range(first, last + 1))
        label = f"critical count for every n from {first} to {last}, wrong ones"
        yield Row(label, float(critical_count(first) or 0), float(published), float(wrong), 0.0)


def _exact_tail(n: int, k: int, p: Fraction) -> float:
    """P(Bin(n, p) >= k) in exact fractions: slow, without any special function."""
    below = sum((comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k)), Fraction(0))
    return float(1 - below)


def _simulated_row(n_validators: int) -> Row:
    """Validators that re-execute honest nonces with a 1 % mismatch rate, judged by our own test."""
    mismatch = 0.01
    draws = np.random.default_rng(20260102).random((n_validators, SAMPLE)) < mismatch
    n_frauds = int(fraud_test(SAMPLE, draws.sum(axis=1)).frauds.sum())
    theory = _exact_tail(SAMPLE, 5, Fraction(1, 100))
    score = compute_binomial_z(n_frauds, n_validators, theory)
    label = f"false positives of {n_validators} simulated validators, 1 % mismatch"
    return Row(label, n_frauds / n_validators, theory, score, Z_BOUND)
