"""Who does the computing: distances of nonces, from the real kernel (`kernel`, the only door to torch)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pow.params import PowParams

if TYPE_CHECKING:
    from sim.work.kernel import KernelWork


def open_kernel(params: PowParams, dtype: str, batch_size: int, n_threads: int | None) -> KernelWork:
    """Load torch and return the kernel's computing, a context manager; one thread a processor unless given."""
    from sim.work.kernel import KernelWork

    return KernelWork(params, dtype, batch_size, n_threads)
