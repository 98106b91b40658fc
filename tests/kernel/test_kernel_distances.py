"""Distances against the golden vectors, to the tolerances of kernel 6."""

import numpy as np
import pytest

from pow.distances import chord_distances, distances, distances_of, model_distances
from pow.inputs import inputs_float32, permutations
from pow.params import DTYPES, PRESETS, PowParams
from pow.sphere import target
from pow.transformer import build

TINY = PRESETS["tiny"]
pytestmark = pytest.mark.usefixtures("one_thread")

OWN_GOLDEN = {"f16data_f64compute": 1e-13, "f16data_f32compute": 5e-7, "float32": 5e-7, "float16": 1.5e-4}
DEVTEST = OWN_GOLDEN | {"float16": 3e-5}
FROM_F32 = {"mixed": 2e-6, "f16data_bf16linears_f32resid": 2e-6, "bfloat16": 1e-3, "f16data_bf16compute": 1e-3}


def error(case: dict, mode: str, against: str) -> float:
    params = PowParams(**case["params"])
    found = distances(case["block_hash"], case["public_key"], case["nonces"], params, mode)
    assert found.dtype == np.float64
    assert found.shape == (len(case["nonces"]),)
    return float(np.abs(found - case["distances"][against]).max())


@pytest.mark.parametrize("mode", OWN_GOLDEN)
def test_golden_distances_tiny(mode: str, distances_tiny_case) -> None:
    assert error(distances_tiny_case, mode, mode) <= OWN_GOLDEN[mode]


@pytest.mark.parametrize("mode", FROM_F32)
def test_bfloat16_modes_tiny(mode: str, distances_tiny_case) -> None:
    assert error(distances_tiny_case, mode, "f16data_f32compute") <= FROM_F32[mode]


@pytest.mark.parametrize("mode", DEVTEST)
def test_golden_distances_devtest(mode: str, distances_devtest_case) -> None:
    assert error(distances_devtest_case, mode, mode) <= DEVTEST[mode]


@pytest.mark.parametrize("mode", FROM_F32)
def test_bfloat16_modes_devtest(mode: str, distances_devtest_case) -> None:
    assert error(distances_devtest_case, mode, "f16data_f32compute") <= FROM_F32[mode]


@pytest.mark.parametrize("mode", OWN_GOLDEN)
def test_golden_logits(mode: str, distances_tiny_case) -> None:
    case = distances_tiny_case
    params = PowParams(**case["params"])
    x = inputs_float32(case["block_hash"], case["public_key"], case["nonces"], params)
    logits = build(case["block_hash"], params, mode).last_logits(x)[0, :8]
    tolerance = {"f16data_f64compute": 1e-15, "float16": 3e-5}.get(mode, 1e-8)
    assert np.abs(logits.numpy() - case["nonce0_logits_first8"][mode]).max() <= tolerance


def test_the_default_is_the_networks_float16() -> None:
    assert np.array_equal(distances("h", "k", [1, 2], TINY), distances("h", "k", [1, 2], TINY, "float16"))


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_runs(dtype: str) -> None:
    found = distances("h", "k", [7], TINY, dtype)
    assert found == pytest.approx(distances("h", "k", [7], TINY, "f16data_f64compute"), abs=2e-3)


def test_requests_of_many_hosts_share_batches() -> None:
    model = build("hash", TINY, "f16data_f32compute")
    requests = [(key, nonce) for nonce in range(9) for key in ("alice", "bob", "carol")]
    found = distances_of(model, requests, batch_size=8)
    for (key, nonce), distance in zip(requests, found, strict=True):
        alone = distances("hash", key, [nonce], TINY, "f16data_f32compute")
        assert distance == pytest.approx(alone[0], abs=5e-7)


def test_distances_do_not_depend_on_neighbours() -> None:
    model = build("hash", TINY, "float32")
    requests = [("key", nonce) for nonce in range(21)]
    found = distances_of(model, requests, batch_size=8)
    assert np.array_equal(distances_of(model, requests[::-1], batch_size=8), found[::-1])
    for index in (0, 7, 20):
        assert distances_of(model, requests[index : index + 1], batch_size=8)[0] == found[index]


def test_no_requests_give_no_distances() -> None:
    model = build("hash", TINY, "float32")
    found = distances_of(model, [])
    assert found.shape == (0,)
    assert found.dtype == np.float64


def test_the_chord_is_measured_on_the_sphere() -> None:
    aim = np.array([0.6, 0.0, 0.8])
    logits = np.array([[0.0, 8.0, 6.0], [0.0, -8.0, -6.0], [5.0, 0.0, 0.0]], dtype=np.float32)
    orders = np.array([[2, 0, 1], [2, 0, 1], [1, 0, 2]])
    assert chord_distances(logits, aim, orders) == pytest.approx([0, 2, np.sqrt(2)], abs=1e-7)


def test_mistakes() -> None:
    model = build("hash", TINY, "float32")
    x, orders = inputs_float32("hash", "k", [0, 1], TINY), permutations("hash", "k", [0, 1], 128)
    aim = target("hash", 128)
    with pytest.raises(ValueError, match=r"permutations have the shape \(1, 128\); it must be \(2, 128\)"):
        model_distances(model, aim, x, orders[:1])
    with pytest.raises(ValueError, match=r"target has the shape \(64,\); it must be \(128,\)"):
        model_distances(model, target("hash", 64), x, orders)
    with pytest.raises(ValueError, match="batch_size is 0; it must be at least 1"):
        distances_of(model, [("k", 1)], batch_size=0)
    with pytest.raises(ValueError, match="nonce is -1; it must be at least 0"):
        distances_of(model, [("k", 1), ("k", -1)])
    with pytest.raises(ValueError, match="nonces is empty"):
        distances("hash", "k", [], TINY)
    with pytest.raises(ValueError, match="unknown dtype 'int8'; known are float16"):
        distances("hash", "k", [1], TINY, "int8")
