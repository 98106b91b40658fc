"""The contrarian validator: votes the opposite of its own test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sim.strategies import strategies
from sim.strategies.actions import Vote
from sim.strategies.base import Answer, Identity
from sim.strategies.events import ChecksDone


@strategies.register("contrarian")
@dataclass(frozen=True)
class Contrarian:
    """Checks as an honest host does, then calls sound claims frauds and lets frauds pass, its own among them.

    Nothing that it has counts for it: the rules count votes, and no vote has a price. Reference: protocol 4.5, 4.6
    """

    needs: ClassVar = "nothing"
    events: ClassVar = (ChecksDone,)

    def start(self, identity: Identity) -> None:
        """No memory."""

    def react(self, memory: None, event: ChecksDone, generator: np.random.Generator) -> Answer:
        """Turn every verdict around."""
        return None, (Vote(event.participants, ~event.frauds),)
