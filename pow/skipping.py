"""Speed and error of a host that computes only the first of the transformer's layers. No torch here.

Reference: kernel 7
"""

from __future__ import annotations

import math
from typing import Final

from pow.params import PRESETS, PowParams

GIGA: Final = 1e9
RMS_WITHOUT_LAYERS: Final = {"devtest": 6.5e-5, "testnet": 3.7e-5, "mainnet": 7.1e-5}
"""Root mean square error of a distance that was computed without any layer, by preset: published, and main net's
measured over 1600 nonces on an H100."""


def compute_gflop(params: PowParams, n_layers: int | None = None) -> float:
    """Multiplications and additions of one nonce's linear layers, in 10^9; the head sees the last position only.

    `n_layers`: of a host that computes the first layers only.
    """
    layers = params.n_layers if n_layers is None else n_layers
    projections = 2 * params.dim * params.dim + 2 * params.dim * params.kv_dim
    layer = projections + 3 * params.dim * params.hidden_dim
    return 2 * (params.seq_len * layers * layer + params.vocab_size * params.dim) / GIGA


def get_layers_speedup(params: PowParams, n_layers: int) -> float:
    """How many times as many nonces per second a host tries with the first `n_layers` only, by its linear layers.

    Finite without any layer, since the head remains. Raises ValueError if n_layers is not in [0, params.n_layers].
    """
    _check_layers(params, n_layers)
    return compute_gflop(params) / compute_gflop(params, n_layers)


def compute_skipping_rms(params: PowParams, n_layers: int) -> float:
    """Root mean square error of a distance with the first `n_layers` only: it falls with the root of those left out.

    Raises ValueError for a model of which no error is published, unless all layers are computed. Reference: kernel 7
    """
    _check_layers(params, n_layers)
    if n_layers == params.n_layers:
        return 0.0
    for name, rms_error in RMS_WITHOUT_LAYERS.items():
        if PRESETS[name] == params:
            return rms_error * math.sqrt(1.0 - n_layers / params.n_layers)
    known = ", ".join(RMS_WITHOUT_LAYERS)
    raise ValueError(f"the error of skipped layers is known for the models {known} only; this is another one")


def _check_layers(params: PowParams, n_layers: int) -> None:
    if not 0 <= n_layers <= params.n_layers:
        raise ValueError(f"n_layers is {n_layers}; it must be at least 0 and at most {params.n_layers}")
