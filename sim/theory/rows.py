"""The rows of `powsim theory`, in their order. A study adds its own group to `GROUPS`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One comparison: passed iff |score| <= bound.

    `score` is a z value where `ours` is simulated (bound: the two-sided quantile of the stated error level), otherwise
    an error, absolute or relative as the quantity says. A row with an infinite bound is reported and not judged; its
    score is the ratio ours / measured.
    """

    quantity: str
    ours: float
    theory: float
    score: float
    bound: float

    @property
    def passed(self) -> bool:
        """Whether ours agrees with theory."""
        return abs(self.score) <= self.bound

    @property
    def verdict(self) -> str:
        """What the table says of it."""
        if math.isinf(self.bound):
            return "reported"
        return "ok" if self.passed else "FAILED"


Group = Callable[[bool], Iterator[Row]]
"""A group of rows; its argument asks for the quick, smaller samples."""


def compute_rows(*, quick: bool = False) -> Iterator[Row]:
    """Yield every row as soon as it is known."""
    from sim.theory.committee import committee_rows
    from sim.theory.consensus import consensus_rows
    from sim.theory.control import control_rows
    from sim.theory.economy import economy_rows
    from sim.theory.kernel import kernel_rows
    from sim.theory.network import network_rows
    from sim.theory.propagation import propagation_rows
    from sim.theory.proposers import proposer_rows
    from sim.theory.published import published_rows
    from sim.theory.race import race_rows
    from sim.theory.sphere import sphere_rows
    from sim.theory.validation import validation_rows

    groups: tuple[Group, ...] = (
        sphere_rows,
        validation_rows,
        committee_rows,
        control_rows,
        race_rows,
        economy_rows,
        published_rows,
        network_rows,
        consensus_rows,
        propagation_rows,
        proposer_rows,
        kernel_rows,
    )
    for group in groups:
        yield from group(quick)
