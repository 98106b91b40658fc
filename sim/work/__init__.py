"""Who does the computing: the real kernel (`kernel`, the only door to torch) or the exact law (`sphere`, its twin).

A kind of work is a plug-in: a frozen dataclass that says for which proof scheme it computes, and opens it. The modules
that compute are imported only then: torch and scipy take long to load.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pow.devices import check_memory, get_n_cpus
from pow.params import PowParams
from pow.placement import CPU, Placement
from sim.errors import UserError
from sim.registry import Registry

if TYPE_CHECKING:
    from sim.work.base import WorkKind, WorkSettings
    from sim.work.kernel import KernelWork
    from sim.work.sphere import SphereWork

works: Registry[WorkKind] = Registry("kind of work", "powsim.work")


@works.register("kernel")
@dataclass(frozen=True)
class KernelKind:
    """Every distance comes from the real transformer."""

    scheme: ClassVar[str] = "hits"

    def check(self, settings: WorkSettings) -> None:
        """Raise UserError if the model does not fit into this machine, or if there is no such device."""
        dtype = settings.dtype or "float16"
        try:
            check_memory(settings.params, dtype)
        except ValueError as error:
            raise UserError(f"work.params: {error}; `work.kind: sphere` needs no model") from None
        if settings.device != CPU:
            try:
                check_kernel(settings.params, dtype, settings.device, settings.batch_size, settings.n_threads)
            except ValueError as error:
                raise UserError(f"work.device: {error}") from None

    def open(self, settings: WorkSettings) -> KernelWork:
        """Load torch."""
        return open_kernel(settings.params, settings.batch_size, settings.n_threads, device=settings.device)


@works.register("sphere")
@dataclass(frozen=True)
class SphereKind:
    """Distances are drawn from their exact law, which is faster."""

    scheme: ClassVar[str] = "hits"

    def check(self, settings: WorkSettings) -> None:
        """Every machine can draw."""

    def open(self, settings: WorkSettings) -> SphereWork:
        """Return the exact law for a model."""
        return open_sphere(settings.params)


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
