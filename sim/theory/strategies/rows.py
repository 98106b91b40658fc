"""The group of `powsim theory` about strategies; a strategy adds its own rows to `GROUPS`.

All use the harness of `gain`, whose network is small, and few seeds: a run takes 0.15 s.
"""

from __future__ import annotations

from collections.abc import Iterator

from sim.theory.row import Group, Row
from sim.theory.strategies.cheaper import cheaper_rows
from sim.theory.strategies.deterrence import deterrence_rows
from sim.theory.strategies.foreknowledge import foreknowledge_rows
from sim.theory.strategies.grinding import grinding_rows
from sim.theory.strategies.mixes import mix_rows
from sim.theory.strategies.names import name_rows
from sim.theory.strategies.overclaim import overclaim_rows
from sim.theory.strategies.proposals import proposal_rows
from sim.theory.strategies.signatures import signature_rows
from sim.theory.strategies.validators import lazy_rows
from sim.theory.strategies.votes import vote_rows

GROUPS: tuple[Group, ...] = (
    # provers
    overclaim_rows,
    cheaper_rows,
    foreknowledge_rows,
    mix_rows,
    name_rows,
    # validators
    lazy_rows,
    vote_rows,
    # proposers and consensus
    proposal_rows,
    signature_rows,
    grinding_rows,
    # what would make honesty pay
    deterrence_rows,
)
"""Each row: a strategy's gain, or the quantity that it is about, in runs and by a law or a count from other runs."""


def strategy_rows(quick: bool) -> Iterator[Row]:
    """Yield all rows; runs are small and few, and rows share those of honest hosts."""
    for group in GROUPS:
        yield from group(quick)
