"""Committees: published chances that a coalition passes a fake or blocks the quorum; our own draw (protocol 4.9)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import comb

import numpy as np

from sim.protocol.proofs.committee import decide_by_slots, draw_slots
from sim.theory.levels import Z_BOUND, compute_binomial_z
from sim.theory.row import Row

# (slots, coalition's share of the weight) -> published chance that it passes a fake, three digits.
PASSED = (
    (128, Fraction(49, 100), 2.45e-5),
    (128, Fraction(45, 100), 3.45e-7),
    (128, Fraction(40, 100), 4.78e-10),
    (64, Fraction(49, 100), 2.51e-3),
)
# Share that abstains -> published chance that 128 slots do not decide, three digits.
BLOCKED = (
    (Fraction(30, 100), 0.213),
    (Fraction(1, 3), 0.508),
    (Fraction(40, 100), 0.943),
    (Fraction(49, 100), 0.9998),
)
THREE_DIGITS, LAST_DIGIT = 2.5e-3, 6e-4  # rounding of the tables: relative, absolute
WEIGHTS = (400, 250, 35, 35, 280)  # the first one abstains


def committee_rows(quick: bool) -> Iterator[Row]:
    """Published chances by our rule of when slots decide, in exact fractions; our draw against the binomial law."""
    for n, share, published in PASSED:
        ours = _sum_binomial(n, share, [k for k in range(n + 1) if decide_by_slots(k, n - k, n)])
        label = f"a coalition of {float(share):.0%} passes a fake before {n} slots, relative"
        yield Row(label, ours, published, ours / published - 1.0, THREE_DIGITS)
    for share, published in BLOCKED:
        ours = _sum_binomial(128, share, [k for k in range(129) if decide_by_slots(128 - k, 0, 128) is None])
        label = f"128 slots without a decision, {float(share):.1%} of the weight silent"
        yield Row(label, ours, published, ours - published, LAST_DIGIT)
    yield _simulated_row(2_000 if quick else 20_000)


def _sum_binomial(n: int, p: Fraction, counts: list[int]) -> float:
    return float(sum((comb(n, k) * p**k * (1 - p) ** (n - k) for k in counts), Fraction(0)))


def _simulated_row(n_participants: int) -> Row:
    """How many committees of our own draw do not decide where 40 % of the weight is silent."""
    slots = draw_slots("theory", [f"host-{i}" for i in range(n_participants)], WEIGHTS, 64)
    n_valid = np.count_nonzero(slots != 0, axis=1)
    blocked = sum(decide_by_slots(valid, 0, 64) is None for valid in n_valid.tolist())
    silent = Fraction(WEIGHTS[0], sum(WEIGHTS))
    theory = _sum_binomial(64, silent, [k for k in range(65) if decide_by_slots(64 - k, 0, 64) is None])
    score = compute_binomial_z(blocked, n_participants, theory)
    label = f"64 drawn slots without a decision, 40% silent, {n_participants} participants"
    return Row(label, blocked / n_participants, theory, score, Z_BOUND)
