"""What lies outside the chain and drives it: curves of the network's compute, and prices that some of them follow; one
plug-in a name.
"""

from __future__ import annotations

from sim.registry import Registry

curves = Registry("curve", "powsim.curves", package=__name__)
prices = Registry("price", "powsim.prices", package=__name__)
