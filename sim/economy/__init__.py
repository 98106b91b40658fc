"""What lies outside the chain and drives it: curves of the network's compute, one plug-in a name."""

from __future__ import annotations

from sim.registry import Registry

curves = Registry("curve", "powsim.curves", package=__name__)
