"""Who is linked to whom, and how fast: one file per plug-in, found by its name."""

from __future__ import annotations

from sim.registry import Registry

topologies = Registry("topology", "powsim.topologies", package=__name__)
