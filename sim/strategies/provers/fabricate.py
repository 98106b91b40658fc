"""The host that fabricates its claim: computes a part of it, or nothing, and invents the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sim.strategies import strategies
from sim.strategies.actions import ClaimResults, Compute
from sim.strategies.base import Answer, Identity
from sim.strategies.cheating import invent, spare_self
from sim.strategies.events import BlockApplied, ChecksDone, GenerationOpened


class Pace(NamedTuple):
    """One host's proof of compute, and how many entries it has invented in it, by ML node."""

    start_height: int | None
    since_seconds: float
    blank: NDArray[Any]
    n_invented: Mapping[int, int]


Paces = Mapping[str, Pace]


@strategies.register("fabricate")
@dataclass(frozen=True)
class Fabricate:
    """Computes at 1 - `share` of its rate and invents the rest of an honest claim, block by block; 1: computes nothing.

    It claims no more than its hardware could find, so that no rate gives it away: only recomputing does. Each invented
    entry of `hits` is valid by luck, with the chance of a try. Votes for itself. Fate: voted invalid in all versions,
    unless the share is too small to be seen. Reference: protocol 4.4 (power).
    """

    share: Annotated[
        float, Field(gt=0.0, le=1.0, description="share of the claim that is invented, not computed", examples=[0.5])
    ]
    needs: ClassVar = "nothing"
    events: ClassVar = (GenerationOpened, BlockApplied, ChecksDone)

    def start(self, identity: Identity) -> Paces:
        """No proof of compute has begun."""
        return {}

    def react(
        self, memory: Paces, event: GenerationOpened | BlockApplied | ChecksDone, generator: np.random.Generator
    ) -> Answer:
        """Compute a part, invent at the pace of the rest, and vote for itself."""
        who, episode = event.view.address, event.view.state.running
        if isinstance(event, ChecksDone):
            return memory, (spare_self(event),)
        if isinstance(event, GenerationOpened):
            start_height = None if episode is None else episode.start_height
            pace = Pace(start_height, event.view.seconds, event.blank, dict.fromkeys(event.node_ids, 0))
            return {**memory, who: pace}, () if self.share == 1.0 else (Compute(share=1.0 - self.share),)
        if who not in memory or episode is None or episode.start_height != memory[who].start_height:
            return memory, ()
        return self._invent(memory, event, generator) if event.view.height <= episode.generation_end else (memory, ())

    def _invent(self, memory: Paces, event: BlockApplied, generator: np.random.Generator) -> Answer:
        """Claim as many entries as the idle part of each ML node would have found by now."""
        view, epoch, params = event.view, event.view.state.episode.epoch_index, event.view.params
        chance = params.rules_at(epoch).proof.hit_probability(view.state.threshold, params.vector_dim)
        idle_seconds = self.share * (view.seconds - (pace := memory[view.address]).since_seconds)
        rates = {node.node_id: node.nonces_per_second for node in view.ml_nodes}
        n_now = {number: math.floor(chance * rates[number] * idle_seconds) for number in pace.n_invented}
        claims = tuple(
            ClaimResults(number, *invent(view, epoch, number, n, n_now[number] - n, pace.blank, generator))
            for number, n in pace.n_invented.items()
        )
        return {**memory, view.address: pace._replace(n_invented=n_now)}, claims
