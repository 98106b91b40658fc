"""The real kernel against the law on the sphere, and what its layers contribute (kernel 4, 7)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pow.params import PRESETS, mode_of
from pow.sphere import distance_cdf, hit_probability
from sim.theory.levels import ERROR_LEVEL, Z_BOUND, compute_binomial_z
from sim.theory.rows import Row
from sim.work import open_kernel
from sim.work.sphere import RMS_ERROR

BLOCK_HASH = "86462F1AA921017C2D950CC166F735BBB08853F3B8BA7171E1EA8AC564956FDD"
R_TARGET = 1.4013564660458173
PARAMS = PRESETS["devtest"]
SKIPPED_RMS = 6.5e-5  # published for devtest without any layer (kernel 7)
SKIPPED_YIELD = 987 / 1027  # published share of the valid nonces that such a host may claim safely (kernel 7)
SAFETY = 2  # standard deviations by which it lowers r_target


def kernel_rows(quick: bool) -> Iterator[Row]:
    """Devtest in float32: success rate, distribution of distances, and the same without any layer."""
    n_nonces = 500 if quick else 3000
    distances, skipped = (_compute(n_nonces, n_layers) for n_layers in (None, 0))
    n_valid, theory = int((distances < R_TARGET).sum()), hit_probability(R_TARGET, PARAMS.vocab_size)
    score = compute_binomial_z(n_valid, n_nonces, theory)
    yield Row(f"success rate of {n_nonces} nonces, devtest float32", n_valid / n_nonces, theory, score, Z_BOUND)
    test = stats.ks_1samp(distances, lambda r: distance_cdf(r, PARAMS.vocab_size))
    critical = float(stats.kstwo.isf(ERROR_LEVEL, n_nonces))
    label = f"largest gap of the distance distribution (KS), {n_nonces} nonces"
    yield Row(label, float(test.statistic), 0.0, float(test.statistic), critical)
    yield from _skipping_rows(distances, skipped)
    yield from _numerics_rows(64 if quick else 256)


def _compute(n_nonces: int, n_layers: int | None = None, dtype: str = "float32") -> NDArray[np.float64]:
    with open_kernel(PARAMS, n_layers=n_layers) as work:
        return work.distances(BLOCK_HASH, dtype, [(f"theory-{nonce % 10}", nonce) for nonce in range(n_nonces)])


def _compute_rms_bound(n_nonces: int) -> float:
    """Sampling error of a root mean square, plus 5 % because published figures have two digits and other nonces."""
    return Z_BOUND / float(np.sqrt(2 * n_nonces)) + 0.05


def _numerics_rows(n_nonces: int) -> Iterator[Row]:
    """Rounding errors of a distance against float64: what the exact law's twin takes for granted (kernel 6)."""
    truth = _compute(n_nonces, dtype="f16data_f64compute")
    for dtype in ("f16data_f32compute", "float32", "mixed", "bfloat16"):
        rms = float(np.sqrt(np.mean((_compute(n_nonces, dtype=dtype) - truth) ** 2)))
        published = RMS_ERROR[mode_of(dtype).name]
        label = f"rms error of a distance in {dtype}, relative"
        yield Row(label, rms, published, rms / published - 1.0, _compute_rms_bound(n_nonces))


def _skipping_rows(distances: NDArray[np.float64], skipped: NDArray[np.float64]) -> Iterator[Row]:
    """A host that computes no layer at all: its error, and how many valid nonces it still finds."""
    rms = float(np.sqrt(np.mean((distances - skipped) ** 2)))
    score, bound = rms / SKIPPED_RMS - 1.0, _compute_rms_bound(len(distances))
    yield Row("rms error of a distance without any layer, relative", rms, SKIPPED_RMS, score, bound)
    is_valid = distances < R_TARGET
    n_claimed = int((is_valid & (skipped < R_TARGET - SAFETY * rms)).sum())
    n_valid = int(is_valid.sum())
    score = compute_binomial_z(n_claimed, n_valid, SKIPPED_YIELD)
    yield Row("share of valid nonces found without any layer", n_claimed / n_valid, SKIPPED_YIELD, score, Z_BOUND)
