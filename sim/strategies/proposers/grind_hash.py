"""The proposer that tries many hashes for its block, and takes the one that favours it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from sim.protocol.blocks.running import triggers_confirmation
from sim.protocol.proofs.acceptance import count_slots, draw_holders
from sim.protocol.proofs.claimed import split_claim
from sim.protocol.proofs.committee import draw_slots
from sim.protocol.switches import Rules
from sim.strategies import strategies
from sim.strategies.actions import Propose
from sim.strategies.base import Answer, Identity, View
from sim.strategies.events import ProposalDue


@strategies.register("grind_hash")
@dataclass(frozen=True)
class GrindHash:
    """Takes the best of `tries` hashes for each block that it proposes and whose hash decides something.

    `committee`: in block V, the hash that gives its operator's hosts most slots of the committees on their own claims.
    `confirmation`: the hash that triggers no confirmation. Own valid nonces of a hash P are no aim: to know them takes
    the work of a whole stage for each candidate. Reference: protocol 3.5 (the proposer of P), 4.9, 6.7
    """

    tries: Annotated[int, Field(ge=1, le=100_000, description="candidates that it tries", examples=[100])]
    aim: Annotated[Literal["committee", "confirmation"], Field(description="what the hash should favour")] = "committee"
    needs: ClassVar = "the turn to propose, and a hash for each try"
    events: ClassVar = (ProposalDue,)

    def doubt(self, rules: Rules) -> str:
        """Say where no hash of a block decides on its aim."""
        if self.aim == "confirmation" and not rules.confirmations_per_epoch:
            return "no block triggers a confirmation, so that there is none to avoid"
        return ""

    def start(self, identity: Identity) -> tuple[str, ...]:
        """Know whose hosts are favoured."""
        return identity.addresses

    def react(self, memory: tuple[str, ...], event: ProposalDue, generator: np.random.Generator) -> Answer:
        """Choose a hash where it matters; the first of equals."""
        view, numbers = event.view, range(self.tries)
        if self.aim == "confirmation":
            calm = (
                number
                for number in numbers
                if not triggers_confirmation(view.state, event.height, event.get_hash(number), view.params)
            )
            return memory, (Propose(hash_index=next(calm, 0)),)
        episode = view.state.running
        if view.params.validation_committee is None or episode is None or event.height != episode.validation_start:
            return memory, None
        best = max(numbers, key=lambda number: count_own_slots(view, event.get_hash(number), memory))
        return memory, (Propose(hash_index=best),)


def count_own_slots(view: View, block_hash: str, addresses: Sequence[str]) -> int:
    """Return how many slots of the committees on their own claims some hosts would hold after this block V."""
    state, n_slots = view.state, view.params.validation_committee or 0
    claims = [name for name in state.proofs.participants if split_claim(name)[0] in addresses]
    if view.params.rules_at(state.episode.epoch_index).proof.claims_by_model:
        powers, total = state.effective.voting_powers, sum(state.effective.trusted.values())
        held = 0
        for who, model in map(split_claim, claims):
            n_drawn = count_slots(sum(powers.get(model, {}).values()), total, n_slots)
            drawn = draw_holders(block_hash, who, model, powers.get(model, {}), n_drawn)
            held += sum(drawn.get(address, 0) for address in addresses)
        return held
    weights = {who: weight for who, weight in state.effective.present.items() if weight > 0}
    is_own = np.array([who in addresses for who in weights], np.bool_)
    return int(is_own[draw_slots(block_hash, claims, list(weights.values()), n_slots)].sum()) if claims else 0
