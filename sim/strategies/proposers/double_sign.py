"""The validator that signs twice: two votes at one height that contradict each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from sim.strategies import strategies
from sim.strategies.actions import Sign
from sim.strategies.base import Answer, Identity
from sim.strategies.events import SignatureDue


@strategies.register("double_sign")
@dataclass(frozen=True)
class DoubleSign:
    """Signs a second, contradicting vote in a share of the heights, from an epoch on; honest in all else.

    Others hold both votes, and the next proposer puts them on chain: it loses 5 % of its collateral and is jailed for
    good. Its first vote counts as any other, since below a third of all power two votes cannot make two blocks.
    Reference: protocol 6.5, 10
    """

    first_epoch: Annotated[int, Field(ge=0, le=1_000_000, description="first epoch in which it signs twice")] = 1
    share: Annotated[float, Field(gt=0.0, le=1.0, description="share of heights, drawn one by one")] = 1.0
    needs: ClassVar = "consensus power, and a second signer with the same key"
    events: ClassVar = (SignatureDue,)

    def start(self, identity: Identity) -> None:
        """No memory."""

    def react(self, memory: None, event: SignatureDue, generator: np.random.Generator) -> Answer:
        """Draw whether to sign twice."""
        is_time = event.view.state.schedule.index >= self.first_epoch
        return None, (Sign(2),) if is_time and generator.random() < self.share else None
