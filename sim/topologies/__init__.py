"""Topologies: the links between hosts, and how fast they are. One file per plug-in, found by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from sim.problems import Problem
from sim.registry import Registry

topologies = Registry("topology", "powsim.topologies", package=__name__)


@runtime_checkable
class NamesHosts(Protocol):
    """A topology that names hosts can be wrong about them; the scenario's checks ask it."""

    def find_problems(self, waves: Mapping[int, Sequence[str]]) -> list[Problem]:
        """Return problems with the hosts, given by the epoch that they join at; places count from the spec."""
