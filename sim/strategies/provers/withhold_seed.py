"""The host that withholds its seed until it has seen all claims: it takes part, and then chooses whether it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from sim.protocol.proofs.claimed import split_claim
from sim.strategies import strategies
from sim.strategies.actions import Check, CommitSeed
from sim.strategies.base import Answer, Identity
from sim.strategies.events import ClaimsKnown, EpochOpened


@strategies.register("withhold_seed")
@dataclass(frozen=True)
class WithholdSeed:
    """Commits to its seed only at V, and not at all where its claim turned out to be a small part of all claims.

    No rule asks when a seed comes, as long as VE finds it: a late one costs nothing. Without one the claim was work for
    nothing, that of the validators too, and no duty of a member follows. Reference: protocol 2.1, 2.2, 4.6 (test 6)
    """

    below: Annotated[
        float, Field(ge=0.0, le=1.0, description="share of all claimed nonces below which it withholds its seed")
    ] = 1.0
    needs: ClassVar = "nothing"
    events: ClassVar = (EpochOpened, ClaimsKnown)

    def start(self, identity: Identity) -> None:
        """No memory."""

    def react(self, memory: None, event: EpochOpened | ClaimsKnown, generator: np.random.Generator) -> Answer:
        """Say nothing at P, and decide at V."""
        if isinstance(event, EpochOpened):
            return memory, None if event.is_away else ()
        episode = event.view.state.running
        is_own = np.array([split_claim(name)[0] == event.view.address for name in event.participants], np.bool_)
        n_own, n_all = int(event.n_claimed[is_own].sum()), int(event.n_claimed.sum())
        if (episode is not None and episode.is_confirmation) or n_own < self.below * n_all:
            return memory, None
        return memory, (Check(), CommitSeed(event.epoch))
