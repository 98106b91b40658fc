"""The honest host: claims what it found, votes what it measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.strategies import strategies
from sim.strategies.base import Claim, ProductionView, ValidationView, Votes


@strategies.register("honest")
@dataclass(frozen=True)
class Honest:
    """Claims every valid nonce it found and votes by the fraud test."""

    def claim(self, view: ProductionView, generator: np.random.Generator) -> Claim:
        """Send all of them."""
        return Claim(tuple(view.nonces.tolist()), tuple(view.values.tolist()))

    def vote(self, view: ValidationView) -> Votes:
        """Vote fraud where the binomial test says so."""
        return view.frauds.astype(np.int8)
