"""The group of `powsim theory` about the network of 2026; a rule adds its own rows to `GROUPS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sim.theory.network_2026.acceptance import acceptance_rows
from sim.theory.network_2026.commitments import commitment_rows
from sim.theory.network_2026.early_share import early_share_rows
from sim.theory.network_2026.leaves import leaf_rows
from sim.theory.row import Row

GROUPS: tuple[Callable[[], Iterator[Row]], ...] = (
    leaf_rows,
    early_share_rows,
    commitment_rows,
    acceptance_rows,
)


def network_2026_rows(_quick: bool) -> Iterator[Row]:
    """Yield all rows; they are cheap, and the same in the quick table."""
    for group in GROUPS:
        yield from group()
