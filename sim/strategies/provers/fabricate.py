"""The host that fabricates its claim: computes a part of it, or nothing, and invents the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sim.strategies import strategies
from sim.strategies.actions import ClaimResults, Compute
from sim.strategies.base import Answer, Identity
from sim.strategies.cheating import invent, spare_self
from sim.strategies.events import BlockApplied, ChecksDone, GenerationOpened


@dataclass(frozen=True, eq=False)
class Pace:
    """One host's proof of compute, and how many entries it has invented in it."""

    start_height: int
    since_seconds: float
    blank: NDArray[Any]
    n_invented: Mapping[int, int]
    """By ML node."""


@strategies.register("fabricate")
@dataclass(frozen=True)
class Fabricate:
    """Computes at 1 - `share` of its rate and invents the rest of an honest claim, block by block; 1: computes nothing.

    It claims no more than its hardware could find, so that no rate gives it away: only recomputing does. Each invented
    entry of `hits` is valid by luck, with the chance of a try. Votes for itself. Reference: protocol 4.4 (power).
    """

    share: Annotated[
        float, Field(gt=0.0, le=1.0, description="share of the claim that is invented, not computed", examples=[0.5])
    ]
    needs: ClassVar = "nothing"
    events: ClassVar = (GenerationOpened, BlockApplied, ChecksDone)

    def start(self, identity: Identity) -> Mapping[str, Pace]:
        """No proof of compute has begun."""
        return {}

    def react(
        self,
        memory: Mapping[str, Pace],
        event: GenerationOpened | BlockApplied | ChecksDone,
        generator: np.random.Generator,
    ) -> Answer:
        """Compute a part, invent at the pace of the rest, and vote for itself."""
        if isinstance(event, ChecksDone):
            return memory, (spare_self(event),)
        who, episode = event.view.address, event.view.state.running
        if isinstance(event, GenerationOpened):
            computes = () if self.share == 1.0 else (Compute(share=1.0 - self.share),)
            if episode is None:
                return memory, computes
            n_invented = dict.fromkeys(event.node_ids, 0)
            pace = Pace(episode.start_height, event.view.seconds, event.blank, n_invented)
            return {**memory, who: pace}, computes
        if who not in memory or episode is None or episode.start_height != memory[who].start_height:
            return memory, ()
        return self._invent(memory, event, generator) if event.view.height <= episode.generation_end else (memory, ())

    def _invent(self, memory: Mapping[str, Pace], event: BlockApplied, generator: np.random.Generator) -> Answer:
        """Claim as many entries as the idle part of each ML node would have found by now."""
        view = event.view
        pace, epoch, params = memory[view.address], view.state.episode.epoch_index, view.params
        chance = params.rules_at(epoch).proof.hit_probability(view.state.threshold, params.vector_dim)
        idle_seconds = self.share * (view.seconds - pace.since_seconds)
        claims, n_invented = [], dict(pace.n_invented)
        for node in view.ml_nodes:
            n_before = n_invented.get(node.node_id)
            if n_before is not None:
                n_invented[node.node_id] = math.floor(chance * node.nonces_per_second * idle_seconds)
                n_new = n_invented[node.node_id] - n_before
                nonces, values = invent(view, epoch, node.node_id, n_before, n_new, pace.blank, generator)
                claims.append(ClaimResults(node.node_id, nonces, values))
        return {**memory, view.address: replace(pace, n_invented=n_invented)}, tuple(claims)
