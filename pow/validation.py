"""The verdict on a proof: which nonces count, and when so many wrong ones are a fraud. No torch here.

Reference: kernel 4, protocol 4.4
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

P_MISMATCH: Final = 5e-4  # the network's assumed chance that an honest nonce is recomputed as invalid
FRAUD_THRESHOLD: Final = 1e-7


Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FraudTest:
    """Outcomes of one-sided binomial tests, in the shape of the counts."""

    p_values: npt.NDArray[np.float64]
    """Chance that an honest host has as many invalid nonces in a sample, or more."""
    frauds: npt.NDArray[np.bool_]


def fraud_test(
    n_checked: Ints | int, n_invalid: Ints | int, p_mismatch: float = P_MISMATCH, threshold: float = FRAUD_THRESHOLD
) -> FraudTest:
    """Test whether honest hosts could have so many invalid nonces: fraud iff P(Bin(n, p) ≥ i) < threshold, strictly.

    Takes numbers or arrays. Nothing checked gives p-value 1. Raises ValueError if not 0 ≤ n_invalid ≤ n_checked or a
    probability is outside [0, 1]. Reference: kernel 4, protocol 4.4
    """
    n, k = np.broadcast_arrays(np.asarray(n_checked, dtype=np.int64), np.asarray(n_invalid, dtype=np.int64))
    _check_test(int(n.min(initial=0)), p_mismatch, threshold)
    wrong = np.flatnonzero((k < 0) | (k > n))
    if wrong.size:
        few, many = int(k.flat[wrong[0]]), int(n.flat[wrong[0]])
        raise ValueError(f"n_invalid is {few}; it must be at least 0 and at most n_checked, which is {many}")
    p_values = _compute_p_values(n, k, p_mismatch)
    return FraudTest(p_values, p_values < threshold)


def critical_count(n_checked: int, p_mismatch: float = P_MISMATCH, threshold: float = FRAUD_THRESHOLD) -> int | None:
    """Give the smallest number of invalid nonces that is called a fraud, or None if no number is.

    Raises ValueError like `fraud_test`. Reference: protocol 4.4
    """
    count = int(critical_counts(np.array([n_checked]), p_mismatch, threshold)[0])
    return count if count <= n_checked else None


def critical_counts(
    n_checked: Ints, p_mismatch: float = P_MISMATCH, threshold: float = FRAUD_THRESHOLD
) -> npt.NDArray[np.int64]:
    """Give each sample's smallest number of invalid nonces that is called a fraud, n_checked + 1 where no number is.

    Takes and gives int64 (samples,). Raises ValueError like `fraud_test`. Reference: protocol 4.4
    """
    n = np.asarray(n_checked, dtype=np.int64)
    _check_test(int(n.min(initial=0)), p_mismatch, threshold)
    low, high = np.zeros_like(n), n + 1  # a fraud stays one with more invalid nonces: the first is between
    while np.any(low < high):
        middle = (low + high) // 2
        is_fraud = fraud_test(n, np.minimum(middle, n), p_mismatch, threshold).frauds | (middle > n)
        low, high = np.where(is_fraud | (low >= high), low, middle + 1), np.where(is_fraud, middle, high)
    return low


def is_valid(distances: npt.ArrayLike, r_target: float) -> npt.NDArray[np.bool_]:
    """Tell which nonces count, bool (n,): distance < r_target, strictly. Raises ValueError as `count_invalid`."""
    return _checked_distances(distances, r_target) < r_target


def count_invalid(distances: npt.ArrayLike, r_target: float) -> int:
    """Count the recomputed distances > r_target, strictly: a distance equal to it is neither valid nor invalid.

    Raises ValueError if a distance is not finite or negative, or r_target is not in (0, 2]. Reference: kernel 4
    """
    return int(np.count_nonzero(_checked_distances(distances, r_target) > r_target))


def _compute_p_values(n: Ints, k: Ints, p_mismatch: float) -> npt.NDArray[np.float64]:
    p_values, some = np.ones(n.shape), k > 0
    if some.any():  # P(Bin(n, p) >= k) = I_p(k, n - k + 1), exactly
        p_values[some] = special.betainc(k[some], n[some] - k[some] + 1, p_mismatch)
    return p_values


def _check_test(n_checked: int, p_mismatch: float, threshold: float) -> None:
    if n_checked < 0:
        raise ValueError(f"n_checked is {n_checked}; it must be at least 0")
    for name, value in (("p_mismatch", p_mismatch), ("threshold", threshold)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} is {value}; it must be at least 0 and at most 1")


def _checked_distances(distances: npt.ArrayLike, r_target: float) -> npt.NDArray[np.float64]:
    if not 0 < r_target <= 2:
        raise ValueError(f"r_target is {r_target}; it must be above 0 and at most 2")
    values = np.asarray(distances, dtype=np.float64)
    # A NaN would be neither valid nor invalid and so slip through the fraud test.
    wrong = values[~((values >= 0) & np.isfinite(values))]
    if wrong.size:
        raise ValueError(f"a distance is {wrong.flat[0]}; it must be finite and at least 0")
    return values
