"""The overclaiming host: adds nonces that it never computed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from sim.strategies import strategies
from sim.strategies.actions import ClaimResults, Vote
from sim.strategies.base import Answer, Identity
from sim.strategies.events import ChecksDone, EpochOpened, ResultsFound

FABRICATED_FROM = 2**40  # far beyond the nonces of any ML node in a stage: never one that was really tried
FABRICATED_BELOW = 2**62
Totals = Mapping[tuple[str, int], tuple[int, int]]
"""(host, ML node) -> nonces found and nonces claimed in this epoch"""


@strategies.register("overclaim")
@dataclass(frozen=True)
class Overclaim:
    """Claims `excess` fabricated nonces for every valid one, with values drawn from the law of valid ones.

    The claimed values do not give the fraud away: a validator has to recompute. Fabricated share of the claim:
    excess / (1 + excess). Votes honestly on others and for itself. Reference: protocol 4.4 (power), 4.6 (self-votes).
    """

    excess: Annotated[
        float, Field(gt=0.0, le=1e6, description="fabricated nonces per valid nonce found", examples=[0.3])
    ]
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
                is_self = np.array([name == event.view.address for name in event.participants], dtype=np.bool_)
                return memory, (Vote(event.participants, event.frauds & ~is_self),)
        return {key: totals for key, totals in memory.items() if key[0] != event.view.address}, None

    def _claim(self, memory: Totals, event: ResultsFound, generator: np.random.Generator) -> Answer:
        """Add as many fabricated nonces as the running total of valid ones allows, rounded down."""
        key = (event.view.address, event.node_id)
        n_found, n_claimed = memory.get(key, (0, 0))
        n_found += len(event.nonces)
        n_fabricated = n_found + math.floor(self.excess * n_found) - n_claimed - len(event.nonces)
        nonces = generator.integers(FABRICATED_FROM, FABRICATED_BELOW, size=n_fabricated)
        params = event.view.params
        proof = params.rules_at(event.epoch).proof
        values = proof.fabricate(n_fabricated, event.threshold, params.vector_dim, generator)
        claim = ClaimResults(
            event.node_id,
            (*event.nonces.tolist(), *nonces.tolist()),
            (*event.values.tolist(), *values.tolist()),
        )
        return {**memory, key: (n_found, n_claimed + len(claim.nonces))}, (claim,)
