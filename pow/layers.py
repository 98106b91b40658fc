"""The contribution of the transformer's layers: a host that computes only the first few, beside an honest one.

1. Every nonce's distance is computed with all layers, and again with the first k of them.
2. The skipping host knows its error's size and lowers its own r_target by `safety` times its root mean square.
3. Its yield is the share that it still claims; a claim that an honest validator finds outside r_target is wrong.

Reference: kernel 7
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pow.agreement import R_TARGET
from pow.kernel import Kernel
from pow.params import PRESETS, PowParams
from pow.placement import CPU
from pow.skipping import get_layers_speedup
from pow.sphere import hit_probability, r_target_for
from pow.validation import is_valid

BLOCK_HASH, PUBLIC_KEY = "86462F1AA921017C2D950CC166F735BBB08853F3B8BA7171E1EA8AC564956FDD", "study"
HIT_PROBABILITY = hit_probability(R_TARGET, PRESETS["mainnet"].vocab_size)  # that of the launch, for every model
SAFETY = 2.0
MOST_CASES = 9


@dataclass(frozen=True)
class SkippedLayers:
    """A host that computes `n_layers` of the model's layers, over the nonces of one study."""

    unit_gains: bool
    """Whether the norms' gains are 1, a repair, instead of the pool's small numbers."""
    n_layers: int
    work: float
    """Its linear layers' operations over those of an honest host."""
    rms_error: float
    """Root mean square of its distances' error, chord."""
    n_valid: int
    """Nonces that are truly valid."""
    n_claimed: int
    """Nonces that it claims."""
    n_wrong: int
    """Claims that are not valid."""

    @property
    def claimed_share(self) -> float:
        """Valid nonces that it claims over those that an honest host finds; NaN where there is none."""
        return (self.n_claimed - self.n_wrong) / self.n_valid if self.n_valid else float("nan")

    @property
    def advantage(self) -> float:
        """Valid nonces that it claims per operation, over an honest host's."""
        return self.claimed_share / self.work


def choose_layers(n_layers: int) -> list[int]:
    """Return the numbers of layers to try: all of them, or about nine spread evenly from none to all."""
    if n_layers < MOST_CASES:
        return list(range(n_layers + 1))
    return sorted({round(step * n_layers / (MOST_CASES - 1)) for step in range(MOST_CASES)})


def measure_layers(
    params: PowParams,
    dtype: str = "float32",
    *,
    n_nonces: int = 1000,
    unit_gains: bool = False,
    counts: Sequence[int] | None = None,
    safety: float = SAFETY,
    n_threads: int | None = None,
    device: str = CPU,
) -> list[SkippedLayers]:
    """Return one row for each number of layers in `counts` (`choose_layers` unless given), and last for all of them.

    Raises ValueError as `Kernel` does.
    """

    def compute(n_layers: int) -> NDArray[np.float64]:
        options = {"n_layers": n_layers, "unit_gains": unit_gains, "n_threads": n_threads}
        with Kernel(BLOCK_HASH, params, dtype, device, **options) as kernel:  # type: ignore[arg-type]
            return kernel.distances(PUBLIC_KEY, range(n_nonces))

    r_target = r_target_for(HIT_PROBABILITY, params.vocab_size)
    truth = compute(params.n_layers)
    fewer = [n for n in (choose_layers(params.n_layers) if counts is None else counts) if n < params.n_layers]
    found = {n_layers: compute(n_layers) for n_layers in fewer} | {params.n_layers: truth}
    valid, rows = is_valid(truth, r_target), []
    for n_layers, distances in found.items():
        rms_error = float(np.sqrt(np.mean((distances - truth) ** 2)))
        claimed = is_valid(distances, r_target - safety * rms_error)
        rows.append(
            SkippedLayers(
                unit_gains=unit_gains,
                n_layers=n_layers,
                work=1.0 / get_layers_speedup(params, n_layers),
                rms_error=rms_error,
                n_valid=int(valid.sum()),
                n_claimed=int(claimed.sum()),
                n_wrong=int((claimed & ~valid).sum()),
            )
        )
    return rows
