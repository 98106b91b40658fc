"""The real kernel against the law on the sphere, and the contribution of its layers (kernel 4, 7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pow.params import PRESETS, mode_of
from pow.skipping import compute_skipping_rms
from pow.sphere import distance_cdf, distance_pdf, hit_probability
from sim.theory.row import ERROR_LEVEL, Z_BOUND, Row
from sim.work.sphere import RMS_ERROR

BLOCK_HASH = "86462F1AA921017C2D950CC166F735BBB08853F3B8BA7171E1EA8AC564956FDD"
R_TARGET = 1.4013564660458173
PARAMS = PRESETS["devtest"]
TESTNET_NONCES = 24
SKIPPED_YIELD = 987 / 1027  # published share of the valid nonces that such a host may claim safely (kernel 7)
SAFETY = 2  # standard deviations by which it lowers r_target


def kernel_rows(quick: bool) -> Iterator[Row]:
    """Devtest in float32: success rate, distribution of distances, and the same with some of the layers only."""
    n_nonces = 500 if quick else 5000
    distances = _compute(n_nonces)
    n_valid, theory = int((distances < R_TARGET).sum()), hit_probability(R_TARGET, PARAMS.vocab_size)
    yield Row.binomial(f"success rate of {n_nonces} nonces, devtest float32", n_valid, n_nonces, theory)
    test = stats.ks_1samp(distances, lambda r: distance_cdf(r, PARAMS.vocab_size))
    critical = float(stats.kstwo.isf(ERROR_LEVEL, n_nonces))
    label = f"largest gap of the distance distribution (KS), {n_nonces} nonces"
    yield Row(label, float(test.statistic), 0.0, float(test.statistic), critical)
    skipped = _skip_layers(n_nonces, "float32", "devtest")
    yield from _error_rows(distances, skipped, "devtest")
    yield from _yield_rows(distances, skipped)
    yield from _numerics_rows(64 if quick else 256)
    if not quick:  # a minute or two
        full = _compute(TESTNET_NONCES, dtype="mixed", params="testnet")
        yield from _error_rows(full, _skip_layers(TESTNET_NONCES, "mixed", "testnet"), "testnet")


def _compute(
    n_nonces: int, n_layers: int | None = None, dtype: str = "float32", params: str = "devtest"
) -> NDArray[np.float64]:
    from sim.work.kernel import KernelWork  # loads torch, which earlier groups of rows do not wait for

    with KernelWork(PRESETS[params]) as work:
        requests = [(f"theory-{nonce % 10}", nonce) for nonce in range(n_nonces)]
        return work.distances(BLOCK_HASH, dtype, requests, n_layers)


def _compute_rms_bound(n_nonces: int) -> float:
    """Sampling error of a root mean square, plus 5 % because published figures have two digits and other nonces."""
    return Z_BOUND / float(np.sqrt(2 * n_nonces)) + 0.05


def _numerics_rows(n_nonces: int) -> Iterator[Row]:
    """Rounding errors of a distance against float64, on which `work.kind: sphere` rests (kernel 6)."""
    truth = _compute(n_nonces, dtype="f16data_f64compute")
    for dtype in ("f16data_f32compute", "float32", "mixed", "bfloat16"):
        rms = _compute_rms(_compute(n_nonces, dtype=dtype), truth)
        published = RMS_ERROR[mode_of(dtype).name]
        label = f"rms error of a distance in {dtype}, relative"
        yield Row(label, rms, published, rms / published - 1.0, _compute_rms_bound(n_nonces))


def _skip_layers(n_nonces: int, dtype: str, params: str) -> dict[int, NDArray[np.float64]]:
    """Distances with none, a quarter, a half and three quarters of the layers, by how many these are."""
    n_layers = PRESETS[params].n_layers
    return {kept: _compute(n_nonces, kept, dtype, params) for kept in range(0, n_layers, n_layers // 4)}


def _compute_rms(distances: NDArray[np.float64], skipped: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean((distances - skipped) ** 2)))


def _error_rows(
    distances: NDArray[np.float64], skipped: Mapping[int, NDArray[np.float64]], params: str
) -> Iterator[Row]:
    """A host that computes the first layers only: its error. Without any layer it is published.

    Each layer adds about as much as any other, in a direction of its own, so that the error falls with the root of the
    number of layers left out. The 5 % in the bound are for that "about".
    """
    n_layers, bound = PRESETS[params].n_layers, _compute_rms_bound(len(distances))
    published = compute_skipping_rms(PRESETS[params], 0)
    rms = {kept: _compute_rms(distances, part) for kept, part in skipped.items()}
    yield Row.relative(f"rms error of a distance without any layer, {params}", rms[0], published, bound)
    for kept in list(skipped)[1:]:
        ratio, theory = rms[kept] / rms[0], compute_skipping_rms(PRESETS[params], kept) / published
        yield Row.relative(f"rms error with {kept} of {n_layers} layers, over that", ratio, theory, bound)


def _yield_rows(distances: NDArray[np.float64], skipped: Mapping[int, NDArray[np.float64]]) -> Iterator[Row]:
    """How many valid nonces such a host still finds on devtest. Without any layer that is published.

    It lowers its r_target by `SAFETY` rms errors and loses the nonces between the two: the density there times the
    width, over the hit probability. Errors to either side cancel out.
    """
    is_valid = distances < R_TARGET
    n_valid = int(is_valid.sum())
    density = float(distance_pdf(R_TARGET, PARAMS.vocab_size)) / hit_probability(R_TARGET, PARAMS.vocab_size)
    for kept, part in skipped.items():
        margin = SAFETY * _compute_rms(distances, part)
        n_found = int((is_valid & (part < R_TARGET - margin)).sum())
        theory = 1.0 - density * margin if kept else SKIPPED_YIELD
        label = f"share of {n_valid} valid nonces found with {kept} of {PARAMS.n_layers} layers"
        yield Row.binomial(label, n_found, n_valid, theory)
