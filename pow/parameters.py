"""The model's parameters: views of one pool of random numbers, 5 % as large as the model.

Since every parameter that fits is a slice of the pool, the views hold the whole model in the pool's memory: mainnet
takes 1.8 GB in float16 instead of 35.5 GB. Reference: kernel 2
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from pow.devices import BYTES_OF
from pow.params import Mode, PowParams, mode_of
from pow.seeds import name_offset, parameter_generator

SIGMA: Final = 0.02
CHUNK: Final = 2**21  # float64 draws held at a time: 16 MiB, of two chunks


def torch_type(name: str) -> torch.dtype:
    """Give torch's number type of this name, such as "float16". Raises ValueError for any other name."""
    kind = getattr(torch, name, None)
    if not isinstance(kind, torch.dtype):
        raise ValueError(f"{name!r} is no number type of torch")
    return kind


def pool(block_hash: str, params: PowParams, data_type: str = "float16") -> torch.Tensor:
    """Draw the pool, `data_type` (pool_size,): N(0, 0.02²) in float64, rounded to float32, then to `data_type`.

    Drawn in chunks: the stream is the same, and mainnet's 7 GB of float64 never exist. One thread draws while another
    rounds the chunk before. Reference: kernel 2
    """
    generator = parameter_generator(block_hash)
    values = torch.empty(params.pool_size, dtype=torch_type(data_type))
    with ThreadPoolExecutor(1) as thread:
        rounding = thread.submit(_round, np.empty(0), values[:0])
        for part in torch.split(values, CHUNK):
            draws = generator.normal(0.0, SIGMA, part.numel())
            rounding.result()
            rounding = thread.submit(_round, draws, part)
        rounding.result()
    return values


def _round(draws: npt.NDArray[np.float64], into: torch.Tensor) -> None:
    into.copy_(torch.from_numpy(draws.astype(np.float32)))


def parameter_shapes(params: PowParams) -> dict[str, tuple[int, ...]]:
    """Give the shapes of all parameters by name, in their order; matrices are (out, in). Reference: kernel 2"""
    return dict(_named_shapes(params))


def _named_shapes(params: PowParams) -> Iterator[tuple[str, tuple[int, ...]]]:
    dim, kv_dim, hidden_dim = params.dim, params.kv_dim, params.hidden_dim
    yield "tok_embeddings.weight", (params.vocab_size, dim)
    for layer in range(params.n_layers):
        yield f"layers.{layer}.attention.wq.weight", (dim, dim)
        yield f"layers.{layer}.attention.wk.weight", (kv_dim, dim)
        yield f"layers.{layer}.attention.wv.weight", (kv_dim, dim)
        yield f"layers.{layer}.attention.wo.weight", (dim, dim)
        yield f"layers.{layer}.feed_forward.w1.weight", (hidden_dim, dim)
        yield f"layers.{layer}.feed_forward.w2.weight", (dim, hidden_dim)
        yield f"layers.{layer}.feed_forward.w3.weight", (hidden_dim, dim)
        yield f"layers.{layer}.attention_norm.weight", (dim,)
        yield f"layers.{layer}.ffn_norm.weight", (dim,)
    yield "norm.weight", (dim,)
    yield "output.weight", (params.vocab_size, dim)


def slice_start(block_hash: str, name: str, size: int, pool_size: int) -> int:
    """Give where in the pool the parameter `name` of `size` ≤ pool_size elements begins. Reference: kernel 2"""
    return name_offset(block_hash, name) % (pool_size - size + 1)


def rotation(block_hash: str, name: str, size: int) -> int:
    """Give by how much a parameter larger than the pool is rotated to the left. Reference: kernel 2"""
    return name_offset(block_hash, name) % size


def parameter(block_hash: str, name: str, shape: tuple[int, ...], values: torch.Tensor) -> torch.Tensor:
    """Give one parameter from the pool `values`: a view where it fits, a rotated repetition where it does not.

    Reference: kernel 2
    """
    size = math.prod(shape)
    if size <= values.numel():
        start = slice_start(block_hash, name, size, values.numel())
        return values[start : start + size].view(shape)
    # The repetition is cut to size first and rotated then: this is not a circular read of the pool.
    repeated = values.repeat(-(-size // values.numel()))[:size]
    return torch.roll(repeated, -rotation(block_hash, name, size)).view(shape)


def parameters(
    block_hash: str, params: PowParams, dtype: str = "float16", *, unit_gains: bool = False
) -> dict[str, torch.Tensor]:
    """Give all parameters by name, in their order, in the number types of the mode `dtype`.

    All that are no larger than the pool are views of one pool, so writing to one changes others. In the mode "mixed"
    the norms and the output head, which stay in float32, are copies. `unit_gains` sets the norms' gains to one; the
    network draws them like everything else. Raises ValueError if `dtype` is unknown. Reference: kernel 2, 6, 7
    """
    return parameters_on(["cpu"], block_hash, params, dtype, unit_gains=unit_gains)[0]


def parameters_on(
    devices: Sequence[torch.device | str], block_hash: str, params: PowParams, dtype: str, *, unit_gains: bool = False
) -> list[dict[str, torch.Tensor]]:
    """Give `parameters` once for each device, from one draw of the pool: each device holds a pool of its own."""
    mode = mode_of(dtype)
    data = pool(block_hash, params, mode.data)
    shared = data.to(torch_type(mode.linear))
    return [_cut(block_hash, params, mode, data, shared.to(device), unit_gains) for device in devices]


def _cut(
    block_hash: str, params: PowParams, mode: Mode, data: torch.Tensor, shared: torch.Tensor, unit_gains: bool
) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = {}
    working, device = torch_type(mode.working), shared.device
    for name, shape in parameter_shapes(params).items():
        if unit_gains and name.endswith("norm.weight"):
            weights[name] = torch.ones(shape, dtype=working, device=device)
        elif mode.working != mode.linear and _is_outside_linears(name):
            weights[name] = parameter(block_hash, name, shape, data).to(device, working)
        else:
            weights[name] = parameter(block_hash, name, shape, shared)
    return weights


def weights_bytes(params: PowParams, dtype: str) -> int:
    """Give the memory that `parameters` takes: one pool, and the parameters that are copies. Reference: kernel 2"""
    mode = mode_of(dtype)
    held = params.pool_size * BYTES_OF[mode.linear]
    for name, shape in _named_shapes(params):
        if mode.working != mode.linear and _is_outside_linears(name):
            held += math.prod(shape) * BYTES_OF[mode.working]
        elif math.prod(shape) > params.pool_size:
            held += math.prod(shape) * BYTES_OF[mode.linear]
    return held


def _is_outside_linears(name: str) -> bool:
    return name.endswith("norm.weight") or name == "output.weight"
