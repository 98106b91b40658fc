"""The silent validator: it neither proposes nor signs blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from sim.strategies import strategies
from sim.strategies.actions import Sign
from sim.strategies.base import Answer, Identity
from sim.strategies.events import SignatureDue


@strategies.register("silent")
@dataclass(frozen=True)
class Silent:
    """Proposes nothing and signs nothing in a share of the heights, and works as an honest host besides.

    With a third of all power it stops the chain. Who signs fewer than half of a hundred blocks loses 1 % of its
    collateral and is jailed for ten minutes; a share just below a half costs nothing. Reference: protocol 6.5, 10
    """

    share: Annotated[float, Field(gt=0.0, le=1.0, description="share of heights, drawn one by one")] = 1.0
    needs: ClassVar = "consensus power"
    events: ClassVar = (SignatureDue,)

    def start(self, identity: Identity) -> None:
        """No memory."""

    def react(self, memory: None, event: SignatureDue, generator: np.random.Generator) -> Answer:
        """Draw whether to stay silent."""
        return None, (Sign(0),) if generator.random() < self.share else None
