"""The fast path gives the readable path's distances: over random models, modes, gains and numbers of layers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pow.distances import model_distances
from pow.inputs import inputs_float32, permutations
from pow.kernel import Kernel
from pow.linear import LINEARS, has_onednn, is_amd, linear_name
from pow.params import PRESETS, PowParams
from pow.sphere import target
from pow.transformer import build

TWO_LAYERS = replace(PRESETS["devtest"], n_layers=2)  # of the same sizes, in an eighth of the time
HASH, KEY = "86462F1AA921017C2D950CC166F735BBB08853F3B8BA7171E1EA8AC564956FDD", "key"
# Distance between the two paths: rounding of the mode's arithmetic, far below what a missing step changes.
TOLERANCES = {
    "f16data_f64compute": 1e-13,
    "f16data_f32compute": 5e-7,
    "float32": 5e-7,
    "mixed": 2e-6,
    "float16": 1.5e-4,
    "bfloat16": 1e-3,
}


def readable(params: PowParams, nonces: list[int], dtype: str, **options: object) -> np.ndarray:
    """The readable path, with the same options."""
    model = build(HASH, params, dtype, **options)
    x, orders = inputs_float32(HASH, KEY, nonces, params), permutations(HASH, KEY, nonces, params.vocab_size)
    return model_distances(model, target(HASH, params.vocab_size), x, orders)


@st.composite
def models(draw: st.DrawFn) -> PowParams:
    n_kv_heads = draw(st.integers(1, 3))
    n_heads = n_kv_heads * draw(st.integers(1, 3))
    return PowParams(
        dim=n_heads * 2 * draw(st.integers(1, 8)),
        n_layers=draw(st.integers(1, 4)),
        n_heads=n_heads,
        n_kv_heads=n_kv_heads,
        vocab_size=draw(st.integers(2, 150)),
        ffn_dim_multiplier=draw(st.sampled_from([0.5, 1.3, 4.0])),
        multiple_of=draw(st.sampled_from([1, 8, 32])),
        norm_eps=1e-5,
        rope_theta=draw(st.sampled_from([100.0, 10_000.0, 500_000.0])),
        use_scaled_rope=draw(st.booleans()),
        seq_len=draw(st.integers(1, 9)),
    )


@settings(deadline=None, max_examples=60)
@given(models(), st.sampled_from(sorted(TOLERANCES)), st.booleans(), st.integers(0, 4), st.integers(1, 7))
def test_agrees_with_the_readable_path(
    params: PowParams, dtype: str, unit_gains: bool, n_layers: int, batch_size: int
) -> None:
    nonces, options = [3, 0, 12, 5, 2**62], {"n_layers": min(n_layers, params.n_layers), "unit_gains": unit_gains}
    with Kernel(HASH, params, dtype, batch_size=batch_size, n_threads=2, **options) as kernel:
        fast = kernel.distances(KEY, nonces)
    assert fast == pytest.approx(readable(params, nonces, dtype, **options), abs=TOLERANCES[dtype])


@pytest.mark.parametrize("unit_gains", [False, True])
@pytest.mark.parametrize("n_layers", [0, 1, 2])
def test_agrees_to_the_last_digits_in_float64(n_layers: int, unit_gains: bool) -> None:
    options = {"n_layers": n_layers, "unit_gains": unit_gains}
    with Kernel(HASH, PRESETS["tiny"], "f16data_f64compute", **options) as kernel:
        fast = kernel.distances(KEY, list(range(32)))
    slow = readable(PRESETS["tiny"], list(range(32)), "f16data_f64compute", **options)
    assert fast == pytest.approx(slow, abs=1e-13)


def test_layers_and_gains_matter() -> None:
    """Else the tests above would compare nothing: each option moves the distances."""
    results = []
    for options in ({}, {"n_layers": 1}, {"n_layers": 0}, {"unit_gains": True}, {"unit_gains": True, "n_layers": 1}):
        with Kernel(HASH, PRESETS["tiny"], "f16data_f64compute", **options) as kernel:
            results.append(kernel.distances(KEY, list(range(8))))
    for i, one in enumerate(results):
        for other in results[:i]:
            assert np.abs(one - other).min() > 1e-9


@pytest.fixture(scope="module")
def of_two_layers() -> np.ndarray:
    """What the readable path gives."""
    return readable(TWO_LAYERS, list(range(6)), "float32")


@pytest.mark.parametrize("linear", sorted(LINEARS))
def test_every_product_agrees(linear: str, of_two_layers: np.ndarray) -> None:
    """In a full batch and in one that is not."""
    if linear == "onednn" and not has_onednn():
        pytest.skip("this build of torch has no such operator")
    with Kernel(HASH, TWO_LAYERS, "float32", linear=linear, batch_size=4) as kernel:
        fast = kernel.distances(KEY, list(range(6)))
    assert fast == pytest.approx(of_two_layers, abs=5e-7)


@pytest.mark.parametrize("dtype", ["float32", "mixed", "bfloat16", "float16"])
@pytest.mark.parametrize(("preset", "n", "batch_size"), [("tiny", 24, 16), ("devtest", 9, 6)])
def test_bits_depend_on_nothing_but_the_nonce(preset: str, n: int, batch_size: int, dtype: str) -> None:
    """Neither neighbours, nor the place in the batch, nor the number of workers."""
    params, nonces = PRESETS[preset], list(range(n))
    with Kernel(HASH, params, dtype, batch_size=batch_size, n_threads=1) as one:
        together = one.distances(KEY, nonces)
        alone = np.array([one.distances(KEY, [nonce])[0] for nonce in nonces])
        backwards = one.distances(KEY, nonces[::-1])[::-1]
    with Kernel(HASH, params, dtype, batch_size=batch_size, n_threads=2) as two:
        threaded = two.distances(KEY, nonces)
    for other in (alone, backwards, threaded):
        assert np.array_equal(together, other)


def test_hosts_may_share_a_batch() -> None:
    with Kernel(HASH, PRESETS["tiny"], "float32", batch_size=8) as kernel:
        mixed = kernel.distances_of([("a", 1), ("b", 1), ("a", 2)])
        assert np.array_equal(mixed[[0, 2]], kernel.distances("a", [1, 2]))
        assert np.array_equal(mixed[[1]], kernel.distances("b", [1]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dtype": "float8"}, "unknown dtype 'float8'"),
        ({"device": "cuda:7"}, "cuda:7"),
        ({"batch_size": 0}, "batch_size is 0; it must be at least 1"),
        ({"n_threads": -1}, "n_threads is -1"),
        ({"n_layers": 3}, "n_layers is 3; it must be at least 0 and at most 2"),
        ({"linear": "cublas"}, "unknown linear 'cublas'; known are auto, torch, onednn, numpy"),
        ({"linear": "numpy", "dtype": "bfloat16"}, "no bfloat16 product"),
    ],
)
def test_bad_arguments(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Kernel(HASH, PRESETS["tiny"], **arguments)


@pytest.mark.parametrize("nonces", [[], [-1], [2**63], [1.5]])
def test_bad_nonces(nonces: list[int]) -> None:
    with Kernel(HASH, PRESETS["tiny"]) as kernel, pytest.raises((ValueError, TypeError)):
        kernel.distances(KEY, nonces)


def test_the_rule_for_the_product() -> None:
    expected = "onednn" if is_amd() and has_onednn() else "torch"
    assert linear_name("auto", "float32") == expected
    assert linear_name("auto", "bfloat16") == linear_name("auto", "float64") == "torch"
