"""Colluders: hosts of one operator that vote for their own, and, once they are heavy enough, against everybody else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from sim.problems import Problem
from sim.protocol.proofs.claimed import split_claim
from sim.strategies import strategies
from sim.strategies.actions import Check, Vote
from sim.strategies.base import Answer, Identity, Surroundings, View
from sim.strategies.events import ChecksDone, ClaimsKnown

Members = frozenset[str]
"""Addresses"""


@strategies.register("colluders")
@dataclass(frozen=True)
class Colluders:
    """Votes valid on all hosts of its operator; against all others while it has more than a share of the weight.

    Below that share it tests the others' claims as an honest host does. Reference: protocol 4.6 (more than half of the
    previous weight can admit or expel anybody)
    """

    expels_above: Annotated[
        float, Field(ge=0.0, le=1.0, description="share of all weight above which it votes against everybody else")
    ] = 0.5
    needs: ClassVar = "hosts with one operator, and together much of the weight"
    events: ClassVar = (ClaimsKnown, ChecksDone)

    def start(self, identity: Identity) -> Members:
        """Remember who belongs to it."""
        return frozenset(identity.addresses)

    def react(self, memory: Members, event: ClaimsKnown | ChecksDone, generator: np.random.Generator) -> Answer:
        """Vote at once on what needs no check, and check the rest."""
        is_strong = compute_share(event.view, memory) > self.expels_above
        if isinstance(event, ChecksDone):
            is_own = _find_own(event.participants, memory)
            return memory, (Vote(event.participants, (event.frauds | is_strong) & ~is_own),)
        names = [event.participants[place] for place in generator.permutation(event.duties).tolist()]
        is_own = _find_own(names, memory)
        known = tuple(name for name, own in zip(names, is_own.tolist(), strict=True) if own or is_strong)
        rest = tuple(name for name in names if name not in known) if len(known) < len(names) else ()
        votes = (Vote(known, ~_find_own(known, memory)),) if known else ()
        return memory, (*votes, Check(rest))

    def find_problems(self, surroundings: Surroundings) -> Iterator[Problem]:
        """A coalition of everybody has nobody to vote against, and no claim that another would refuse."""
        if surroundings.everybody <= frozenset(surroundings.own):
            yield Problem((), "the coalition is everybody: leave at least one host to others")


def compute_share(view: View, members: Members) -> float:
    """Return the members' share of the weight that votes in the effective epoch."""
    weights = view.state.effective.trusted
    return sum(weights.get(who, 0) for who in members) / max(1, sum(weights.values()))


def _find_own(names: tuple[str, ...] | list[str], members: Members) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.array([split_claim(name)[0] in members for name in names], np.bool_)
