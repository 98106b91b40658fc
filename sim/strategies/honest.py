"""The honest host: the behaviour of the network's own software. It stands here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

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
)


@strategies.register("honest")
@dataclass(frozen=True)
class Honest:
    """Claims every valid nonce it found and votes by the fraud test."""

    events: ClassVar = (
        EpochOpened,
        GenerationOpened,
        ResultsFound,
        ClaimsKnown,
        ChecksDone,
        ProposalDue,
        RewardDue,
    )

    def start(self, identity: Identity) -> None:
        """No memory."""

    def react(self, memory: None, event: Event, generator: np.random.Generator) -> Answer:
        """Answer as the software does."""
        return None, (answer_honestly(event),)


def answer_honestly(event: Event) -> Action:
    """Return the one action with which an honest host answers an event."""
    match event:
        case ResultsFound():
            return ClaimResults(event.node_id, tuple(event.nonces.tolist()), tuple(event.values.tolist()))
        case EpochOpened():
            return Join() if event.is_away else CommitSeed(event.epoch)
        case GenerationOpened():
            return Compute()
        case ClaimsKnown():
            return Check()
        case ChecksDone():
            return Vote(event.participants, event.frauds)
        case ProposalDue():
            return Propose()
        case RewardDue():
            return CollectReward(event.epoch)
    raise TypeError(f"an honest host has no answer to {type(event).__name__}")
