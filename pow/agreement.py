"""How far two machines that compute the same nonces agree, and what that does to verdicts. No torch here.

1. Their distances differ by an error δ, about normal; its root mean square is measured over nonces.
2. A verdict differs where r_target lies between the two distances. By the law on the sphere a nonce has that chance of
   f·E|δ|, f being the density at r_target and E|δ| = rms·√(2/π).
3. Half of those cases are nonces that the first machine accepts and the second finds invalid: the *mismatch
   probability*, among accepted nonces. The network's fraud test assumes 5e-4 of it.
4. An honest host is convicted where that many of its checked nonces are found invalid that the fraud test, which
   reckons with its own mismatch probability, calls it a fraud.

Reference: kernel 4, 6
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pow.sphere import distance_pdf, mismatch_probability
from pow.validation import P_MISMATCH, critical_count, fraud_test

R_TARGET: Final = 1.4013564660458173
"""Main net's first one. Reference: kernel 4"""
BOUNDS: Final = {
    "f16data_f64compute": 1e-13,
    "f16data_f32compute": 5e-7,
    "float32": 5e-7,
    "f16data_bf16linears_f32resid": 2e-6,
    "float16": 3e-5,
    "bfloat16": 2e-4,
    "f16data_bf16compute": 2e-4,
}
"""Largest difference of a distance between two machines in the same mode. The first four as in kernel 6; an H100, a
Zen 5 and a Xeon stay 3 times below all of them on devtest (docs/agreement.md)."""


@dataclass(frozen=True)
class MachineAgreement:
    """Two sets of distances of the same nonces, and what follows from their difference at `R_TARGET`."""

    n_compared: int
    rms_difference: float
    max_difference: float
    dim: int
    """Of the sphere: the model's `vocab_size`."""

    @property
    def mismatch_probability(self) -> float:
        """Chance that a nonce accepted on one machine is found invalid on the other."""
        return mismatch_probability(self.rms_difference, R_TARGET, self.dim)

    @property
    def nonces_per_differing_verdict(self) -> float:
        """How many nonces are tried until one is valid on one machine only, on average; inf without a difference."""
        share = float(distance_pdf(R_TARGET, self.dim)) * self.rms_difference * math.sqrt(2 / math.pi)
        return 1.0 / share if share else math.inf

    def conviction_probability(self, n_checked: int, assumed: float = P_MISMATCH) -> float:
        """Chance that an honest host is called a fraud by a validator that checks this many of its nonces."""
        return conviction_probability(n_checked, self.mismatch_probability, assumed)


def compare_distances(left: npt.ArrayLike, right: npt.ArrayLike, dim: int) -> MachineAgreement:
    """Compare the distances (n,) of the same nonces, in the same order, on a sphere in `dim` dimensions.

    Raises ValueError if there is none, if the shapes differ, or if one is no finite number.
    """
    a, b = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1 or not a.size:
        raise ValueError(f"the distances have the shapes {a.shape} and {b.shape}; both must be (n,), n at least 1")
    error = a - b
    if not np.isfinite(error).all():
        raise ValueError("a distance is not finite")
    return MachineAgreement(len(error), float(np.sqrt(np.mean(error**2))), float(np.abs(error).max()), dim)


def conviction_probability(n_checked: int, mismatch: float, assumed: float = P_MISMATCH) -> float:
    """Give P(Bin(n_checked, mismatch) ≥ critical count): an honest host's chance to be called a fraud by one validator.

    `assumed` is the mismatch probability that the fraud test reckons with. Raises ValueError as `fraud_test`.
    Reference: protocol 4.4
    """
    count = critical_count(n_checked, assumed)
    return 0.0 if count is None else float(fraud_test(n_checked, count, mismatch).p_values)
