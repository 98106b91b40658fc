"""Who does the computing: the real kernel (`kernel`, the only door to torch) or the exact law (`sphere`, its twin)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pow.params import PowParams

if TYPE_CHECKING:
    from sim.work.kernel import KernelWork
    from sim.work.sphere import SphereWork


def open_kernel(
    params: PowParams, batch_size: int | None = None, n_threads: int | None = None, n_layers: int | None = None
) -> KernelWork:
    """Load torch and return the kernel's computing; batch size by the model and one thread a processor unless given.

    `n_layers` runs only the first layers of the model: what a host that skips the others computes (kernel 7).
    """
    from sim.work.kernel import KernelWork

    return KernelWork(params, batch_size, n_threads, n_layers)


def open_sphere(params: PowParams) -> SphereWork:
    """Return the exact law for a model's output dimension."""
    from sim.work.sphere import SphereWork

    return SphereWork(params.vocab_size)
