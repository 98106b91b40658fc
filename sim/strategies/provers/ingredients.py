"""Ingredients of cheating that `mixed` combines: when to cheat, whose samples to avoid, what to list, how to vote."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sim.protocol.proofs.claimed import split_claim
from sim.protocol.proofs.placing import find_sampled, place_computed
from sim.strategies.actions import ClaimResults, Vote
from sim.strategies.base import View
from sim.strategies.cheating import invent, spare_self
from sim.strategies.events import ChecksDone, ClaimsKnown, ResultsFound

When = Literal["never", "always", "alternate", "later"]
Place = Literal["last", "first", "anywhere", "unsampled"]
Samplers = Literal["heaviest", "majority", "all"]
Votes = Literal["test", "own", "all", "against"]
SECOND, THIRD = 2, 3


@dataclass(frozen=True)
class Recipe:
    """What a host lists beside the nonces that it computed, and where."""

    copies: int
    invented: float
    place: Place
    samplers: Samplers


@dataclass(frozen=True, eq=False)
class Part:
    """Results of one ML node that may be claimed."""

    node_id: int
    nonces: NDArray[np.int64]
    values: NDArray[Any]


@dataclass(frozen=True, eq=False)
class Book:
    """One host's results in the proof of compute that runs."""

    held: tuple[Part, ...] = ()
    """Not claimed yet."""
    threshold: float = 0.0
    n_listed: int = 0
    """Computed nonces that were claimed, copies included."""
    n_invented: int = 0


def is_time(when: When, epoch: int) -> bool:
    """Tell whether a host cheats in the proof of compute of this epoch."""
    match when:
        case "alternate":
            return epoch % SECOND == 0
        case "later":
            return epoch >= THIRD
    return when == "always"


def hold_results(book: Book, event: ResultsFound, margin: float) -> Book:
    """Add results to a book; where an error of theirs could contradict them, those alone that keep the margin."""
    is_sure = event.view.params.rules_at(event.epoch).proof.find_sure(event.values, event.threshold, margin)
    part = Part(event.node_id, event.nonces[is_sure], event.values[is_sure])
    return replace(book, held=(*book.held, part), threshold=event.threshold)


def list_claims(
    book: Book, epoch: int, view: View, recipe: Recipe, generator: np.random.Generator
) -> tuple[Book, tuple[ClaimResults, ...]]:
    """Return the book without what it holds, and the claims of that: one for each ML node, or one for all."""
    claims = []
    for part in join_parts(book.held, by_node=view.params.rules_at(epoch).proof.claims_by_model):
        book, claim = _list_claim(book, part, epoch, view, recipe, generator)
        claims.append(claim)
    return replace(book, held=()), tuple(claims)


def join_parts(parts: tuple[Part, ...], *, by_node: bool) -> Iterator[Part]:
    """Join results: those of one ML node, or those of all under the first, for one list whose order is the host's."""
    for node_id in sorted({part.node_id for part in parts}):
        own = [part for part in parts if part.node_id == node_id or not by_node]
        yield Part(node_id, *(np.concatenate([getattr(part, name) for part in own]) for name in ("nonces", "values")))
        if not by_node:
            return


def _list_claim(
    book: Book, part: Part, epoch: int, view: View, recipe: Recipe, generator: np.random.Generator
) -> tuple[Book, ClaimResults]:
    """Add as many invented nonces as the running total of listed ones allows, rounded down; put all at their places."""
    by_model = view.params.rules_at(epoch).proof.claims_by_model
    copies = 1 if by_model else recipe.copies  # a tree of answers has one leaf a nonce
    n_computed = copies * len(part.nonces)
    n_invented = math.floor(recipe.invented * (book.n_listed + n_computed)) - book.n_invented
    nonces, values = invent(view, epoch, part.node_id, book.n_invented, n_invented, part.values, generator)
    order = place_computed(n_computed, _choose_places(n_computed, n_invented, view, epoch, recipe, generator))
    claim = ClaimResults(
        part.node_id,
        np.concatenate([*[part.nonces] * copies, nonces])[order],
        np.concatenate([*[part.values] * copies, values])[order],
    )
    book = replace(book, n_listed=book.n_listed + n_computed, n_invented=book.n_invented + n_invented)
    return book, claim


def _choose_places(
    n_computed: int, n_invented: int, view: View, epoch: int, recipe: Recipe, generator: np.random.Generator
) -> NDArray[np.bool_]:
    """Return which places of a claim computed nonces should fill, (n_computed + n_invented,)."""
    n_total = n_computed + n_invented
    match recipe.place:
        case "first":
            return np.arange(n_total) >= n_invented
        case "anywhere":
            return generator.permutation(n_total) >= n_invented
        case "unsampled" if view.state.running is not None:
            return find_sampled(n_total, view.params.validation_sample_size, list_seeds(view, epoch, recipe.samplers))
    return np.arange(n_total) < n_computed


def list_seeds(view: View, epoch: int, samplers: Samplers) -> Iterator[int]:
    """Yield the seeds of some validators' samples, if those are known by now; otherwise numbers that are none."""
    state, proof = view.state, view.params.rules_at(epoch).proof
    assert state.running is not None, "places are chosen while a proof of compute runs"
    for who in choose_validators(view, samplers):
        if who in state.hosts:
            yield proof.compute_sampling_seed(state.hosts[who].validator_key, state.running.block_hash, state.running)


def choose_validators(view: View, samplers: Samplers) -> list[str]:
    """Return other members whose votes count: the heaviest, the fewest with a majority of all weight, or all."""
    weights = view.state.effective.trusted
    others = sorted((who for who in weights if who != view.address), key=lambda who: (-weights[who], who))
    if samplers == "heaviest":
        return others[:1]
    if samplers == "all":
        return others
    passed = np.cumsum([weights[who] for who in others]) > sum(weights.values()) / 2
    return others[: int(passed.argmax()) + 1] if passed.any() else others


def vote_by(votes: Votes, event: ClaimsKnown | ChecksDone) -> Vote | None:
    """Return a vote that does not follow the test, at once where it needs no check; None: vote as the software does."""
    names = event.participants
    if isinstance(event, ClaimsKnown):
        if votes in ("test", "own"):
            return None
        names = tuple(names[place] for place in event.duties.tolist())
    is_other = np.array([split_claim(name)[0] != event.view.address for name in names], np.bool_)
    match votes:
        case "own" if isinstance(event, ChecksDone):
            return spare_self(event)
        case "all":
            return Vote(names, np.zeros(len(names), np.bool_))
        case "against":
            return Vote(names, is_other)
    return None
