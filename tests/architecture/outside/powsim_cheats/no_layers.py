"""The host that leaves the model's layers out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from sim.strategies import strategies
from sim.strategies.actions import ClaimResults, Compute
from sim.strategies.base import Answer, Identity
from sim.strategies.events import GenerationOpened, ResultsFound


@strategies.register("no_layers")
@dataclass(frozen=True)
class NoLayers:
    """Computes without any layer and claims what lies `margin` inside the threshold. Reference: kernel 7."""

    margin: Annotated[float, Field(ge=0.0, le=1.0, description="distance by which it lowers its threshold")] = 0.0
    events: ClassVar = (GenerationOpened, ResultsFound)

    def start(self, identity: Identity) -> None:
        """Nothing to remember."""

    def react(self, memory: None, event: GenerationOpened | ResultsFound, generator: np.random.Generator) -> Answer:
        """Run the embedding and the head only; keep what is safely inside."""
        if isinstance(event, GenerationOpened):
            return None, (Compute(n_layers=0),)
        safe = event.values < event.threshold - self.margin
        return None, (
            ClaimResults(event.node_id, tuple(event.nonces[safe].tolist()), tuple(event.values[safe].tolist())),
        )
