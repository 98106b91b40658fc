"""The network's own two models. Minutes: testnet needs 2 GB, mainnet 8 GB."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from pow.agreement import BOUNDS
from pow.distances import distances
from pow.kernel import Kernel
from pow.parameters import parameters, pool, slice_start
from pow.params import PRESETS

pytestmark = pytest.mark.slow
DATA = Path(__file__).parents[1] / "data"

# (mode computed, golden mode, tolerance) of kernel 6
OWN_GOLDEN = [
    ("f16data_f64compute", "f16data_f64compute", 1e-13),
    ("f16data_f32compute", "f16data_f32compute", 5e-7),
    ("float32", "float32", 5e-7),
    ("float16", "float16", 3e-5),
]
MIXED = ("mixed", "f16data_f32compute", 2e-6)
BFLOAT16 = ("bfloat16", "f16data_f32compute", 1e-3)
MAINNET = [
    ("f16data_f32compute", "f16data_f32compute", 5e-7),
    ("f16data_f32compute", "f16data_f32compute_onednn", 5e-7),
    MIXED,
    ("mixed", "f16data_bf16linears_f32resid", 2e-6),
    ("f16data_bf16compute", "f16data_f32compute", 1e-3),
    ("f16data_bf16compute", "f16data_bf16compute", 1e-3),
]


@pytest.mark.parametrize(("mode", "golden_mode", "tolerance"), [*OWN_GOLDEN, MIXED, BFLOAT16])
def test_testnet_distances(mode: str, golden_mode: str, tolerance: float, distances_v1_case) -> None:
    case = distances_v1_case
    found = distances(case["block_hash"], case["public_key"], case["nonces"], PRESETS["testnet"], mode)
    assert np.abs(found - case["distances"][golden_mode]).max() <= tolerance


def test_testnet_tensors(distances_v1_case, sha256) -> None:
    weights = parameters(distances_v1_case["block_hash"], PRESETS["testnet"], "float16")
    for name, digest in distances_v1_case["tensor_sha256_f16"].items():
        assert sha256(weights[name].numpy()) == digest


def test_mainnet_pool_and_slices(distances_v2_case) -> None:
    case, params = distances_v2_case, PRESETS["mainnet"]
    assert (params.n_parameters, params.pool_size) == (case["total_params"], case["pool_size"])
    values = pool(case["block_hash"], params, "float16")
    assert hashlib.sha256(values.numpy()).hexdigest() == case["pool_sha256_f16"]
    weights = parameters(case["block_hash"], params, "float16")
    for name, start in case["slice_starts"].items():
        assert weights[name].storage_offset() == start
        assert slice_start(case["block_hash"], name, weights[name].numel(), params.pool_size) == start


def test_mainnet_without_layers_is_what_an_h100_computed() -> None:
    """float16 on a card and on this CPU: the embedding, the last norm and the head."""
    measured = json.loads((DATA / "h100" / "distances.json").read_text(encoding="utf-8"))
    golden = np.array(measured["distances"]["mainnet/float16/layers0/batch69"])
    with Kernel(measured["block_hash"], PRESETS["mainnet"], "float16", n_layers=0) as kernel:
        found = kernel.distances(measured["public_key"], range(len(golden)))
    assert np.abs(found - golden).max() <= BOUNDS["float16"]


@pytest.fixture(scope="module")
def mainnet_distances():
    """Computes each mode once, however many golden modes it is held to."""
    found: dict[str, np.ndarray] = {}

    def compute(case: dict, mode: str) -> np.ndarray:
        if mode not in found:
            arguments = (case["block_hash"], case["public_key"], case["nonces"], PRESETS["mainnet"])
            found[mode] = distances(*arguments, mode)
        return found[mode]

    return compute


@pytest.mark.parametrize(("mode", "golden_mode", "tolerance"), MAINNET)
def test_mainnet_distances(mode: str, golden_mode: str, tolerance: float, distances_v2_case, mainnet_distances) -> None:
    found = mainnet_distances(distances_v2_case, mode)
    assert np.abs(found - distances_v2_case["distances"][golden_mode]).max() <= tolerance
