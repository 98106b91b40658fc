"""The proposer that reorders: its own messages first, those of its rivals last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from sim.problems import Problem
from sim.strategies import strategies
from sim.strategies.actions import Propose
from sim.strategies.base import Answer, Identity, Surroundings
from sim.strategies.events import ProposalDue

Places = tuple[frozenset[str], frozenset[str]]
"""Addresses of the own hosts and of rivals"""


@strategies.register("reorder")
@dataclass(frozen=True)
class Reorder:
    """Puts messages of its operator's hosts first into its blocks, and those of rivals last.

    While blocks have room for all, an order changes nothing; in a full one the last wait for the next proposer.
    CometBFT leaves the order to the proposer. Reference: protocol 1.3 (room of a block), 4.5
    """

    rivals: Annotated[
        tuple[str, ...], Field(description="whose messages come last: hosts, host groups or operators, by their names")
    ] = ()
    needs: ClassVar = "turns to propose, by consensus power, and full blocks"
    events: ClassVar = (ProposalDue,)

    def start(self, identity: Identity) -> Places:
        """Remember who comes first and who last."""
        return frozenset(identity.addresses), identity.resolve(self.rivals)

    def react(self, memory: Places, event: ProposalDue, generator: np.random.Generator) -> Answer:
        """Sort what is pending; equals keep the order of arrival."""
        own, rivals = memory
        pending = event.view.list_pending()
        ordered = sorted(pending, key=lambda each: (each.creator not in own, each.creator in rivals))
        return memory, (Propose(tuple(each.tx_id for each in ordered)),)

    def find_problems(self, surroundings: Surroundings) -> Iterable[Problem]:
        """Yield rivals that the scenario has not."""
        return surroundings.find_strangers("rivals", self.rivals)
