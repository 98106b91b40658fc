"""The forward pass, piece by piece: the rotary table, a naive twin, and mutants that the golden vectors must catch."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pow import transformer
from pow.distances import distances
from pow.inputs import inputs, inputs_float32
from pow.params import PRESETS, PowParams
from pow.transformer import attend, build, causal_mask, rotary_table, rotate, share_heads

TINY = PRESETS["tiny"]
pytestmark = pytest.mark.usefixtures("one_thread")


def test_golden_rotary_table(rope_case, sha256) -> None:
    case = rope_case
    table = rotary_table(case["head_dim"], case["end"], case["theta"], case["scaled"])
    assert table.dtype == torch.float32
    assert list(table.shape) == case["shape"]
    assert table[1].flatten()[:32].tolist() == pytest.approx(case["pos1_cos_sin"][:32], abs=2e-7)
    assert table[-1].flatten()[:8].tolist() == pytest.approx(case["pos_last_first8"], abs=2e-5)
    half = table.to(torch.float16)
    assert half[1].flatten().tolist()[: len(case["pos1_f16"])] == case["pos1_f16"]
    assert sha256(half.numpy()) == case["sha256_f16"]


def test_rotation_is_a_complex_product() -> None:
    x = torch.randn(2, 5, 3, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    table = rotary_table(8, 5, 100.0, False).double()
    turn = torch.complex(table[..., 0], table[..., 1])[:, None]
    expected = torch.view_as_real(torch.view_as_complex(x.unflatten(-1, (4, 2)).contiguous()) * turn).flatten(-2)
    assert torch.allclose(rotate(x, table), expected, rtol=0, atol=1e-14)


def test_heads_share_keys_in_runs() -> None:
    heads = share_heads(torch.arange(2.0).view(1, 1, 2, 1), 8)
    assert heads.flatten().tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert share_heads(heads, 8) is heads


def test_mask_and_attention_of_the_first_position() -> None:
    assert causal_mask(3, torch.float16).tolist() == [[0, -math.inf, -math.inf], [0, 0, -math.inf], [0, 0, 0]]
    q, k, v = torch.randn(3, 1, 2, 4, 6, generator=torch.Generator().manual_seed(2))
    mixed = attend(q, k, v, torch.float32)
    assert torch.equal(mixed[:, :, 0], v[:, :, 0])  # it sees nothing but itself


def naive_logits(block_hash: str, params: PowParams, x: np.ndarray) -> np.ndarray:
    """One sequence (T, D) through the model in float64, head by head and position by position."""
    model = build(block_hash, params, "f16data_f64compute")
    w = {name.removesuffix(".weight"): weight.numpy() for name, weight in model.weights.items()}
    turns = model.rotary.numpy()[..., 0] + 1j * model.rotary.numpy()[..., 1]  # (T, E/2)
    width, group = params.head_dim, params.n_heads // params.n_kv_heads

    def norm(rows: np.ndarray, gain: np.ndarray) -> np.ndarray:
        return rows / np.sqrt((rows**2).mean(axis=1, keepdims=True) + params.norm_eps) * gain

    def turned(rows: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(rows).view(np.complex128) * turns

    x = x.astype(np.float64)
    for layer in range(params.n_layers):
        y = norm(x, w[f"layers.{layer}.attention_norm"])
        q, k, v = (y @ w[f"layers.{layer}.attention.w{letter}"].T for letter in "qkv")
        mixed = np.zeros_like(q)
        for head in range(params.n_heads):
            at, shared = slice(head * width, (head + 1) * width), head // group
            kv_at = slice(shared * width, (shared + 1) * width)
            q_head, k_head = turned(q[:, at]), turned(k[:, kv_at])
            for t in range(params.seq_len):
                scores = (k_head[: t + 1] @ q_head[t].conj()).real / math.sqrt(width)
                shares = np.exp(scores - scores.max())
                mixed[t, at] = shares / shares.sum() @ v[: t + 1, kv_at]
        x = x + mixed @ w[f"layers.{layer}.attention.wo"].T
        y = norm(x, w[f"layers.{layer}.ffn_norm"])
        gate = y @ w[f"layers.{layer}.feed_forward.w1"].T
        x = x + (gate / (1 + np.exp(-gate)) * (y @ w[f"layers.{layer}.feed_forward.w3"].T)) @ (
            w[f"layers.{layer}.feed_forward.w2"].T
        )
    return norm(x[-1:], w["norm"])[0] @ w["output"].T


@pytest.mark.parametrize("model", ["tiny", "tinygqa", "tinytile"])
def test_against_a_naive_twin(model: str, golden) -> None:
    case = next(case for case in golden("distances_tiny")["cases"] if case["model"] == model)
    params = PowParams(**case["params"])
    x = inputs(case["block_hash"], "key", [3], params)
    logits = build(case["block_hash"], params, "f16data_f64compute").last_logits(x)
    expected = naive_logits(case["block_hash"], params, x[0])
    assert np.abs(logits[0].numpy() - expected).max() < 1e-15


def no_mask(n_positions: int, dtype: torch.dtype) -> Tensor:
    return torch.zeros(n_positions, n_positions, dtype=dtype)


def no_rotation(x: Tensor, rotary: Tensor) -> Tensor:
    return x


def rotation_of_halves(x: Tensor, rotary: Tensor) -> Tensor:
    a, b = x.chunk(2, dim=-1)
    cos, sin = rotary.unsqueeze(1).unbind(-1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


def rolled_rotation(x: Tensor, rotary: Tensor) -> Tensor:
    return rotate(x, rotary.roll(1, 0))


def no_scale(q: Tensor, k: Tensor, v: Tensor, wide: torch.dtype) -> Tensor:
    return attend(q * math.sqrt(q.shape[-1]), k, v, wide)


def interleaved_heads(x: Tensor, n_heads: int) -> Tensor:
    return x.repeat(1, 1, n_heads // x.shape[2], 1)


def another_table(head_dim: int, n_positions: int, theta: float, scaled: bool) -> Tensor:
    return rotary_table(head_dim, n_positions, 2 * theta, scaled)


def norm_without_eps(x: Tensor, weight: Tensor, eps: float, wide: torch.dtype) -> Tensor:
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True)) * weight


MUTANTS = {
    "no mask": ("causal_mask", no_mask),
    "no rotation": ("rotate", no_rotation),
    "rotation of halves": ("rotate", rotation_of_halves),
    "positions rolled": ("rotate", rolled_rotation),
    "no scale": ("attend", no_scale),
    "heads interleaved": ("share_heads", interleaved_heads),
    "another theta": ("rotary_table", another_table),
    "no scaled rotation": ("stretch", lambda frequencies: frequencies),
    "no eps": ("rms_norm", norm_without_eps),
}
# Each mutant on the models that have the part it breaks.
ONLY = {"heads interleaved": ["tinygqa"], "no scaled rotation": ["tiny"]}
PAIRS = [(mutant, model) for mutant in MUTANTS for model in ONLY.get(mutant, ["tiny", "tinygqa"])]


@pytest.mark.parametrize(("mutant", "model"), PAIRS)
def test_golden_distances_see_every_layer(mutant: str, model: str, golden, monkeypatch) -> None:
    case = next(case for case in golden("distances_tiny")["cases"] if case["model"] == model)
    params = PowParams(**case["params"])
    arguments = (case["block_hash"], case["public_key"], case["nonces"], params, "f16data_f64compute")
    expected = np.array(case["distances"]["f16data_f64compute"])
    assert np.abs(distances(*arguments) - expected).max() < 1e-13
    monkeypatch.setattr(transformer, *MUTANTS[mutant])
    assert np.abs(distances(*arguments) - expected).max() > 1e-13


def test_another_gate_is_seen(golden, monkeypatch) -> None:
    case = golden("distances_tiny")["cases"][0]
    monkeypatch.setattr(functional, "silu", functional.gelu)
    params = PowParams(**case["params"])
    found = distances(case["block_hash"], case["public_key"], case["nonces"], params, "f16data_f64compute")
    assert np.abs(found - case["distances"]["f16data_f64compute"]).max() > 1e-13


def test_inputs_are_rounded_to_the_modes_data() -> None:
    wide, narrow = inputs_float32("hash", "key", [1, 2], TINY), inputs("hash", "key", [1, 2], TINY)
    for dtype in ("float16", "mixed", "f16data_f32compute"):
        model = build("hash", TINY, dtype)
        assert torch.equal(model.last_logits(wide), model.last_logits(narrow))


def test_a_model_serves_many_batches_without_changing() -> None:
    model = build("hash", TINY, "float32")
    x = inputs_float32("hash", "key", [1, 2, 3], TINY)
    first = model.last_logits(x)
    model.last_logits(inputs_float32("hash", "key", [9], TINY))
    assert torch.equal(model.last_logits(x), first)
    assert not first.requires_grad


def test_mistaken_inputs() -> None:
    model = build("hash", TINY, "float32")
    with pytest.raises(ValueError, match=r"inputs have the shape \(2, 64\); it must be \(batch, 4, 64\)"):
        model.last_logits(np.zeros((2, 64), np.float32))
    with pytest.raises(ValueError, match=r"inputs have the shape \(1, 5, 64\); it must be \(batch, 4, 64\)"):
        model.last_logits(np.zeros((1, 5, 64), np.float32))
    with pytest.raises(ValueError, match="inputs are float16; the mode 'float32' needs them in float32"):
        model.last_logits(inputs("hash", "key", [1], TINY))
