"""The forward pass: a Llama-3-style decoder without cache, position 0 first.

Letters of the shapes: B batch, T positions, D model width, H query heads, K key/value heads, E width of a head,
F feed-forward width, V vocabulary. Reference: kernel 3
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from pow.parameters import parameters_on, torch_type
from pow.params import Mode, PowParams, mode_of

# Scaled rotary frequencies: wavelengths beyond ORIGINAL_CONTEXT are stretched, short ones are left alone.
ORIGINAL_CONTEXT: Final = 8192
STRETCH: Final = 8.0
LOW_FACTOR: Final = 1.0
HIGH_FACTOR: Final = 4.0


@dataclass(frozen=True, eq=False)
class Transformer:
    """One block hash's model, ready for any number of batches. Made by `build`.

    `weights` are the parameters by name; `rotary` holds cosines and sines, (T, E/2, 2); `n_layers` is how many layers
    are run, fewer than all in studies of skipped layers only. Reference: kernel 3, 7
    """

    block_hash: str
    params: PowParams
    mode: Mode
    weights: dict[str, Tensor]
    rotary: Tensor
    n_layers: int

    def last_logits(self, inputs: npt.NDArray[np.floating]) -> Tensor:
        """Give the logits of the last position, (B, V), in the mode's wide type.

        `inputs` is (B, T, D): float32 in any mode, or float16 where the mode's data are float16; it is rounded to the
        mode's data type here. Raises ValueError if the shape or the type is another.
        """
        with torch.inference_mode():
            last = self.last_hidden(inputs)  # (B, D)
            logits = functional.linear(last, self.weights["output.weight"])  # (B, V)
            return logits.to(torch_type(self.mode.wide))

    def last_hidden(self, inputs: npt.NDArray[np.floating], mirrors: Tensor | None = None) -> Tensor:
        """Give what the last position hands to the output head, (B, D), in the mode's working type.

        `mirrors` (layers, D): after each layer, its own output and the state that it was added to are mirrored across
        the plane with this unit normal, also after layers that are not run. Inputs and errors as in `last_logits`.
        Reference: kernel 3, network 2.4
        """
        with torch.inference_mode():
            x = self.embeddings(inputs)  # (B, T, D)
            for layer in range(self.n_layers):
                x = x + self._attention(layer, self._norm(f"layers.{layer}.attention_norm", x))
                output = self._feed_forward(layer, self._norm(f"layers.{layer}.ffn_norm", x))
                if mirrors is not None:
                    x, output = mirror(x, mirrors[layer]), mirror(output, mirrors[layer])
                x = x + output
            # Norm and head act on each position by itself, so the others need not go through them.
            return self._norm("norm", mirror_through(x[:, -1], mirrors, self.n_layers))  # (B, D)

    def embeddings(self, inputs: npt.NDArray[np.floating]) -> Tensor:
        """Check inputs (B, T, D) and give them in the working type; errors as in `last_logits`."""
        expected = (self.params.seq_len, self.params.dim)
        if inputs.ndim != 3 or inputs.shape[1:] != expected:
            raise ValueError(f"inputs have the shape {inputs.shape}; it must be (batch, {expected[0]}, {expected[1]})")
        if str(inputs.dtype) not in ("float32", self.mode.data):
            raise ValueError(f"inputs are {inputs.dtype}; the mode {self.mode.name!r} needs them in float32")
        data = torch.from_numpy(inputs).to(torch_type(self.mode.data))
        return data.to(self.rotary.device, torch_type(self.mode.working))

    def _norm(self, name: str, x: Tensor) -> Tensor:
        wide = torch_type(self.mode.wide)
        return rms_norm(x, self.weights[f"{name}.weight"], self.params.norm_eps, wide)

    def _linear(self, name: str, x: Tensor) -> Tensor:
        weight = self.weights[f"{name}.weight"]
        return functional.linear(x.to(weight.dtype), weight).to(x.dtype)

    def _attention(self, layer: int, x: Tensor) -> Tensor:
        name, params, wide = f"layers.{layer}.attention", self.params, torch_type(self.mode.wide)
        q = split_heads(self._linear(f"{name}.wq", x), params.n_heads)  # (B, T, H, E)
        k = split_heads(self._linear(f"{name}.wk", x), params.n_kv_heads)  # (B, T, K, E)
        v = split_heads(self._linear(f"{name}.wv", x), params.n_kv_heads)  # (B, T, K, E)
        q, k = rotate(q, self.rotary), rotate(k, self.rotary)
        k, v = share_heads(k, params.n_heads), share_heads(v, params.n_heads)  # (B, T, H, E)
        mixed = attend(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), wide)  # (B, H, T, E)
        return self._linear(f"{name}.wo", mixed.transpose(1, 2).flatten(-2))  # (B, T, D)

    def _feed_forward(self, layer: int, x: Tensor) -> Tensor:
        name = f"layers.{layer}.feed_forward"
        gate = functional.silu(self._linear(f"{name}.w1", x))  # (B, T, F)
        return self._linear(f"{name}.w2", gate * self._linear(f"{name}.w3", x))  # (B, T, D)


def build(
    block_hash: str,
    params: PowParams,
    dtype: str = "float16",
    *,
    n_layers: int | None = None,
    unit_gains: bool = False,
) -> Transformer:
    """Make the model of one block hash on the CPU.

    `n_layers` runs only the first layers (0: none). `unit_gains` sets the norms' gains to one instead of drawing them,
    a repair that makes the layers matter. The network does neither. Raises ValueError if `dtype` is unknown or
    n_layers is not in [0, params.n_layers]. Reference: kernel 2, 3, 7
    """
    return build_on(["cpu"], block_hash, params, dtype, n_layers=n_layers, unit_gains=unit_gains)[0]


def build_on(
    devices: Sequence[torch.device | str],
    block_hash: str,
    params: PowParams,
    dtype: str,
    *,
    n_layers: int | None = None,
    unit_gains: bool = False,
) -> list[Transformer]:
    """Make the same model on each device, from one draw; arguments and errors as `build`."""
    mode = mode_of(dtype)
    n_run = params.n_layers if n_layers is None else n_layers
    if not 0 <= n_run <= params.n_layers:
        raise ValueError(f"n_layers is {n_run}; it must be at least 0 and at most {params.n_layers}")
    # On the CPU, so that cosines and sines have the same bits everywhere.
    table = rotary_table(params.head_dim, params.seq_len, params.rope_theta, params.use_scaled_rope)
    rotary = table.to(torch_type(mode.data)).to(torch_type(mode.wide))
    found = parameters_on(devices, block_hash, params, dtype, unit_gains=unit_gains)
    return [
        Transformer(block_hash, params, mode, weights, rotary.to(device), n_run)
        for device, weights in zip(devices, found, strict=True)
    ]


def rms_norm(x: Tensor, weight: Tensor, eps: float, wide: torch.dtype) -> Tensor:
    """Scale each vector to mean square one, then by `weight`; the shape stays. Reference: kernel 3"""
    y = x.to(wide)
    y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + eps)
    return y.to(x.dtype) * weight


def mirror(x: Tensor, normal: Tensor) -> Tensor:
    """Mirror states (…, D) across the plane with this unit normal (D,), in their own type. Reference: network 2.4"""
    return x - 2 * (x * normal).sum(-1, keepdim=True) * normal


def mirror_through(x: Tensor, mirrors: Tensor | None, n_run: int) -> Tensor:
    """Apply to states (…, D) the mirrors of the layers that were not run: they cost a host nothing."""
    for normal in () if mirrors is None else mirrors[n_run:]:
        x = mirror(x, normal)
    return x


def attend(q: Tensor, k: Tensor, v: Tensor, wide: torch.dtype) -> Tensor:
    """Let each position attend to itself and those before it; all (B, H, T, E). Reference: kernel 3"""
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (B, H, T, T)
    scores = scores + causal_mask(q.shape[-2], scores.dtype).to(scores.device)
    shares = torch.softmax(scores.to(wide), dim=-1).to(q.dtype)
    return shares @ v  # (B, H, T, E)


def causal_mask(n_positions: int, dtype: torch.dtype) -> Tensor:
    """Give −inf where the key (column) comes after the query (row), else 0, (T, T). Reference: kernel 3"""
    return torch.full((n_positions, n_positions), -math.inf, dtype=dtype).triu(diagonal=1)


def split_heads(x: Tensor, n_heads: int) -> Tensor:
    """Cut the last axis into `n_heads` equal parts: (…, n·E) -> (…, n, E)."""
    return x.reshape(*x.shape[:-1], n_heads, -1)  # (…, n, E)


def share_heads(x: Tensor, n_heads: int) -> Tensor:
    """Give each query head h its key/value head ⌊h/(H/K)⌋: (B, T, K, E) -> (B, T, H, E). Reference: kernel 3"""
    group = n_heads // x.shape[2]
    return x if group == 1 else x.repeat_interleave(group, dim=2)  # (B, T, H, E)


def rotate(x: Tensor, rotary: Tensor) -> Tensor:
    """Turn each adjacent pair of a head by its angle: x (B, T, H, E), rotary (T, E/2, 2). Reference: kernel 3"""
    a, b = split_heads(x.to(rotary.dtype), x.shape[-1] // 2).unbind(-1)  # (B, T, H, E/2)
    cos, sin = rotary.unsqueeze(1).unbind(-1)  # (T, 1, E/2)
    turned = torch.stack((a * cos - b * sin, a * sin + b * cos), dim=-1)  # (B, T, H, E/2, 2)
    return turned.flatten(-2).to(x.dtype)  # (B, T, H, E)


def rotary_table(head_dim: int, n_positions: int, theta: float, scaled: bool) -> Tensor:
    """Give cosine and sine of position × frequency, float32 (n_positions, head_dim/2, 2). Reference: kernel 3"""
    # In float32 throughout: float64 frequencies would change the table's float16 values.
    exponents = torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim
    frequencies = 1.0 / theta**exponents
    if scaled:
        frequencies = stretch(frequencies)
    angles = torch.outer(torch.arange(n_positions, dtype=torch.float32), frequencies)  # (T, E/2)
    return torch.stack((angles.cos(), angles.sin()), dim=-1)  # (T, E/2, 2)


def stretch(frequencies: Tensor) -> Tensor:
    """Divide low frequencies by 8, leave high ones, blend between; the shape stays. Reference: kernel 3"""
    wavelengths = 2 * math.pi / frequencies
    blend = (ORIGINAL_CONTEXT / wavelengths - LOW_FACTOR) / (HIGH_FACTOR - LOW_FACTOR)
    between = (1 - blend) * frequencies / STRETCH + blend * frequencies
    stretched = torch.where(wavelengths > ORIGINAL_CONTEXT / LOW_FACTOR, frequencies / STRETCH, between)
    return torch.where(wavelengths < ORIGINAL_CONTEXT / HIGH_FACTOR, frequencies, stretched)
