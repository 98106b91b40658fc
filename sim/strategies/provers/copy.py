"""The host that copies another's claim as it becomes public."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from sim.protocol.proofs.hits import SubmitProofBatch
from sim.protocol.switches import Rules
from sim.strategies import strategies
from sim.strategies.actions import ClaimResults
from sim.strategies.base import Answer, Identity
from sim.strategies.cheating import spare_self
from sim.strategies.events import BlockApplied, ChecksDone, GenerationOpened


@strategies.register("copy")
@dataclass(frozen=True)
class Copy:
    """Computes nothing, and claims the nonces and distances that blocks show of another host, as its own.

    A claimant's key is part of a nonce's input: under another key each has another distance, and is valid by luck only.
    Answers stay with their hosts, so that there is nothing to copy. Reference: protocol 3.5, 4.4, network 2.7
    """

    victim: Annotated[str, Field(description='address of the host that is copied; "": the first of each block')] = ""
    needs: ClassVar = "batches of others, public in blocks"
    events: ClassVar = (GenerationOpened, BlockApplied, ChecksDone)

    def doubt(self, rules: Rules) -> str:
        """Only batches that list nonces can be copied."""
        return "" if SubmitProofBatch in rules.proof.messages else "claims show no nonces, only how many there are"

    def start(self, identity: Identity) -> None:
        """No memory."""

    def react(
        self, memory: None, event: GenerationOpened | BlockApplied | ChecksDone, generator: np.random.Generator
    ) -> Answer:
        """Let ML nodes idle, copy what each block shows, and vote for itself."""
        if isinstance(event, BlockApplied):
            return None, self._copy(event)
        return None, (spare_self(event),) if isinstance(event, ChecksDone) else ()

    def _copy(self, event: BlockApplied) -> tuple[ClaimResults, ...]:
        """Claim the victim's nonces in a block, as long as claims are taken."""
        view, episode = event.view, event.view.state.running
        if episode is None or view.height >= episode.last_claim:
            return ()
        shown = [batch for batch in event.block.transactions if isinstance(batch, SubmitProofBatch)]
        others = [
            batch for batch in shown if batch.creator != view.address and batch.start_height == episode.start_height
        ]
        victim = self.victim or (others[0].creator if others else "")
        batches = [batch.proofs for batch in others if batch.creator == victim]
        return tuple(ClaimResults(view.ml_nodes[0].node_id, proofs.nonces, proofs.distances) for proofs in batches)
