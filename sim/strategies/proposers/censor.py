"""The proposer that censors: its blocks leave out messages of some hosts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from sim.problems import Problem
from sim.protocol.consensus.transactions import ClaimReward, SubmitSeed, SubmitValidation, Transaction
from sim.strategies import strategies
from sim.strategies.actions import Propose
from sim.strategies.base import Answer, Identity, Surroundings
from sim.strategies.events import ProposalDue

Victims = frozenset[str]
"""Addresses"""
Subject = Literal["seeds", "claims", "votes", "rewards"]
KINDS: dict[str, tuple[type, ...]] = {
    "seeds": (SubmitSeed,),
    "votes": (SubmitValidation,),
    "rewards": (ClaimReward,),
}
"""Classes of messages about a subject; those of claims are the proof scheme's."""


@strategies.register("censor")
@dataclass(frozen=True)
class Censor:
    """Leaves messages of its victims out of every block that it proposes, and proposes the rest in order of arrival.

    A share q of all messages waits, for the next proposer. Turns are spread evenly by power, so that one host with at
    most half of it never has two blocks in a row; drawn by chance they would be n with q^n. What misses its window is
    lost: batches after the exchange, votes and seeds after VE. Reference: protocol 1.1, 2.2
    """

    victims: Annotated[
        tuple[str, ...],
        Field(
            min_length=1,
            description="whose messages are left out: hosts, host groups or operators, by their names",
            examples=[["other"]],
        ),
    ]
    subjects: Annotated[
        tuple[Subject, ...], Field(min_length=1, description="what is left out: seeds, claims, votes, rewards")
    ] = ("seeds", "claims", "votes")
    needs: ClassVar = "turns to propose, by consensus power"
    events: ClassVar = (ProposalDue,)

    def start(self, identity: Identity) -> Victims:
        """Remember the victims."""
        return identity.resolve(self.victims)

    def react(self, memory: Victims, event: ProposalDue, generator: np.random.Generator) -> Answer:
        """Propose what is left, or as the software does where nothing is left out."""
        view = event.view
        proof = view.params.rules_at(view.state.schedule.index).proof
        kinds = tuple(kind for subject in self.subjects for kind in KINDS.get(subject, proof.messages))
        pending = view.list_pending()
        left = tuple(each.tx_id for each in pending if not _is_about(each, memory, kinds))
        return memory, (Propose(left if len(left) < len(pending) else None),)

    def find_problems(self, surroundings: Surroundings) -> Iterable[Problem]:
        """Yield victims that the scenario has not."""
        return surroundings.find_strangers("victims", self.victims)


def _is_about(transaction: Transaction, victims: Victims, kinds: tuple[type, ...]) -> bool:
    return transaction.creator in victims and isinstance(transaction, kinds)
