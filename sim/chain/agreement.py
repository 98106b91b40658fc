"""A block that is agreed, and how it came about."""

from __future__ import annotations

from dataclasses import dataclass

from sim.protocol.state import Block


@dataclass(frozen=True)
class Agreement:
    """What consensus tells of one height."""

    block: Block
    round_index: int
    """The round that decided; 0 where nothing went wrong."""
    seconds: float
    """When the first validator decided."""
