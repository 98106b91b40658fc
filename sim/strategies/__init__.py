"""Decision rules of hosts, honest and not: one file per plug-in, found by its name."""

from __future__ import annotations

from sim.registry import Registry

strategies = Registry("strategy", "powsim.strategies", package=__name__)
