"""The host with rented ML nodes: more weight in some epochs, for as long as the rent lasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from sim.strategies import strategies
from sim.strategies.actions import Compute
from sim.strategies.base import Answer, Identity
from sim.strategies.events import GenerationOpened, SegmentOpened


@strategies.register("rent")
@dataclass(frozen=True)
class Rent:
    """Computes with all its ML nodes in the proofs of some epochs, and with its own ones alone in all others.

    Its own are the first `own`; the rest are rented. Machines that are not there claim nothing, so that its weight is
    multiplied while the rent lasts. Reference: network 2.9.7 (weight that is trusted).
    """

    own: Annotated[
        int, Field(ge=0, le=10_000, description="ML nodes, from the first, that are not rented", examples=[1])
    ]
    first_epoch: Annotated[
        int, Field(ge=1, description="first epoch in whose proof of compute the rented ones compute", examples=[2])
    ]
    epochs: Annotated[int, Field(ge=1, le=1_000_000, description="number of such epochs, one after the other")] = 1
    keeps: Annotated[
        bool,
        Field(
            description="they compute in confirmations and challenges of these epochs too; otherwise they go after "
            "each proof"
        ),
    ] = True
    needs: ClassVar = "ML nodes of others for some epochs"
    events: ClassVar = (GenerationOpened, SegmentOpened)

    def start(self, identity: Identity) -> None:
        """No memory."""

    def react(self, memory: None, event: GenerationOpened | SegmentOpened, generator: np.random.Generator) -> Answer:
        """Send the nodes that it has now into generation."""
        is_rented = self.first_epoch <= event.epoch < self.first_epoch + self.epochs
        episode = event.view.state.running
        is_asked_again = isinstance(event, SegmentOpened) or (episode is not None and episode.is_confirmation)
        if is_rented and is_asked_again:
            is_rented = self.keeps
        mine = tuple(number for number in event.node_ids if is_rented or number <= self.own)
        return memory, (Compute(mine),)
