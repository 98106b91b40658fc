"""The host that starts late: a burst at the end of the stage, or bad luck with a slow start."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from sim.strategies import strategies
from sim.strategies.actions import Compute
from sim.strategies.base import Answer, Identity
from sim.strategies.events import BlockApplied, GenerationOpened

Starts = Mapping[str, tuple[int, int]]
"""Host -> (proof of compute, by its key; height at which its ML nodes are to start there), where they still wait."""


@strategies.register("late_burst")
@dataclass(frozen=True)
class LateBurst:
    """Lets its ML nodes wait for a part of the stage; with `chance` below 1 in some proofs of compute only.

    Always late is a burst: machines that serve somebody else until then, beside some that are `prompt`. Late by chance
    is an honest host with a slow start. Confirmations are proofs of compute too. Reference: network 2.6 (the guard).
    """

    wait: Annotated[
        float,
        Field(
            ge=0.0,
            lt=0.8,
            description="part of the stage's blocks that goes by first; later no ML node starts",
            examples=[0.2],
        ),
    ]
    chance: Annotated[float, Field(ge=0.0, le=1.0, description="probability that it is late in a proof")] = 1.0
    prompt: Annotated[int, Field(ge=0, le=10_000, description="ML nodes, from the first, that start at once")] = 0
    needs: ClassVar = "nothing"
    events: ClassVar = (GenerationOpened, BlockApplied)

    def start(self, identity: Identity) -> Starts:
        """No host is late yet."""
        return {}

    def react(self, memory: Starts, event: GenerationOpened | BlockApplied, generator: np.random.Generator) -> Answer:
        """Wait when generation opens, compute when the height is reached."""
        who, episode = event.view.address, event.view.state.running
        others = {host: start for host, start in memory.items() if host != who}
        if isinstance(event, GenerationOpened):
            if episode is None or generator.random() >= self.chance:
                return others, (Compute(),)
            n_blocks = episode.generation_end - episode.opening + 1
            due = episode.start_height, episode.opening + math.floor(self.wait * n_blocks)
            prompt = tuple(number for number in event.node_ids if number <= self.prompt)
            return {**others, who: due}, (Compute(prompt),) if prompt else ()
        if who not in memory:
            return memory, ()
        key, start = memory[who]
        if episode is None or episode.start_height != key or event.view.height >= episode.generation_end:
            return others, ()
        return (others, (Compute(),)) if event.view.height >= start else (memory, ())
