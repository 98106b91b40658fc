"""The few calls that exist for CUDA only; all other code that runs on a card is the CPU's.

Reference: kernel 5
"""

from __future__ import annotations

import os
from typing import Final

import torch

from pow.placement import Card

WORKSPACE: Final = ("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def list_cards() -> tuple[Card, ...]:
    """Describe the cards that torch may use, in the driver's order; none where there is no CUDA."""
    return tuple(_describe(index) for index in range(torch.cuda.device_count()))


def _describe(index: int) -> Card:
    free_bytes, total_bytes = torch.cuda.mem_get_info(index)
    # Memory that torch has taken from the driver and does not use now is free for us.
    cached_bytes = torch.cuda.memory_reserved(index) - torch.cuda.memory_allocated(index)
    return Card(index, torch.cuda.get_device_name(index), total_bytes, free_bytes + cached_bytes)


def get_device(card: Card) -> torch.device:
    """Give torch's name of a card."""
    return torch.device("cuda", card.index)


def set_deterministic(is_on: bool = True) -> None:
    """Set this process to equal bits for equal work, or back to speed; `powsim kernel benchmark` measures the cost.

    On: deterministic algorithms; no TF32; sums of float16 and bfloat16 products in float32; cuBLAS with a workspace
    of its own for each stream, which counts only if it is set before the first product. New tensors are not filled
    first: the kernel writes every value before it reads it. The settings are torch's and hold for the whole process,
    hence also after the kernel that asked for them is closed.
    """
    os.environ.setdefault(*WORKSPACE)
    torch.use_deterministic_algorithms(is_on)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cuda.matmul.allow_tf32 = not is_on
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = not is_on
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = not is_on


def synchronize(device: torch.device) -> None:
    """Wait until a device has done all that it was asked; the CPU always has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def get_peak_bytes(device: torch.device) -> int:
    """Give the most memory that tensors took on a card since the start of the process; 0 on the CPU."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
