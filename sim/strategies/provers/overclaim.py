"""The overclaiming host: adds nonces that it never computed to all that it can compute."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from sim.strategies import strategies
from sim.strategies.actions import ClaimResults
from sim.strategies.base import Answer, Identity
from sim.strategies.cheating import invent, spare_self
from sim.strategies.events import ChecksDone, EpochOpened, ResultsFound

Totals = Mapping[tuple[str, int], tuple[int, int]]
"""(host, ML node) -> nonces found and nonces claimed in this epoch"""


@strategies.register("overclaim")
@dataclass(frozen=True)
class Overclaim:
    """Claims `excess` fabricated nonces for every valid one, with values that look true.

    The claimed values do not give the fraud away: a validator has to recompute. Fabricated share of the claim:
    excess / (1 + excess). Votes honestly on others and for itself. Fate: voted invalid in all versions, unless the
    share is too small to be seen. Reference: protocol 4.4 (power), 4.6 (self-votes).
    """

    excess: Annotated[
        float, Field(gt=0.0, le=1e6, description="fabricated nonces per valid nonce found", examples=[0.3])
    ]
    needs: ClassVar = "nothing"
    events: ClassVar = (EpochOpened, ResultsFound, ChecksDone)

    def start(self, identity: Identity) -> Totals:
        """No node has found a nonce yet."""
        return {}

    def react(
        self, memory: Totals, event: EpochOpened | ResultsFound | ChecksDone, generator: np.random.Generator
    ) -> Answer:
        """Claim too much, and vote for itself."""
        match event:
            case ResultsFound():
                return self._claim(memory, event, generator)
            case ChecksDone():
                return memory, (spare_self(event),)
        return {key: totals for key, totals in memory.items() if key[0] != event.view.address}, None

    def _claim(self, memory: Totals, event: ResultsFound, generator: np.random.Generator) -> Answer:
        """Add as many fabricated nonces as the running total of valid ones allows, rounded down."""
        key = (event.view.address, event.node_id)
        n_found, n_claimed = memory.get(key, (0, 0))
        n_found += len(event.nonces)
        n_fabricated = n_found + math.floor(self.excess * n_found) - n_claimed - len(event.nonces)
        n_before = n_claimed - (n_found - len(event.nonces))
        nonces, values = invent(event.view, event.epoch, event.node_id, n_before, n_fabricated, event.values, generator)
        claim = ClaimResults(
            event.node_id, np.concatenate([event.nonces, nonces]), np.concatenate([event.values, values])
        )
        return {**memory, key: (n_found, n_claimed + len(claim.nonces))}, (claim,)
