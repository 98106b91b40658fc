"""The validator that sells its votes: the claims of its clients are valid, whatever the test says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from sim.problems import Problem
from sim.protocol.proofs.claimed import split_claim
from sim.strategies import strategies
from sim.strategies.actions import Vote
from sim.strategies.base import Answer, Identity, Surroundings
from sim.strategies.events import ChecksDone

Clients = frozenset[str]
"""Addresses"""


@strategies.register("sell_votes")
@dataclass(frozen=True)
class SellVotes:
    """Votes valid on the claims of its clients, and by the test on all others.

    A buyer with a fake needs more than half of the weight, its own votes among it; what it pays is not on chain.
    Reference: protocol 4.6 (a coalition of more than half admits anybody)
    """

    clients: Annotated[
        tuple[str, ...],
        Field(
            min_length=1, description="who pays: hosts, host groups or operators, by their names", examples=[["other"]]
        ),
    ]
    needs: ClassVar = "clients that pay, and their addresses"
    events: ClassVar = (ChecksDone,)

    def start(self, identity: Identity) -> Clients:
        """Remember who pays."""
        return identity.resolve(self.clients)

    def react(self, memory: Clients, event: ChecksDone, generator: np.random.Generator) -> Answer:
        """Let clients pass."""
        pays = np.array([split_claim(name)[0] in memory for name in event.participants], np.bool_)
        return memory, (Vote(event.participants, event.frauds & ~pays),)

    def find_problems(self, surroundings: Surroundings) -> Iterable[Problem]:
        """Yield clients that the scenario has not."""
        return surroundings.find_strangers("clients", self.clients)
