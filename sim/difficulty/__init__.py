"""Rules that set the difficulty of the next epoch: one file per plug-in, found by its name."""

from __future__ import annotations

from sim.registry import Registry

controllers = Registry("controller", "powsim.difficulty", package=__name__)
