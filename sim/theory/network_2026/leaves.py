"""Samples, porosity, pauses, signs of votes and fraud tests of 2026 (network 2.5, 2.19)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pow.validation import critical_count, fraud_test
from sim.protocol.proofs.leaves import (
    N_ATTEMPTS,
    compute_leaf_seed,
    compute_pause_s,
    compute_validated_weight,
    draw_leaves,
    measure_porosity,
)
from sim.theory.row import Row

POROSITY: tuple[tuple[str, Sequence[int], int, int, float, bool], ...] = (
    ("nonces 1..100 of 100", range(1, 101), 100, 100, 1.0, False),
    ("nonce 10000 of 100", (10_000,), 100, 10_000, 100.0, True),
    ("nonces 1, 2, -2^31 of 100", (1, 2, -(2**31)), 100, 2_147_483_648, 21_474_836.48, True),
    ("nonces from 10^9 of 100", range(10**9, 10**9 + 100), 100, 1_000_000_099, 10_000_000.99, True),
    ("no nonce of 100", (), 100, 0, 0.0, False),
    ("nonce 1 of 0", (1,), 0, 1, 0.0, False),
)
"""Case, nonces, count, largest, ratio, whether it makes a "no"."""
PAUSES_S = ((0, 3.0), (1, 4.5), (2, 6.75), (3, 10.125))
SIGNS = ((100, False, 100), (100, True, -1), (-5, False, -1), (1, False, 1), (0, False, -1))
CRITICAL = {
    0.05: {10: 4, 20: 5, 37: 8, 50: 10, 75: 13, 100: 16, 130: 20, 200: 28, 333: 44, 400: 51, 800: 95, 1600: 181},
    0.01: {20: 7, 50: 11, 100: 19, 150: 25, 200: 31, 400: 56},
}
"""Cut -> sample -> fewest mismatches that convict."""
SINGLE_TESTS = ((1, 1, 0.1, False), (2, 2, 0.01, True), (3, 2, 0.028, True), (0, 0, 1.0, False))
"""Sample, mismatches, p-value, whether they convict."""
P_MISMATCH, CUT = 0.1, 0.05


def leaf_rows() -> Iterator[Row]:
    """Yield what one validator asks for, and what it makes of it."""
    for case, nonces, count, largest, ratio, is_porous in POROSITY:
        porosity = measure_porosity(nonces, count)
        found = (porosity.largest, porosity.ratio, porosity.is_porous)
        yield Row.exact(f"network of 2026: porosity, {case}", found, (largest, ratio, is_porous))
    for n_failed, pause_s in PAUSES_S:
        yield Row.exact(f"network of 2026: pause after failure {n_failed} [s]", compute_pause_s(n_failed), pause_s)
    pauses_s = sum(compute_pause_s(n_failed) for n_failed in range(N_ATTEMPTS - 1))
    yield Row.exact("network of 2026: all pauses of 25 attempts [s]", pauses_s, 861.515625)
    yield from _sample_rows()
    for n_total, is_fraud, vote in SIGNS:
        case = f"{n_total} samples, {'fraud' if is_fraud else 'no fraud'}"
        yield Row.exact(f"network of 2026: vote, {case}", compute_validated_weight(n_total, is_fraud=is_fraud), vote)
    yield from _test_rows()


def _sample_rows() -> Iterator[Row]:
    yield Row.exact("network of 2026: leaves, size 0 of 1000", draw_leaves(1000, 0, 1).tolist(), [])
    yield Row.exact("network of 2026: leaves, size 10 of 5", draw_leaves(5, 10, 1).tolist(), [0, 1, 2, 3, 4])
    yield Row.exact("network of 2026: leaves, size 100 of 1000, different", len({*draw_leaves(1000, 100, 1)}), 100)
    parts = (("pk1", "a"), ("pk2", "a"), ("pk1", "b"), ("pk1", "a"))
    samples = {tuple(draw_leaves(10_000, 50, compute_leaf_seed(key, "H", 1, model))) for key, model in parts}
    yield Row.exact("network of 2026: samples of 2 keys, 2 models, 1 again", len(samples), 3)


def _test_rows() -> Iterator[Row]:
    for cut, counts in CRITICAL.items():
        for n, k in counts.items():
            yield Row.exact(f"network of 2026: convicts of {n}, cut {cut}", critical_count(n, P_MISMATCH, cut), k)
    for n, k, p_value, convicts in SINGLE_TESTS:
        test = fraud_test(n, k, P_MISMATCH, CUT)
        yield Row.absolute(f"network of 2026: p-value of {k} in {n}", float(test.p_values), p_value, 1e-12)
        yield Row.exact(f"network of 2026: whether {k} of {n} convict", bool(test.frauds), convicts)
    for n, k, cut, p_value in ((200, 28, 0.05, 0.04343), (200, 31, 0.01, 0.00951)):
        p = float(fraud_test(n, k, P_MISMATCH, cut).p_values)
        yield Row.absolute(f"network of 2026: p-value of {k} in {n}", p, p_value, 5e-6)
