"""The validator that abstains: it checks nothing and votes on nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sim.strategies import strategies
from sim.strategies.base import Answer, Identity
from sim.strategies.events import ClaimsKnown


@strategies.register("abstain")
@dataclass(frozen=True)
class Abstain:
    """Proves compute honestly, and sends no vote: who does not vote counts in the total, so that it says no.

    With half of all weight it stops every claim, with less it raises the share of the others that must agree.
    Reference: protocol 4.6 (quorum)
    """

    needs: ClassVar = "nothing"
    events: ClassVar = (ClaimsKnown,)

    def start(self, identity: Identity) -> None:
        """No memory."""

    def react(self, memory: None, event: ClaimsKnown, generator: np.random.Generator) -> Answer:
        """Check nothing: without a check there is nothing to vote on."""
        return None, ()
