"""Kinds of work: each says for which proof schemes it computes, whether this machine can, and opens the work."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from pow.devices import check_memory, get_n_cpus
from pow.placement import CPU
from sim.errors import UserError
from sim.work import works
from sim.work.distances import check_store

if TYPE_CHECKING:
    from sim.work.base import WorkSettings
    from sim.work.by_scheme import WorkByScheme


@works.register("kernel")
@dataclass(frozen=True)
class KernelKind:
    """Every distance and every answer comes from the real transformer."""

    schemes: ClassVar[tuple[str, ...]] = ("hits", "answers")

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

    def open(self, settings: WorkSettings) -> WorkByScheme:
        """Load torch."""
        from sim.work.answer_kernel import AnswerKernelWork
        from sim.work.by_scheme import WorkByScheme
        from sim.work.kernel import KernelWork

        given = (settings.params, settings.batch_size, settings.n_threads, settings.device)
        return WorkByScheme(
            {
                "hits": partial(KernelWork, *given, settings.cache),
                "answers": partial(AnswerKernelWork, *given),
            }
        )


@works.register("sphere")
@dataclass(frozen=True)
class SphereKind:
    """Distances are drawn from their exact law, answers from measured ones, which is faster."""

    schemes: ClassVar[tuple[str, ...]] = ("hits", "answers", "decode")

    def check(self, settings: WorkSettings) -> None:
        """Every machine can draw."""

    def open(self, settings: WorkSettings) -> WorkByScheme:
        """Return the exact law for a model, and that of answers for a table of pairs."""
        from sim.work.answer_law import AnswerLaw
        from sim.work.by_scheme import WorkByScheme
        from sim.work.pair_laws import share_of_invented_steps_above
        from sim.work.sphere import SphereWork
        from sim.work.stacks import NO_MARGINS, load_shipped_pairs

        params, n_layers = settings.params, settings.params.n_layers
        return WorkByScheme(
            {
                "hits": partial(SphereWork, params.vocab_size, params),
                "answers": partial(AnswerLaw, settings.pairs or load_shipped_pairs(), n_layers),
                "decode": partial(AnswerLaw, settings.pairs or NO_MARGINS, n_layers, share_of_invented_steps_above),
            }
        )
