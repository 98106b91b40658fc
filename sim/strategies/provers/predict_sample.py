"""The host that knows what validators will look at: it puts what it computed there, and invents the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from sim.protocol.proofs.placing import find_room
from sim.protocol.switches import Rules
from sim.strategies import strategies
from sim.strategies.base import Answer, Identity
from sim.strategies.events import ChecksDone, GenerationEnded, GenerationOpened, ResultsFound
from sim.strategies.provers.ingredients import Book, Recipe, hold_results, list_claims, list_seeds, vote_by

Books = Mapping[str, Book]
"""Host -> its results in the proof of compute that runs."""


@strategies.register("predict_sample")
@dataclass(frozen=True)
class PredictSample:
    """Claims once, when generation has ended: nonces that it invented stand where no validator's sample hits.

    Samples follow from validators' keys, from block P and from the length of the claim. The more validators there are,
    the more of a claim they hit together, and the less can be invented. It votes for itself. Reference: protocol 4.2
    """

    excess: Annotated[
        float, Field(gt=0.0, le=1e4, description="nonces that it invents at most, per valid one found", examples=[1.0])
    ]
    needs: ClassVar = "the keys of all validators, public on chain; a window for claims after the end of generation"
    events: ClassVar = (GenerationOpened, ResultsFound, GenerationEnded, ChecksDone)

    def doubt(self, rules: Rules) -> str:
        """Say under which rules nobody can know a sample before the claim."""
        if rules.proof.claims_by_model or rules.samples_by_newest_hash:
            return "samples are drawn from a block that comes after the claims: it claims as an honest host does"
        return ""

    def start(self, identity: Identity) -> Books:
        """No host has a result yet."""
        return {}

    def react(self, memory: Books, event: Any, generator: np.random.Generator) -> Answer:
        """Hold all results back, then list them in the order that no sample contradicts."""
        who, rest = event.view.address, {host: book for host, book in memory.items() if host != event.view.address}
        if self.doubt(event.view.params.rules_at(event.epoch)):
            return rest, None
        match event:
            case GenerationOpened():
                return rest, None
            case ResultsFound():
                return {**memory, who: hold_results(memory.get(who, Book()), event, margin=0.0)}, ()
            case ChecksDone():
                vote = vote_by("own", event)
                return memory, None if vote is None else (vote,)
        book = memory.get(who, Book())
        n_found = sum(len(part.nonces) for part in book.held)
        if not n_found or event.view.state.running is None:
            return rest, None
        seeds = tuple(list_seeds(event.view, event.epoch, "all"))
        n_most = math.floor((1.0 + self.excess) * n_found)
        n_claimed = find_room(n_found, n_most, event.view.params.validation_sample_size, seeds)
        recipe = Recipe(1, (n_claimed - n_found + 0.5) / n_found, "unsampled", "all")  # rounded down to whole ones
        return rest, list_claims(book, event.epoch, event.view, recipe, generator)[1]
