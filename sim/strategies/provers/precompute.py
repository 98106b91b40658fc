"""The host that computes before the stage, under a block hash that it guesses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from sim.strategies import strategies
from sim.strategies.actions import ClaimResults, Compute
from sim.strategies.base import Answer, Identity, View
from sim.strategies.events import BlockApplied, GenerationOpened, ResultsFound
from sim.strategies.provers.ingredients import Book, hold_results, join_parts

Books = Mapping[str, tuple[int, Book]]
"""Host -> epoch for which it has begun early, and its results until the stage shows what they are worth"""


@strategies.register("precompute")
@dataclass(frozen=True)
class Precompute:
    """Lets its ML nodes compute in the last blocks before P under a guessed hash; a right guess it claims in the stage.

    A wrong one is thrown away: under another hash its nonces are as rare as any. Weight grows by early work with the
    chance of a right guess, 2^-256 for an honest hash; per real work it never does. Reference: protocol 3.5
    """

    guess: Annotated[
        str,
        Field(
            pattern="^[0-9A-F]{64}$",
            description="hash of a block P that it guesses, as the frame `blocks` has them",
            examples=["0123456789ABCDEF" * 4],
        ),
    ]
    lead: Annotated[int, Field(ge=1, le=1_000_000, description="blocks before P at which it begins")] = 10
    needs: ClassVar = "the hash of a block that does not exist yet"
    events: ClassVar = (BlockApplied, ResultsFound, GenerationOpened)

    def start(self, identity: Identity) -> Books:
        """Nothing is computed."""
        return {}

    def react(
        self, memory: Books, event: BlockApplied | ResultsFound | GenerationOpened, generator: np.random.Generator
    ) -> Answer:
        """Begin early, hold what is found early, and claim it where the hash is the guessed one."""
        view, episode = event.view, event.view.state.running
        begun, book = memory.get(view.address, (0, Book()))
        match event:
            case BlockApplied():
                schedule = view.state.schedule
                if episode or begun > schedule.index or view.height != schedule.next_start - self.lead:
                    return memory, ()
                return {**memory, view.address: (schedule.index + 1, Book())}, self._compute(view, self.guess)
            case ResultsFound():
                if not event.is_early:
                    return memory, None
                if episode is not None:  # a callback that came late
                    return memory, None if episode.block_hash == self.guess else ()
                return {**memory, view.address: (begun, hold_results(book, event, margin=0.0))}, ()
        rest = {**memory, view.address: (begun, Book())}
        if episode is None or episode.block_hash != self.guess:
            return rest, None
        early = join_parts(book.held, by_node=True) if book.threshold == view.state.threshold else ()
        claims = (ClaimResults(part.node_id, part.nonces, part.values) for part in early)
        return rest, (*self._compute(view, None, event.node_ids), *claims)

    def _compute(self, view: View, guess: str | None, node_ids: tuple[int, ...] | None = None) -> tuple[Compute, ...]:
        """Let each ML node try nonces that no other node tries, nor itself before or in the stage."""
        numbers = [node.node_id for node in view.ml_nodes]
        n, shift = max(numbers), max(numbers) if guess else 0
        return tuple(
            Compute((number,), place=(number + shift, 2 * n), block_hash=guess)
            for number in (numbers if node_ids is None else node_ids)
        )
