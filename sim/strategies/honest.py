"""The honest host: the behaviour of the network's own software. It stands here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sim.strategies import strategies
from sim.strategies.actions import Action, Check, ClaimResults, CollectReward, CommitSeed, Compute, Join, Propose, Vote
from sim.strategies.base import Answer, Event, Identity
from sim.strategies.events import (
    ChecksDone,
    ClaimsKnown,
    EpochOpened,
    GenerationOpened,
    ProposalDue,
    ResultsFound,
    RewardDue,
    SegmentOpened,
)

ANSWERS: dict[type[Event], Callable[[Any], Action]] = {
    EpochOpened: lambda event: Join() if event.is_away else CommitSeed(event.epoch),
    GenerationOpened: lambda _: Compute(),
    SegmentOpened: lambda _: Compute(),
    ResultsFound: lambda event: ClaimResults(event.node_id, event.nonces, event.values),
    ClaimsKnown: lambda _: Check(),
    ChecksDone: lambda event: Vote(event.participants, event.frauds),
    ProposalDue: lambda _: Propose(),
    RewardDue: lambda event: CollectReward(event.epoch),
}
"""The one action with which an honest host answers an event of each kind."""


@strategies.register("honest")
@dataclass(frozen=True)
class Honest:
    """Claims every valid nonce it found and votes by the fraud test."""

    events: ClassVar = tuple(ANSWERS)

    def start(self, identity: Identity) -> None:
        """No memory."""

    def react(self, memory: None, event: Event, generator: np.random.Generator) -> Answer:
        """Answer as the software does."""
        return None, (ANSWERS[type(event)](event),)
