"""The copycat: claims nonces that it has seen in other hosts' claims."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sim.protocol.proofs.hits import SubmitProofBatch
from sim.strategies.actions import ClaimResults
from sim.strategies.base import Answer, Identity
from sim.strategies.events import BlockApplied, GenerationOpened, ResultsFound


@dataclass(frozen=True)
class Copycat:
    """Computes nothing and claims what blocks show of others' nonces; under its own key their distances are others."""

    events: ClassVar = (GenerationOpened, ResultsFound, BlockApplied)

    def start(self, identity: Identity) -> None:
        """Nothing to remember."""

    def react(
        self, memory: None, event: GenerationOpened | ResultsFound | BlockApplied, generator: np.random.Generator
    ) -> Answer:
        """Copy every claim of a block as soon as it is known."""
        if not isinstance(event, BlockApplied):
            return None, ()
        seen = [transaction for transaction in event.block.transactions if isinstance(transaction, SubmitProofBatch)]
        others = [batch.proofs for batch in seen if batch.creator != event.view.address]
        return None, tuple(ClaimResults(1, proofs.nonces, proofs.distances) for proofs in others)
