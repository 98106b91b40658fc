"""The overclaiming host: adds nonces that it never computed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from sim.strategies import strategies
from sim.strategies.base import SAYS_VALID, Claim, ProductionView, ValidationView, Votes
from sim.strategies.honest import Honest

FABRICATED_FROM = 2**40  # far beyond what any ML node reaches in a stage: never a nonce that was really tried
FABRICATED_BELOW = 2**62


@strategies.register("overclaim")
@dataclass(frozen=True)
class Overclaim:
    """Claims `excess` fabricated nonces for every valid one, with values drawn from the law of valid nonces.

    The claimed values give nothing away: a validator has to recompute. Fabricated share of the claim:
    excess / (1 + excess). Votes honestly on others and for itself. Reference: protocol 4.4 (power), 4.6 (self-votes).
    """

    excess: Annotated[
        float, Field(gt=0.0, le=1e6, description="fabricated nonces per valid nonce found", examples=[0.3])
    ]

    def claim(self, view: ProductionView, generator: np.random.Generator) -> Claim:
        """Add as many fabricated nonces as the running total of valid ones allows, rounded down."""
        found = Honest().claim(view, generator)
        n_valid = view.n_valid_before + len(found.nonces)
        n_wanted = n_valid + math.floor(self.excess * n_valid)
        n_fabricated = n_wanted - view.n_claimed_before - len(found.nonces)
        nonces = generator.integers(FABRICATED_FROM, FABRICATED_BELOW, size=n_fabricated)
        values = view.proof.fabricate(n_fabricated, view.threshold, view.dim, generator)
        return Claim((*found.nonces, *nonces.tolist()), (*found.values, *values.tolist()))

    def vote(self, view: ValidationView) -> Votes:
        """Vote by the test, except on itself."""
        return np.where(view.is_self, np.int8(SAYS_VALID), Honest().vote(view))
