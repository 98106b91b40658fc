"""The host that leaves when an epoch does not pay, and looks in again later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from sim.strategies.actions import CollectReward, Join, Leave
from sim.strategies.base import Answer, Identity
from sim.strategies.events import EpochOpened, RewardDue


@dataclass(frozen=True)
class Leaver:
    """Leaves once a reward is below its costs; comes back after some epochs to try again."""

    cost_ngonka: Annotated[int, Field(ge=0, description="costs of an epoch, in ngonka")] = 0
    pause_epochs: Annotated[int, Field(ge=1, le=1000, description="epochs before it tries again")] = 2
    events: ClassVar = (EpochOpened, RewardDue)

    def start(self, identity: Identity) -> int:
        """Remember the epoch from which it is willing to take part: the first."""
        return 0

    def react(self, willing_from: int, event: EpochOpened | RewardDue, generator: np.random.Generator) -> Answer:
        """Collect what is due; leave if it was too little."""
        if isinstance(event, RewardDue):
            pays = event.amount_ngonka >= self.cost_ngonka
            collected = CollectReward(event.epoch)
            return (willing_from, (collected,)) if pays else (event.epoch + 2 + self.pause_epochs, (collected, Leave()))
        if not event.is_away:
            return willing_from, None
        return willing_from, (Join(),) if event.epoch >= willing_from else ()
