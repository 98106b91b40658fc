"""The grammar of attacks: ingredients of cheating to mix, for a search that looks for the mix that pays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from sim.problems import Problem
from sim.protocol.switches import Rules
from sim.strategies import strategies
from sim.strategies.actions import Compute
from sim.strategies.base import Answer, Identity, Surroundings
from sim.strategies.cheating import find_excess_layers
from sim.strategies.events import (
    ChecksDone,
    ClaimsKnown,
    EpochOpened,
    GenerationEnded,
    GenerationOpened,
    ResultsFound,
)
from sim.strategies.provers.ingredients import (
    Book,
    Place,
    Recipe,
    Samplers,
    Votes,
    When,
    hold_results,
    is_time,
    list_claims,
    vote_by,
)

Books = Mapping[str, Book]
"""Host -> its results in the proof of compute that runs."""
BY_DEFAULT = Book()


@strategies.register("mixed")
@dataclass(frozen=True)
class Mixed:
    """Mixes ingredients of cheating, each honest by default, and none with an effect while `when` is never.

    A known cheat takes at least two of them: invented nonces take a time; at places that no sample hits they take a
    claim that is held back as well. `powsim search` looks for the mix that pays under a version's rules
    (scenarios/attacks). Reference: protocol 4.2 (samples known from P on), 4.4 (power), kernel 7 (layers)
    """

    when: Annotated[When, Field(description="epochs in which it cheats: every second one, from the third on")] = "never"
    layers: Annotated[
        int | None, Field(ge=0, le=1000, description="layers of the model that it computes; null: all")
    ] = None
    margin: Annotated[
        float, Field(ge=0.0, le=2.0, description="distance within the threshold that a claimed nonce must keep")
    ] = 0.0
    copies: Annotated[int, Field(ge=1, le=1000, description="times that it lists each nonce that it computed")] = 1
    invented: Annotated[
        float, Field(ge=0.0, le=1e4, description="nonces that it invents, per listed nonce that it computed")
    ] = 0.0
    place: Annotated[Place, Field(description="places of a claim at which its invented nonces stand")] = "last"
    samplers: Annotated[
        Samplers, Field(description="validators of whose samples `unsampled` keeps clear: heaviest first")
    ] = "all"
    claims: Annotated[
        Literal["at_once", "at_end"], Field(description="every 5 s, or all in one after generation has ended")
    ] = "at_once"
    votes: Annotated[
        Votes, Field(description="by the test; valid on its own claim, or on all; invalid on all others")
    ] = "test"
    seed: Annotated[Literal["commits", "withholds"], Field(description="whether it commits to a seed")] = "commits"
    events: ClassVar = (EpochOpened, GenerationOpened, ResultsFound, GenerationEnded, ClaimsKnown, ChecksDone)
    needs: ClassVar[str] = "for places that no sample hits: the validators' keys, public on chain"

    def doubt(self, rules: Rules) -> str:
        """Say which ingredient these rules leave without effect."""
        if self.place == "unsampled" and (rules.proof.claims_by_model or rules.samples_by_newest_hash):
            return "samples are drawn from a block that comes after the claims: no place is known to be unsampled"
        if rules.proof.claims_by_model and (self.margin or self.copies > 1):
            return "every computed nonce counts, and once: neither `margin` nor `copies` changes a claim"
        return ""

    def find_problems(self, surroundings: Surroundings) -> Iterator[Problem]:
        """Refuse layers that the model does not have."""
        return find_excess_layers(self.layers, surroundings)

    def start(self, identity: Identity) -> Books:
        """No host has a result yet."""
        return {}

    def react(self, memory: Books, event: Any, generator: np.random.Generator) -> Answer:
        """Act as the software does where it is not the time to cheat."""
        if not is_time(self.when, event.epoch):
            return memory, None
        match event:
            case EpochOpened():
                return memory, () if self.seed == "withholds" and not event.is_away else None
            case GenerationOpened():
                return {**memory, event.view.address: BY_DEFAULT}, (Compute(n_layers=self.layers),)
            case ResultsFound() | GenerationEnded():
                return self._claim(memory, event, generator)
        vote = vote_by(self.votes, event)
        return memory, None if vote is None else (vote,)

    def _claim(self, memory: Books, event: ResultsFound | GenerationEnded, generator: np.random.Generator) -> Answer:
        """Claim what has been found now, or all of it at the end."""
        who = event.view.address
        book, is_result = memory.get(who, BY_DEFAULT), isinstance(event, ResultsFound)
        if isinstance(event, ResultsFound):
            book = hold_results(book, event, self.margin)
        if is_result == (self.claims == "at_end"):
            return {**memory, who: book}, () if is_result else None
        recipe = Recipe(self.copies, self.invented, self.place, self.samplers)
        book, claims = list_claims(book, event.epoch, event.view, recipe, generator)
        return {**memory, who: book}, claims
