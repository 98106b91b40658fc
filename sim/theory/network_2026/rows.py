"""The group of `powsim theory` about the network of 2026; a rule adds its own rows to `GROUPS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sim.theory.network_2026.acceptance import acceptance_rows
from sim.theory.network_2026.answers import answer_rows
from sim.theory.network_2026.challenge import challenge_rows
from sim.theory.network_2026.commitments import commitment_rows
from sim.theory.network_2026.decode import decode_rows
from sim.theory.network_2026.early_share import early_share_rows
from sim.theory.network_2026.gpu_weights import gpu_weight_rows
from sim.theory.network_2026.groups import group_rows
from sim.theory.network_2026.heights import height_rows
from sim.theory.network_2026.leaves import leaf_rows
from sim.theory.network_2026.powers import power_rows
from sim.theory.network_2026.preserved import preserved_rows
from sim.theory.network_2026.settlement import settlement_rows
from sim.theory.row import Row

GROUPS: tuple[Callable[[], Iterator[Row]], ...] = (
    height_rows,
    leaf_rows,
    early_share_rows,
    commitment_rows,
    acceptance_rows,
    preserved_rows,
    group_rows,
    power_rows,
    gpu_weight_rows,
    settlement_rows,
    challenge_rows,
    decode_rows,
)


def network_2026_rows(quick: bool) -> Iterator[Row]:
    """Yield all rows; they are cheap, and the same in the quick table, but for the law of answers."""
    yield from answer_rows(quick)
    for group in GROUPS:
        yield from group()
