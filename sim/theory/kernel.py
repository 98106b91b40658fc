"""The real kernel against the law on the sphere: its success rate and the distribution of its distances."""

from __future__ import annotations

from collections.abc import Iterator

from scipy import stats

from pow.params import PRESETS
from pow.sphere import distance_cdf, hit_probability
from sim.theory.levels import ERROR_LEVEL, Z_BOUND, compute_binomial_z
from sim.theory.rows import Row
from sim.work import open_kernel

BLOCK_HASH = "86462F1AA921017C2D950CC166F735BBB08853F3B8BA7171E1EA8AC564956FDD"
R_TARGET = 1.4013564660458173


def kernel_rows(quick: bool) -> Iterator[Row]:
    """Devtest in float32: share of valid nonces (binomial z); Kolmogorov-Smirnov distance beside its critical value."""
    params, n_nonces = PRESETS["devtest"], 500 if quick else 3000
    with open_kernel(params) as work:
        distances = work.distances(
            BLOCK_HASH, "float32", [(f"theory-{nonce % 10}", nonce) for nonce in range(n_nonces)]
        )
    n_valid, theory = int((distances < R_TARGET).sum()), hit_probability(R_TARGET, params.vocab_size)
    score = compute_binomial_z(n_valid, n_nonces, theory)
    yield Row(f"success rate of {n_nonces} nonces, devtest float32", n_valid / n_nonces, theory, score, Z_BOUND)
    test = stats.ks_1samp(distances, lambda r: distance_cdf(r, params.vocab_size))
    critical = float(stats.kstwo.isf(ERROR_LEVEL, n_nonces))
    label = f"largest gap of the distance distribution (KS), {n_nonces} nonces"
    yield Row(label, float(test.statistic), 0.0, float(test.statistic), critical)
