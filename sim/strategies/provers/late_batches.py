"""The host that claims again when validators have read all claims: what comes then counts, and nobody checks it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sim.strategies import strategies
from sim.strategies.actions import Check, ClaimResults
from sim.strategies.base import Answer, Identity
from sim.strategies.cheating import invent
from sim.strategies.events import ClaimsKnown, GenerationOpened, ResultsFound


@dataclass(frozen=True, eq=False)
class Found:
    """What an ML node has found in the proof of compute that runs."""

    n: int
    like: NDArray[Any]
    """(1, ...) one of its results."""


Finds = Mapping[tuple[str, int], Found]
"""(host, ML node) -> what it has found"""


@strategies.register("late_batches")
@dataclass(frozen=True)
class LateBatches:
    """Claims honestly, and adds `excess` invented nonces for each valid one in the blocks after V.

    Validators read claims once, at V. The chain takes claims for the whole exchange: where that is longer than the
    validation delay, the last blocks count unseen; where it is not, they are refused. Reference: protocol 1.1, 4.1
    """

    excess: Annotated[float, Field(gt=0.0, le=1e4, description="invented nonces per valid nonce found", examples=[0.5])]
    needs: ClassVar = "an exchange that is longer than the validation delay"
    events: ClassVar = (GenerationOpened, ResultsFound, ClaimsKnown)

    def start(self, identity: Identity) -> Finds:
        """No ML node has found anything."""
        return {}

    def react(
        self, memory: Finds, event: GenerationOpened | ResultsFound | ClaimsKnown, generator: np.random.Generator
    ) -> Answer:
        """Count what is found, and claim more of it at V."""
        who = event.view.address
        match event:
            case GenerationOpened():
                return {key: found for key, found in memory.items() if key[0] != who}, None
            case ResultsFound():
                key, like = (who, event.node_id), event.values[:1]
                n = memory[key].n if key in memory else 0
                return {**memory, key: Found(n + len(event.nonces), like)}, None
        own = sorted((node_id, found) for (host, node_id), found in memory.items() if host == who)
        return memory, (Check(), *(self._invent(event, node_id, found, generator) for node_id, found in own))

    def _invent(self, event: ClaimsKnown, node_id: int, found: Found, generator: np.random.Generator) -> ClaimResults:
        """Return a claim without a computed nonce."""
        n = math.floor(self.excess * found.n)
        return ClaimResults(node_id, *invent(event.view, event.epoch, node_id, 0, n, found.like, generator))
