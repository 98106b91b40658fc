"""Answers of the transformer: readable and fast path, batches, number types, the path of the cards."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pow import answer_kernel, cuda
from pow.answer_kernel import AnswerKernel, draw_inputs, draw_mirrors
from pow.answers import inputs_float32, measure, mirror, reduce, reflection
from pow.params import PRESETS, PowParams
from pow.placement import GIB, Card
from pow.transformer import build
from pow.transformer import mirror as torch_mirror

HASH, KEY, TINY = "86462F1AA921017C2D950CC166F735BBB08853F3B8BA7171E1EA8AC564956FDD", "key", PRESETS["tiny"]
GROUPED = replace(TINY, n_kv_heads=2, n_layers=3, use_scaled_rope=False)
# Rounding of each mode's arithmetic between two orders of sums; a missing mirror changes about 1.4.
TOLERANCES = {"f16data_f64compute": 1e-3, "float32": 2e-3, "mixed": 2e-2, "float16": 3e-2, "bfloat16": 0.2}


def readable(params: PowParams, dtype: str, nonces: list[int], n_layers: int | None = None) -> np.ndarray:
    model = build("powsim", params, dtype, n_layers=n_layers, unit_gains=True)
    x = inputs_float32(HASH, KEY, nonces, params.seq_len, params.dim)
    hidden = model.last_hidden(
        x, draw_mirrors(HASH, params).to(model.rotary.device, model.weights["norm.weight"].dtype)
    )
    return reduce(hidden.float().numpy(), HASH, KEY, nonces)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize(("params", "n_layers"), [(TINY, None), (GROUPED, 1), (GROUPED, 0)])
def test_answers_agree_with_the_readable_path(params: PowParams, n_layers: int | None, dtype: str) -> None:
    nonces = [3, 0, 12, 5, 2**62]
    fast = AnswerKernel(params, dtype, batch_size=2, n_threads=2, n_layers=n_layers).answers(HASH, KEY, nonces)
    assert measure(fast, readable(params, dtype, nonces, n_layers)).max() < TOLERANCES[dtype]


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 13), st.integers(1, 5), st.integers(0, 40))
def test_reductions_of_a_batch_have_the_same_bits(k: int, n: int, more: int) -> None:
    hidden = np.random.default_rng(n).normal(size=(n, k + more)).astype(np.float32)
    nonces = [7 * place for place in range(n)]
    found = answer_kernel.reduce(hidden, HASH, [(KEY, nonce) for nonce in nonces], k)
    assert np.array_equal(found, reduce(hidden, HASH, KEY, nonces, k))


def test_inputs_of_a_batch_have_the_same_bits() -> None:
    requests = [("a", 5), ("b", 5), ("a", 2**62)]
    alone = [inputs_float32(HASH, key, [nonce], 3, 5)[0] for key, nonce in requests]
    assert np.array_equal(draw_inputs(HASH, requests, 3, 5), alone)


def test_mirrors_in_torch_are_those_in_numpy() -> None:
    state, normal = np.random.default_rng(0).normal(size=(4, 64)).astype(np.float32), reflection(HASH, 1, 64)
    found = torch_mirror(torch.from_numpy(state), torch.from_numpy(normal)).numpy()
    assert found == pytest.approx(mirror(state, normal), abs=2e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_an_answer_depends_on_its_nonce_only(dtype: str) -> None:
    kernel = AnswerKernel(TINY, dtype, batch_size=4, n_threads=2)
    together = kernel.answers(HASH, KEY, range(10))
    assert np.array_equal(together[[7]], kernel.answers(HASH, KEY, [7]))
    assert np.array_equal(together[::-1], kernel.answers(HASH, KEY, range(9, -1, -1)))


def test_answers_of_a_number_type_are_near_and_others_unrelated() -> None:
    """Another block hash, key, nonce, or text of the parameters gives an unrelated answer."""
    kernel = AnswerKernel(TINY, "float32")
    answers = kernel.answers(HASH, KEY, range(64))
    assert np.linalg.norm(answers.astype(np.float64), axis=1) == pytest.approx(1.0, abs=1e-3)
    assert measure(answers, AnswerKernel(TINY, "bfloat16").answers(HASH, KEY, range(64))).max() < 0.2
    others = (
        kernel.answers("other", KEY, range(64)),
        kernel.answers(HASH, "other", range(64)),
        kernel.answers(HASH, KEY, range(64, 128)),
    )
    for other in others:  # the mean distance of two random directions is 1.386, its deviation over 64 is .04
        assert measure(answers, other).mean() == pytest.approx(1.386, abs=0.17)


def test_layers_and_parameters_matter() -> None:
    answers = AnswerKernel(TINY, "float32").answers(HASH, KEY, range(16))
    for options in ({"n_layers": 1}, {"weights": "another"}):
        assert (
            measure(AnswerKernel(TINY, "float32", **options).answers(HASH, KEY, range(16)), answers).mean() > 0.005
        )  # number types: .0004


def test_answers_by_the_cards_path(monkeypatch: pytest.MonkeyPatch, settings_of_torch: None) -> None:
    cards = tuple(Card(index, "X1", 80 * GIB, 79 * GIB) for index in range(2))
    monkeypatch.setenv(cuda.WORKSPACE[0], "")
    monkeypatch.setattr(cuda, "list_cards", lambda: cards)
    monkeypatch.setattr(cuda, "get_device", lambda card: torch.device("cpu"))
    on_cpu = AnswerKernel(TINY, "float32").answers(HASH, KEY, range(9))
    on_cards = AnswerKernel(TINY, "float32", "cuda", batch_size=2, n_threads=2)
    assert on_cards.linear == "torch"
    assert measure(on_cards.answers(HASH, KEY, range(9)), on_cpu).max() < TOLERANCES["float32"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dtype": "float8"}, "unknown dtype 'float8'"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"batch_size": 0}, "batch_size is 0; it must be at least 1"),
        ({"n_layers": 3}, "n_layers is 3; it must be at least 0 and at most 2"),
    ],
)
def test_mistakes_of_an_answer_kernel(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AnswerKernel(TINY, **arguments)


def test_no_nonces_have_no_answers() -> None:
    with pytest.raises(ValueError, match="there are no nonces"):
        AnswerKernel(TINY).answers(HASH, KEY, [])
