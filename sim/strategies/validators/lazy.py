"""The lazy validator: says yes to every claim and checks none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sim.strategies import strategies
from sim.strategies.actions import Vote
from sim.strategies.base import Answer, Identity
from sim.strategies.events import ChecksDone, ClaimsKnown


@strategies.register("lazy")
@dataclass(frozen=True)
class Lazy:
    """Votes valid on every claim that it ought to check, without a check; its ML nodes prove compute honestly.

    It saves the checks. Reference: protocol 4.5 (votes are never asked for their checks)
    """

    needs: ClassVar = "nothing"
    events: ClassVar = (ClaimsKnown, ChecksDone)

    def start(self, identity: Identity) -> None:
        """No memory."""

    def react(self, memory: None, event: ClaimsKnown | ChecksDone, generator: np.random.Generator) -> Answer:
        """Vote yes at once."""
        names = event.participants
        if isinstance(event, ClaimsKnown):
            names = tuple(names[place] for place in event.duties.tolist())
        return None, (Vote(names, np.zeros(len(names), dtype=np.bool_)),)
