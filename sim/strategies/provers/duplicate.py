"""The host that claims its nonces more than once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle, islice
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from sim.protocol.switches import Rules
from sim.strategies import strategies
from sim.strategies.actions import ClaimResults
from sim.strategies.base import Answer, Identity
from sim.strategies.events import ResultsFound


@strategies.register("duplicate")
@dataclass(frozen=True)
class Duplicate:
    """Claims a `share` of its nonces again, `copies` times: in the same batch, in other ones, or for other ML nodes.

    Every copy is valid, so that no recomputing finds it; only counting does. Validators of `answers` refuse a claim of
    which their sample holds a nonce twice. Fate: each copy is weight in v0.2.0; in v0.2.6 it is not; in v0.2.13 it is,
    and many copies are voted invalid; in v0.2.16 there are none. Reference: protocol 5.1, 9 (#352), network 2.5.4
    """

    within: Annotated[
        Literal["batch", "batches", "nodes"],
        Field(description="copies stand in the same batch, in batches of their own, or in batches of other ML nodes"),
    ] = "batch"
    copies: Annotated[int, Field(ge=1, le=100, description="copies of each nonce, besides itself")] = 1
    share: Annotated[float, Field(gt=0.0, le=1.0, description="share of the nonces that are copied")] = 1.0
    needs: ClassVar = "nothing"
    events: ClassVar = (ResultsFound,)

    def doubt(self, rules: Rules) -> str:
        """Copies are worth something only where the chain counts them."""
        if rules.counts_duplicates:
            return ""
        is_tree = rules.proof.claims_by_model
        return "the tree of answers has one leaf for a nonce" if is_tree else "the chain counts a nonce once"

    def start(self, identity: Identity) -> None:
        """No memory."""

    def react(self, memory: None, event: ResultsFound, generator: np.random.Generator) -> Answer:
        """Claim honestly, and again."""
        rules = event.view.params.rules_at(event.epoch)
        if rules.proof.claims_by_model and (not rules.counts_duplicates or event.values.ndim > 1):
            return (
                None,
                None,
            )  # the tree takes a nonce once; where answers are vectors there is such a tree in any version
        again = generator.random(len(event.nonces)) < self.share
        nonces, values = event.nonces[again], event.values[again]
        if self.within == "batch":
            all_nonces = np.concatenate([event.nonces, *[nonces] * self.copies])
            return None, (
                ClaimResults(event.node_id, all_nonces, np.concatenate([event.values, *[values] * self.copies])),
            )
        numbers = [event.node_id] * self.copies if self.within == "batches" else self._list_others(event)
        copies = (ClaimResults(number, nonces, values) for number in numbers)
        return None, (ClaimResults(event.node_id, event.nonces, event.values), *copies)

    def _list_others(self, event: ResultsFound) -> list[int]:
        """Return as many other ML nodes as there are copies, in turn; a host with one pretends to have a second."""
        numbers = [node.node_id for node in event.view.ml_nodes if node.node_id != event.node_id]
        return list(islice(cycle(numbers or [event.node_id + 1]), self.copies))
