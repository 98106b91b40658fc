"""What went wrong, as typed rows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FaultBegan:
    """A fault hit its target. `number` counts the faults of a run in the order of their beginnings."""

    number: int
    fault: int
    kind: str
    target: str
    n_hosts: int
    value: float
    start_seconds: float


@dataclass(frozen=True, slots=True)
class FaultEnded:
    """A fault is over; its effect may last longer, for instance until a host has caught up."""

    number: int
    end_seconds: float


@dataclass(frozen=True, slots=True)
class FaultMissed:
    """A fault of the scenario that never began: the run ended before."""

    fault: int
    kind: str
    target: str
    planned_seconds: float
