"""The forward pass again, for speed: the same steps as `transformer`, fewer passes over memory.

It differs from the readable path in three ways only:
1. linear layers go through `linear`, the fastest product of this machine;
2. in the last layer only the last position asks and goes on to the feed-forward (all positions answer it);
3. where everything is done in one number type, a norm and a rotation are one fused operation each.

Letters of the shapes as in `transformer`; Q is the number of asking positions, T or 1. Reference: kernel 3, 8
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from pow.linear import Linear
from pow.parameters import torch_type
from pow.params import PowParams
from pow.transformer import (
    Transformer,
    causal_mask,
    mirror,
    mirror_through,
    rms_norm,
    rotate,
    share_heads,
    split_heads,
)


@dataclass(frozen=True, eq=False)
class FastForward:
    """A model with its matrix product chosen."""

    model: Transformer
    linear: Linear

    @property
    def block_hash(self) -> str:
        """The block hash that the parameters come from."""
        return self.model.block_hash

    @property
    def params(self) -> PowParams:
        """The model's shape."""
        return self.model.params

    def last_logits(self, inputs: npt.NDArray[np.floating]) -> Tensor:
        """Give the logits of the last position, (B, V); arguments, result and errors as `Transformer.last_logits`."""
        with torch.inference_mode():
            logits = self._linear("output", self.last_hidden(inputs))  # (B, V)
            return logits.to(torch_type(self.model.mode.wide))

    def last_hidden(self, inputs: npt.NDArray[np.floating], mirrors: Tensor | None = None) -> Tensor:
        """Give what the last position hands to the output head, (B, D), as `Transformer.last_hidden`."""
        with torch.inference_mode():
            x = self.model.embeddings(inputs)  # (B, T, D)
            for layer in range(self.model.n_layers):
                normed = self._norm(f"layers.{layer}.attention_norm", x)
                if layer == self.model.n_layers - 1:
                    x = x[:, -1:]  # (B, 1, D)
                x = x + self._attention(layer, normed[:, -x.shape[1] :], normed)  # (B, Q, D)
                output = self._feed_forward(layer, self._norm(f"layers.{layer}.ffn_norm", x))
                if mirrors is not None:
                    x, output = mirror(x, mirrors[layer]), mirror(output, mirrors[layer])
                x = x + output
            return self._norm("norm", mirror_through(x[:, -1], mirrors, self.model.n_layers))

    @property
    def _is_fused(self) -> bool:
        """Rounding between the steps, where working and wide type differ, forbids to fuse them."""
        return self.model.mode.working == self.model.mode.wide

    def _norm(self, name: str, x: Tensor) -> Tensor:
        weight, eps = self.model.weights[f"{name}.weight"], self.model.params.norm_eps
        if self._is_fused:
            return functional.rms_norm(x, x.shape[-1:], weight, eps)
        return rms_norm(x, weight, eps, torch_type(self.model.mode.wide))

    def _linear(self, name: str, x: Tensor) -> Tensor:
        weight = self.model.weights[f"{name}.weight"]
        return self.linear(x.to(weight.dtype), weight).to(x.dtype)

    def _rotate(self, x: Tensor) -> Tensor:
        rotary = self.model.rotary[-x.shape[1] :]  # (Q, E/2, 2), of the last Q positions
        if not self._is_fused:
            return rotate(x, rotary)
        pairs = torch.view_as_complex(split_heads(x, x.shape[-1] // 2))  # (B, Q, H, E/2)
        turned = pairs * torch.view_as_complex(rotary).unsqueeze(1)  # (B, Q, H, E/2)
        return torch.view_as_real(turned).flatten(-2)  # (B, Q, H, E)

    def _attention(self, layer: int, asking: Tensor, x: Tensor) -> Tensor:
        name, params, wide = f"layers.{layer}.attention", self.model.params, torch_type(self.model.mode.wide)
        q = self._rotate(split_heads(self._linear(f"{name}.wq", asking), params.n_heads))  # (B, Q, H, E)
        k = self._rotate(split_heads(self._linear(f"{name}.wk", x), params.n_kv_heads))  # (B, T, K, E)
        v = split_heads(self._linear(f"{name}.wv", x), params.n_kv_heads)  # (B, T, K, E)
        k, v = share_heads(k, params.n_heads), share_heads(v, params.n_heads)  # (B, T, H, E)
        scores = q.transpose(1, 2) @ k.permute(0, 2, 3, 1) / math.sqrt(q.shape[-1])  # (B, H, Q, T)
        if asking.shape[1] > 1:  # the last position alone sees all of them
            scores = scores + causal_mask(x.shape[1], scores.dtype).to(scores.device)
        shares = torch.softmax(scores.to(wide), dim=-1).to(q.dtype)
        mixed = (shares @ v.transpose(1, 2)).transpose(1, 2).flatten(-2)  # (B, Q, D)
        return self._linear(f"{name}.wo", mixed)  # (B, Q, D)

    def _feed_forward(self, layer: int, x: Tensor) -> Tensor:
        name = f"layers.{layer}.feed_forward"
        gate = functional.silu(self._linear(f"{name}.w1", x), inplace=True)  # (B, Q, F)
        return self._linear(f"{name}.w2", gate.mul_(self._linear(f"{name}.w3", x)))  # (B, Q, D)
