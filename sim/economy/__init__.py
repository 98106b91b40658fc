"""Forces outside the chain that drive it: curves of the network's compute, and prices that some of them follow. One
file per plug-in, found by its name.
"""

from __future__ import annotations

from sim.registry import Registry

curves = Registry("curve", "powsim.curves", package=__name__)
prices = Registry("price", "powsim.prices", package=__name__)
