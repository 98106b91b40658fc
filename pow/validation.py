"""The verdict on a proof: which nonces count, and when so many wrong ones are a fraud. No torch here.

Reference: kernel 4, protocol 4.4
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

P_MISMATCH: Final = 5e-4  # the network's assumed chance that an honest nonce is recomputed as invalid
FRAUD_THRESHOLD: Final = 1e-7


@dataclass(frozen=True)
class FraudTest:
    """Outcome of the one-sided binomial test: `p_value` of `n_invalid` or more among `n_checked`."""

    n_checked: int
    n_invalid: int
    p_value: float
    fraud: bool


def fraud_test(
    n_checked: int, n_invalid: int, p_mismatch: float = P_MISMATCH, threshold: float = FRAUD_THRESHOLD
) -> FraudTest:
    """Test whether an honest host could have so many invalid nonces: fraud iff P(Bin(n, p) ≥ i) < threshold, strictly.

    Nothing checked gives p-value 1. Raises ValueError if not 0 ≤ n_invalid ≤ n_checked or a probability is outside
    [0, 1]. Reference: kernel 4, protocol 4.4
    """
    _check_test(n_checked, p_mismatch, threshold)
    if not 0 <= n_invalid <= n_checked:
        raise ValueError(f"n_invalid is {n_invalid}; it must be at least 0 and at most n_checked, which is {n_checked}")
    p_value = _p_value(n_checked, n_invalid, p_mismatch)
    return FraudTest(n_checked, n_invalid, p_value, fraud=p_value < threshold)


def fraud_tests(
    n_checked: npt.NDArray[np.int64],
    n_invalid: npt.NDArray[np.int64],
    p_mismatch: float = P_MISMATCH,
    threshold: float = FRAUD_THRESHOLD,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Run `fraud_test` on many samples at once: p-values float64 (n,) and verdicts bool (n,), equal to it bit by bit.

    Raises ValueError like `fraud_test`. Reference: kernel 4, protocol 4.4
    """
    _check_test(int(n_checked.min(initial=0)), p_mismatch, threshold)
    wrong = np.flatnonzero((n_invalid < 0) | (n_invalid > n_checked))
    if wrong.size:
        fraud_test(int(n_checked[wrong[0]]), int(n_invalid[wrong[0]]))
    p_values = np.ones(len(n_checked))
    some = np.flatnonzero(n_invalid)
    p_values[some] = special.betainc(n_invalid[some], n_checked[some] - n_invalid[some] + 1, p_mismatch)
    return p_values, p_values < threshold


def critical_count(n_checked: int, p_mismatch: float = P_MISMATCH, threshold: float = FRAUD_THRESHOLD) -> int | None:
    """Give the smallest number of invalid nonces that is called a fraud, or None if no number is.

    Raises ValueError like `fraud_test`. Reference: protocol 4.4
    """
    _check_test(n_checked, p_mismatch, threshold)
    count = bisect.bisect_left(range(n_checked + 1), True, key=lambda k: _p_value(n_checked, k, p_mismatch) < threshold)
    return count if count <= n_checked else None


def is_valid(distances: npt.ArrayLike, r_target: float) -> npt.NDArray[np.bool_]:
    """Tell which nonces count, bool (n,): distance < r_target, strictly. Raises ValueError as `count_invalid`."""
    return _checked_distances(distances, r_target) < r_target


def count_invalid(distances: npt.ArrayLike, r_target: float) -> int:
    """Count the recomputed distances > r_target, strictly: a distance equal to it is neither valid nor invalid.

    Raises ValueError if a distance is not finite or negative, or r_target is not in (0, 2]. Reference: kernel 4
    """
    return int(np.count_nonzero(_checked_distances(distances, r_target) > r_target))


def _p_value(n_checked: int, n_invalid: int, p_mismatch: float) -> float:
    if n_invalid == 0:
        return 1.0
    # P(Bin(n, p) >= k) = I_p(k, n - k + 1), exactly.
    return float(special.betainc(n_invalid, n_checked - n_invalid + 1, p_mismatch))


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
