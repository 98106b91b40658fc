"""The matrix product of the linear layers: one small function, chosen by a fixed rule.

The rule looks at the processor, the number type and what the library offers, never at a timing: the bits of a run must
not depend on how busy a machine was when it started.

- `torch`  torch's own linear layer: on x86 Intel's MKL for float32, oneDNN for bfloat16; the only one on a card.
- `onednn` oneDNN through torch's private operator: in float32 up to twice as fast as MKL on AMD processors (Zen 5;
  about equal on Zen 4).
- `numpy`  NumPy's product, for comparison.

Reference: kernel 8
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

Linear = Callable[[Tensor, Tensor], Tensor]
"""x (..., in), weight (out, in) -> (..., out), in the type of both."""

AUTO: Final = "auto"


def _torch_linear(x: Tensor, weight: Tensor) -> Tensor:
    return functional.linear(x, weight)


def _onednn_linear(x: Tensor, weight: Tensor) -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, None, "none", [], "")
    return product


def _numpy_linear(x: Tensor, weight: Tensor) -> Tensor:
    return torch.from_numpy(x.numpy() @ weight.numpy().T)


LINEARS: Final[dict[str, Linear]] = {"torch": _torch_linear, "onednn": _onednn_linear, "numpy": _numpy_linear}


def linear_name(choice: str, data_type: str, *, on_card: bool = False) -> str:
    """Resolve `choice` ("auto" or a name of LINEARS) for a number type; what a run's provenance records.

    On a card it is torch's own. Raises ValueError if the name is unknown or not to be had for this type there.
    """
    if choice == AUTO:
        if on_card:
            return "torch"
        return "onednn" if data_type == "float32" and is_amd() and has_onednn() else "torch"
    if choice not in LINEARS:
        raise ValueError(f"unknown linear {choice!r}; known are {AUTO}, {', '.join(LINEARS)}")
    if on_card and choice != "torch":
        raise ValueError(f"linear {choice!r} computes on the CPU; on a card it is 'torch'")
    if choice == "onednn" and not has_onednn():
        raise ValueError("linear 'onednn' is not to be had: this build of torch has no such operator")
    if choice == "numpy" and data_type not in ("float32", "float64"):
        raise ValueError(f"linear 'numpy' has no {data_type} product; it takes float32 and float64")
    return choice


@cache
def has_onednn() -> bool:
    """Tell whether torch's private operator is there and works."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    try:
        _onednn_linear(torch.ones(1, 4), torch.ones(2, 4))
    except (AttributeError, RuntimeError, TypeError):
        return False
    return True


@cache
def is_amd() -> bool:
    """Tell whether this is an AMD x86 processor, on some of which MKL takes a slow path."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(errors="replace") if info.exists() else platform.processor()
    return "AuthenticAMD" in text
