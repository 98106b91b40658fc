"""The sleeper: honest until it has a name, a cheater afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from sim.strategies.base import Answer, Identity
from sim.strategies.provers.overclaim import Overclaim


@dataclass(frozen=True)
class Sleeper:
    """Is honest for some epochs and overclaims from then on."""

    honest_epochs: Annotated[int, Field(ge=0, le=10_000, description="epochs of good conduct")] = 3
    excess: Annotated[float, Field(gt=0.0, le=1e6, description="fabricated nonces per valid one")] = 0.3
    events: ClassVar = Overclaim.events

    def start(self, identity: Identity) -> Any:
        """Remember what an overclaimer does."""
        return Overclaim(self.excess).start(identity)

    def react(self, memory: Any, event: Any, generator: np.random.Generator) -> Answer:
        """Leave the answer to an honest host, then to an overclaimer."""
        if event.epoch <= self.honest_epochs:
            return memory, None
        return Overclaim(self.excess).react(memory, event, generator)
