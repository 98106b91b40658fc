"""Kinds of work: the real kernel (`kernel`, the only door to torch) or the exact law (`sphere`, its twin).

The computing modules are imported only when work is opened: torch and scipy take long to load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pow.devices import get_n_cpus
from pow.params import PowParams
from pow.placement import CPU, Placement
from sim.registry import Registry

if TYPE_CHECKING:
    from sim.work.base import WorkKind
    from sim.work.kernel import KernelWork
    from sim.work.sphere import SphereWork

works: Registry[WorkKind] = Registry("kind of work", "powsim.work", package="sim.work.kinds")


def open_kernel(
    params: PowParams,
    batch_size: int | None = None,
    n_threads: int | None = None,
    device: str = CPU,
) -> KernelWork:
    """Load torch and return the kernel's computing; batch size by the model and one thread a processor unless given."""
    from sim.work.kernel import KernelWork

    return KernelWork(params, batch_size, n_threads, device)


def check_kernel(
    params: PowParams, dtype: str, device: str, batch_size: int | None, n_threads: int | None
) -> Placement:
    """Say where the kernel would compute; raise ValueError if it could not: no such device, or too little memory.

    Loads torch.
    """
    from pow.kernel import place_kernel

    return place_kernel(params, dtype, device, batch_size, n_threads or get_n_cpus())


def open_sphere(params: PowParams) -> SphereWork:
    """Return the exact law for a model."""
    from sim.work.sphere import SphereWork

    return SphereWork(params.vocab_size, params)
