"""The host that copies another's claim as it becomes public."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from sim.problems import Problem
from sim.protocol.proofs.hits import SubmitProofBatch
from sim.protocol.switches import Rules
from sim.strategies import strategies
from sim.strategies.actions import ClaimResults
from sim.strategies.base import Answer, Identity, Surroundings
from sim.strategies.cheating import spare_self
from sim.strategies.events import BlockApplied, ChecksDone, GenerationOpened


@strategies.register("copy")
@dataclass(frozen=True)
class Copy:
    """Computes nothing, and claims the nonces and distances that blocks show of other hosts, as its own.

    A claimant's key is part of a nonce's input: under another key each has another distance, and is valid by luck only.
    Answers stay with their hosts, so that there is nothing to copy. Fate: voted invalid in v0.2.0 and v0.2.6; no claim
    in v0.2.16. Reference: protocol 3.5, 4.4, network 2.7
    """

    victims: Annotated[
        tuple[str, ...],
        Field(description="hosts, host groups and operators whose batches are copied; none: the first of each block"),
    ] = ()
    needs: ClassVar = "batches of others, public in blocks"
    events: ClassVar = (GenerationOpened, BlockApplied, ChecksDone)

    def find_problems(self, surroundings: Surroundings) -> Iterable[Problem]:
        """Refuse victims that nobody is."""
        return surroundings.find_strangers("victims", self.victims)

    def doubt(self, rules: Rules) -> str:
        """Only batches that list nonces can be copied."""
        return "" if SubmitProofBatch in rules.proof.messages else "claims show no nonces, only how many there are"

    def start(self, identity: Identity) -> frozenset[str]:
        """Remember the victims' addresses."""
        return identity.resolve(self.victims)

    def react(
        self,
        memory: frozenset[str],
        event: GenerationOpened | BlockApplied | ChecksDone,
        generator: np.random.Generator,
    ) -> Answer:
        """Let ML nodes idle, copy what each block shows, and vote for itself."""
        if isinstance(event, BlockApplied):
            return memory, _copy(memory, event)
        return memory, (spare_self(event),) if isinstance(event, ChecksDone) else ()


def _copy(victims: frozenset[str], event: BlockApplied) -> tuple[ClaimResults, ...]:
    """Claim the victims' nonces in a block, as long as claims are taken."""
    view, episode = event.view, event.view.state.running
    if episode is None or view.height >= episode.last_claim:
        return ()
    shown = [tx for tx in event.block.transactions if isinstance(tx, SubmitProofBatch) and tx.creator != view.address]
    fresh = [batch for batch in shown if batch.start_height == episode.start_height]
    copied = victims or {batch.creator for batch in fresh[:1]}
    batches = [batch.proofs for batch in fresh if batch.creator in copied]
    return tuple(ClaimResults(view.ml_nodes[0].node_id, proofs.nonces, proofs.distances) for proofs in batches)
