"""The host that silences validators by distances that do not count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from sim.protocol.proofs.claimed import split_claim
from sim.protocol.switches import Rules
from sim.strategies import strategies
from sim.strategies.actions import Check, ClaimResults, Vote
from sim.strategies.base import Answer, Identity
from sim.strategies.events import ClaimsKnown, ResultsFound


@strategies.register("high_distance")
@dataclass(frozen=True)
class HighDistance:
    """Claims true nonces, a `share` of them with the threshold itself as their distance, which does not count.

    The software of the launch asserts that a sampled distance counts; where it does not, the ML node's sender dies, and
    the validator votes on no claim that it would have checked later. The host passes its own claim over and votes for
    it. Fate: rejected for want of votes in v0.2.0 and v0.2.6, and many others with it; without effect in v0.2.16.
    Reference: protocol 4.4, 9
    """

    share: Annotated[float, Field(gt=0.0, le=1.0, description="share of its nonces that get a far distance")] = 0.05
    needs: ClassVar = "nothing"
    events: ClassVar = (ResultsFound, ClaimsKnown)

    def doubt(self, rules: Rules) -> str:
        """Repaired validators do not look at claimed distances, and answers have none."""
        if rules.proof.claims_by_model:
            return "answers are claimed without distances"
        return "" if rules.far_distances_silence else "validators compute the distance again and ask for no other"

    def start(self, identity: Identity) -> None:
        """No memory."""

    def react(self, memory: None, event: ResultsFound | ClaimsKnown, generator: np.random.Generator) -> Answer:
        """Claim far distances; check all claims but the own one, which would silence this host too."""
        if event.view.params.rules_at(event.epoch).proof.claims_by_model:
            return None, None
        if isinstance(event, ResultsFound):
            is_far = generator.random(len(event.values)) < self.share
            return None, (ClaimResults(event.node_id, event.nonces, np.where(is_far, event.threshold, event.values)),)
        due = [event.participants[place] for place in event.duties.tolist()]
        others = [name for name in due if split_claim(name)[0] != event.view.address]
        own = tuple(name for name in due if name not in others)
        checks = Check(tuple(generator.permutation(np.array(others, object)).tolist()))
        return None, (checks, Vote(own, np.zeros(len(own), np.bool_)))
