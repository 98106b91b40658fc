"""The host with rented ML nodes: more weight in some epochs, for as long as the rent lasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from sim.strategies import strategies
from sim.strategies.actions import Compute, ShowWeight
from sim.strategies.base import Answer, Identity
from sim.strategies.events import ConfirmationOpened, GenerationOpened, SegmentOpened


@strategies.register("rent_for_poc")
@dataclass(frozen=True)
class RentForPoc:
    """Computes with all its ML nodes in the proofs of some epochs, and with its own ones alone in all others.

    Its own are the first `own`; the rest are rented. Machines that are not there claim nothing, so that its weight is
    multiplied while the rent lasts. With `keeps: false` they are there for each proof only: a confirmation shows the
    share of its own ones. Reference: protocol 9 (#420), network 2.9.7 (weight that is trusted).
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
    events: ClassVar = (GenerationOpened, SegmentOpened, ConfirmationOpened)

    def start(self, identity: Identity) -> None:
        """No memory."""

    def react(
        self,
        memory: None,
        event: GenerationOpened | SegmentOpened | ConfirmationOpened,
        generator: np.random.Generator,
    ) -> Answer:
        """Send the nodes that it has now into generation; show what they are, where a confirmation only asks."""
        view, is_rented = event.view, self.first_epoch <= event.epoch < self.first_epoch + self.epochs
        if isinstance(event, ConfirmationOpened):
            if self.keeps or not is_rented or view.params.rules_at(event.epoch).computes_confirmations:
                return memory, None
            rates = {node.node_id: node.nonces_per_second for node in view.ml_nodes}
            own = sum(rate for number, rate in rates.items() if number <= self.own)
            return memory, (ShowWeight(own / sum(rates.values())),)
        episode = view.state.running
        if is_rented and (isinstance(event, SegmentOpened) or (episode is not None and episode.is_confirmation)):
            is_rented = self.keeps
        mine = tuple(number for number in event.node_ids if is_rented or number <= self.own)
        return memory, (Compute(mine),)
