import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pow import parameters as module
from pow.parameters import parameter, parameter_shapes, parameters, pool, rotation, slice_start, torch_type
from pow.params import DTYPES, PRESETS, PowParams
from pow.seeds import name_offset

TINY = PRESETS["tiny"]


def test_golden_pool_and_tensors(pool_weights_case, sha256) -> None:
    case = pool_weights_case
    params = PowParams(**case["params"])
    values = pool(case["block_hash"], params, case["dtype"])
    assert values[:8].tolist() == case["pool_first8"]
    assert values[-2:].tolist() == case["pool_last2"]
    assert sha256(values.numpy()) == case["pool_sha256"]
    weights = parameters(case["block_hash"], params, case["dtype"])
    assert list(weights) == [tensor[0] for tensor in case["tensors"]]
    for name, shape, branch, place, digest, samples in case["tensors"]:
        weight, size = weights[name], weights[name].numel()
        assert list(weight.shape) == shape
        assert branch == ("slice" if size <= params.pool_size else "tile")
        if branch == "slice":
            assert slice_start(case["block_hash"], name, size, params.pool_size) == place
        else:
            assert rotation(case["block_hash"], name, size) == place
        assert sha256(weight.numpy()) == digest
        assert weight.flatten()[[0, 1, size // 2, size - 1]].tolist() == samples


@settings(deadline=None)  # a busy machine is no failure
@given(
    block_hash=st.text(max_size=8),
    name=st.text(max_size=8),
    shape=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    pool_size=st.integers(1, 60),
)
def test_one_parameter_against_the_rule_read_aloud(
    block_hash: str, name: str, shape: tuple[int, int], pool_size: int
) -> None:
    values = torch.arange(pool_size, dtype=torch.float32)
    size, k = shape[0] * shape[1], name_offset(block_hash, name)
    if size <= pool_size:
        expected = [values[k % (pool_size - size + 1) + i].item() for i in range(size)]
    else:
        tiled = [values[i % pool_size].item() for i in range(size)]
        expected = [tiled[(i + k % size) % size] for i in range(size)]
    assert parameter(block_hash, name, shape, values).flatten().tolist() == expected


@pytest.mark.parametrize("dtype", ["float16", "float32", "f16data_f64compute"])
def test_parameters_are_views_of_one_pool(dtype: str) -> None:
    weights = parameters("hash", TINY, dtype)
    addresses = {weight.untyped_storage().data_ptr() for weight in weights.values()}
    assert len(addresses) == 1
    storage = weights["norm.weight"].untyped_storage()
    assert storage.nbytes() == TINY.pool_size * weights["norm.weight"].element_size()


def test_mixed_keeps_the_linear_layers_as_views() -> None:
    weights, exact = parameters("hash", TINY, "mixed"), parameters("hash", TINY, "float16")
    copied = {name for name in weights if name.endswith("norm.weight") or name == "output.weight"}
    for name, weight in weights.items():
        assert weight.dtype == (torch.float32 if name in copied else torch.bfloat16)
        assert torch.equal(weight, exact[name].to(weight.dtype))
    shared = {weights[name].untyped_storage().data_ptr() for name in weights if name not in copied}
    assert len(shared) == 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_mode_holds_the_data_it_promises(dtype: str) -> None:
    name = "layers.1.feed_forward.w2.weight"
    drawn = parameters("hash", TINY, "float32")[name]
    if dtype.startswith("f16") or dtype == "mixed":
        drawn = drawn.to(torch.float16)
    weight = parameters("hash", TINY, dtype)[name]
    assert torch.equal(weight, drawn.to(weight.dtype))


def test_the_pool_does_not_depend_on_the_chunk(monkeypatch) -> None:
    whole = pool("hash", TINY, "float32")
    monkeypatch.setattr(module, "CHUNK", 777)
    assert torch.equal(pool("hash", TINY, "float32"), whole)
    assert whole.double().std().item() == pytest.approx(0.02, rel=0.02)


def test_shapes_account_for_every_element() -> None:
    for params in PRESETS.values():
        assert sum(np.prod(shape) for shape in parameter_shapes(params).values()) == params.n_parameters


def test_mistakes() -> None:
    with pytest.raises(ValueError, match="unknown dtype 'half'; known are float16"):
        parameters("hash", TINY, "half")
    with pytest.raises(ValueError, match="'float17' is no number type of torch"):
        torch_type("float17")
