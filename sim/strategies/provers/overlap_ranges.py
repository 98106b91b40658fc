"""The host whose ML nodes compute the same nonces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sim.protocol.switches import Rules
from sim.strategies import strategies
from sim.strategies.actions import Compute
from sim.strategies.base import Answer, Identity
from sim.strategies.events import GenerationOpened


@strategies.register("overlap_ranges")
@dataclass(frozen=True)
class OverlapRanges:
    """Tells each of its ML nodes that it is the only one, so that all compute the same nonces.

    At the launch this came about by itself, where ML nodes started in different blocks. Each copy is computed and
    valid; it costs as much as any other nonce, so that nothing is gained where copies count and most is lost where not.
    Fate: accepted; two ML nodes are worth two in v0.2.0, one in v0.2.6. Reference: protocol 3.2 (overlap), 9 (#352)
    """

    needs: ClassVar = "several ML nodes"
    events: ClassVar = (GenerationOpened,)

    def doubt(self, rules: Rules) -> str:
        """Nonces that are computed twice only cost, unless the chain counts them."""
        if rules.proof.claims_by_model:
            return "a host's answers stand in one tree by their nonces"
        return "" if rules.counts_duplicates else "the chain counts a nonce once, whichever ML nodes computed it"

    def start(self, identity: Identity) -> None:
        """No memory."""

    def react(self, memory: None, event: GenerationOpened, generator: np.random.Generator) -> Answer:
        """Give all the same range; answers, which cannot repeat, are computed honestly."""
        by_model = event.view.params.rules_at(event.epoch).proof.claims_by_model
        return None, None if by_model else (Compute(place=(1, 1)),)
