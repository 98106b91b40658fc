"""The operator with many names: the cap on one host's weight does not see who owns it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sim.problems import Problem
from sim.strategies import strategies
from sim.strategies.base import Answer, Identity, Surroundings, View
from sim.strategies.events import BlockApplied, GenerationOpened, ResultsFound
from sim.strategies.provers.pooling import Pool, claim_parcels, lend_nodes, number_nodes, send_parcel


@strategies.register("sybil")
@dataclass(frozen=True)
class Sybil:
    """Spreads the ML nodes of all hosts of an operator over their keys in turn, wherever the hardware stands.

    One farm and some hosts with next to nothing weigh like hosts of equal size, each below the cap on one participant's
    weight. Nothing else is dishonest. Reference: protocol 5.3 (power cap), 9 (#1519), network 2.9.6
    """

    needs: ClassVar = "several hosts of one operator, each with an address and a key"
    events: ClassVar = (GenerationOpened, ResultsFound, BlockApplied)

    def start(self, identity: Identity) -> Pool:
        """Know all names."""
        return Pool(identity.addresses, {})

    def find_problems(self, surroundings: Surroundings) -> Iterator[Problem]:
        """An operator of one host has nobody to share with."""
        if len(surroundings.own) == 1:
            yield Problem((), "one host is one name: give its operator more hosts")

    def react(
        self, memory: Pool, event: GenerationOpened | ResultsFound | BlockApplied, generator: np.random.Generator
    ) -> Answer:
        """Give each ML node a key, pass its results on to that host, claim what has come."""
        view, owners = event.view, find_owners(event.view, memory.addresses)
        match event:
            case BlockApplied():
                return claim_parcels(memory, view)
            case GenerationOpened():
                wanted = {number: owners[number] for number in event.node_ids if number in owners}
                return memory, lend_nodes(view, memory.addresses, wanted)
        owner = owners.get(event.node_id, view.address)
        return (memory, None) if owner == view.address else (send_parcel(memory, owner, event), ())


def find_owners(view: View, addresses: tuple[str, ...]) -> dict[int, str]:
    """Return the address for which each registered ML node of a host computes: those on the chain, in turn."""
    known = [address for address in addresses if address in view.state.hosts]
    places = number_nodes(view, addresses)
    return {number: known[(place - 1) % len(known)] for number, place in places.items()} if known else {}
