"""Kinds of work: each says for which proof scheme it computes, whether this machine can, and opens the work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pow.devices import check_memory, get_n_cpus
from pow.placement import CPU
from sim.errors import UserError
from sim.work import works
from sim.work.distances import check_store

if TYPE_CHECKING:
    from sim.work.base import WorkSettings
    from sim.work.kernel import KernelWork
    from sim.work.sphere import SphereWork


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
        if settings.cache is not None:
            check_store(settings.cache)
        if settings.device != CPU:
            from pow.kernel import place_kernel  # loads torch

            n_threads = settings.n_threads or get_n_cpus()
            try:
                place_kernel(settings.params, dtype, settings.device, settings.batch_size, n_threads)
            except ValueError as error:
                raise UserError(f"work.device: {error}") from None

    def open(self, settings: WorkSettings) -> KernelWork:
        """Load torch."""
        from sim.work.kernel import KernelWork

        return KernelWork(settings.params, settings.batch_size, settings.n_threads, settings.device, settings.cache)


@works.register("sphere")
@dataclass(frozen=True)
class SphereKind:
    """Distances are drawn from their exact law, which is faster."""

    scheme: ClassVar[str] = "hits"

    def check(self, settings: WorkSettings) -> None:
        """Every machine can draw."""

    def open(self, settings: WorkSettings) -> SphereWork:
        """Return the exact law for a model."""
        from sim.work.sphere import SphereWork

        return SphereWork(settings.params.vocab_size, settings.params)
