"""How an ML node divides its GPUs into groups; nonces per batch; processors and memory of this machine.

Nothing here touches a GPU. Reference: protocol 7.2, 7.3
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pow.params import PowParams, mode_of

GROUP_SIZES: Final = (1, 2, 4, 8)
MAINNET_MIN_GROUP_VRAM_GIB: Final = 38.0
TESTNET_MIN_GROUP_VRAM_GIB: Final = 10.0
MAINNET_WEIGHTS_MIB: Final = 33_852.0
USABLE_FRACTION: Final = 0.9 * 0.9  # a target of 90 % of the free memory, less 10 % for safety
BYTES_PER_VALUE: Final = 2
ACTIVATIONS_PER_TOKEN: Final = 8
MIB: Final = 2**20
GB: Final = 1e9
BYTES_OF: Final = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}
CPU_BATCH_BYTES: Final = 12 * MIB
CPU_MAX_BATCH_SIZE: Final = 512
CPU_BYTES_PER_VALUE: Final = 4


def gpu_groups(vram_gib: Sequence[float], min_group_vram_gib: float) -> list[tuple[int, ...]]:
    """Divide GPUs, given by their nominal memory in GiB, into groups of 1, 2, 4 or 8 that hold the model.

    Walks the devices in order: the smallest group that begins at the head device and has enough memory is taken; if
    there is none, the head device stays idle. Without any GPU one pseudo group (0,) does the work on the CPU.
    Raises ValueError if a size is not positive. Reference: protocol 7.2
    """
    if not min_group_vram_gib > 0:
        raise ValueError(f"min_group_vram_gib is {min_group_vram_gib}; it must be positive")
    for index, gib in enumerate(vram_gib):
        if not gib > 0:
            raise ValueError(f"GPU {index} has {gib} GiB; it must be positive")
    if not vram_gib:
        return [(0,)]
    groups: list[tuple[int, ...]] = []
    head = 0
    while head < len(vram_gib):
        size = _group_size(vram_gib[head:], min_group_vram_gib)
        if size:
            groups.append(tuple(range(head, head + size)))
        head += size or 1
    return groups


def _group_size(vram_gib: Sequence[float], min_group_vram_gib: float) -> int:
    """Give the smallest group size at the first device that has enough memory, or 0."""
    for size in GROUP_SIZES:
        if size <= len(vram_gib) and sum(vram_gib[:size]) >= min_group_vram_gib:
            return size
    return 0


def memory_per_nonce_mib(params: PowParams) -> float:
    """Give the memory that one nonce of a batch needs, in MiB: keys and values, activations, attention scores.

    Reference: protocol 7.3
    """
    keys_and_values = 2 * params.n_layers * params.seq_len * params.dim
    activations = ACTIVATIONS_PER_TOKEN * params.seq_len * params.dim
    scores = params.n_heads * params.seq_len**2
    return (keys_and_values + activations + scores) * BYTES_PER_VALUE / MIB


def auto_batch_size(free_mib: Sequence[float], params: PowParams, weights_mib: float = MAINNET_WEIGHTS_MIB) -> int:
    """Give the number of nonces per batch for a group whose GPUs have `free_mib` MiB free each; at least 1.

    The GPU with the least room decides; the weights are spread evenly over the group. The default weights are those of
    the mainnet model. Raises ValueError if the group is empty or a size is negative. Reference: protocol 7.3
    """
    if not free_mib:
        raise ValueError("free_mib is empty; a group has at least one GPU")
    for index, free in enumerate(free_mib):
        if not free >= 0:
            raise ValueError(f"GPU {index} has {free} MiB free; it must be at least 0")
    if not weights_mib >= 0:
        raise ValueError(f"weights_mib is {weights_mib}; it must be at least 0")
    room_mib = min(free * USABLE_FRACTION - weights_mib / len(free_mib) for free in free_mib)
    return max(1, int(room_mib // memory_per_nonce_mib(params)))


def cpu_batch_size(params: PowParams) -> int:
    """Give the number of nonces per batch on a CPU: activations of about 12 MiB, at least 1 and at most 512 nonces.

    Larger batches gain nothing there, and a large model's batch is one nonce, so that few nonces are not padded.
    """
    per_token = 2 * params.hidden_dim + ACTIVATIONS_PER_TOKEN * params.dim
    per_nonce = CPU_BYTES_PER_VALUE * (params.seq_len * per_token + 2 * params.vocab_size)
    return max(1, min(CPU_MAX_BATCH_SIZE, CPU_BATCH_BYTES // per_nonce))


def get_n_cpus() -> int:
    """Give the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def get_available_bytes() -> int | None:
    """Give the memory that this process may still take: of the machine, or of its control group; None if unknown."""
    found = []
    meminfo, group = Path("/proc/meminfo"), Path("/sys/fs/cgroup")
    if meminfo.exists():
        fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        found.append(int(fields["MemAvailable"].split()[0]) * 1024)
    limit, current = group / "memory.max", group / "memory.current"
    if limit.exists() and current.exists() and limit.read_text().strip() != "max":
        found.append(max(0, int(limit.read_text()) - int(current.read_text())))
    return min(found, default=None)


def check_memory(params: PowParams, dtype: str, n_threads: int = 1, bytes_per_thread: int = CPU_BATCH_BYTES) -> None:
    """Raise ValueError, with the memory that is needed and the memory of this machine, if the model does not fit.

    Needed are the pool, a second one where the linear layers have another number type, and each thread's batch.
    """
    mode = mode_of(dtype)
    kinds = {mode.data, mode.linear}
    pools = sum(BYTES_OF[kind] for kind in kinds) * params.pool_size
    needed = pools + n_threads * bytes_per_thread
    available = get_available_bytes()
    if available is not None and needed > available:
        found = f"needs about {needed / GB:.1f} GB, {available / GB:.1f} GB are free"
        raise ValueError(f"too little memory: the model in {dtype} {found}")
