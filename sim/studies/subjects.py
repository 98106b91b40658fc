"""Subjects of a search: a lab or a scenario, of which any key may take another value.

A subject builds variants and runs them: races of a lab on every curve, or replications of a scenario. It returns
scores, a value per replication of every measure.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from sim.documents.document import Document
from sim.economy.base import Floats
from sim.errors import Mistake
from sim.files.lock import Claim
from sim.metrics.measures import Measure
from sim.registry import KIND
from sim.scenario.overrides import apply_value
from sim.streams import draw_generator

SEED_BITS = 63
SEARCH, CHOICE, CHECK = "search", "choice", "check"  # purposes of runs, each with random numbers of its own
Report = Callable[[str], None]


@dataclass(frozen=True)
class Scores:
    """Of each curve (a scenario has one nameless curve), its measures: a value per replication, NaN where it has none.

    `error` says why there are none: the variant does not exist, or some of its runs failed.
    """

    curves: Sequence[Mapping[str, Floats]] = field(default_factory=tuple)
    error: str = ""
    ends: Mapping[str, int] = field(default_factory=dict)
    """How many runs finished, halted and failed; empty where a subject has no runs that could."""


@dataclass(frozen=True)
class WinnerFile:
    """What a search leaves to paste or to run."""

    name: str
    text: str
    refusal: str = ""
    """Why it is not the block for a scenario that was asked for."""


Evaluate = Callable[[Sequence[Any], str, Report], Iterator[Scores]]
"""(variants, purpose of their runs, callback after each of them) -> scores, in the same order."""


class Subject(Protocol):
    """A lab or a scenario that a search varies."""

    noun: str
    """The word for one replication: race, run."""
    title: str
    """Its name in tables."""
    document: Document
    """The file's tree, unvaried."""
    weights: Mapping[str, float]
    """Weight of each curve, by name, in means over curves."""
    n_replications: int
    seed: int
    warnings: tuple[Mistake, ...] = ()
    """Settings that are valid and perhaps not meant, each at its place."""

    @property
    def measures(self) -> Mapping[str, Measure]:
        """All that may be measured."""

    @abstractmethod
    def build(self, document: Document) -> Any:
        """Return the variant that a document describes, ready for another process; raises ScenarioError."""

    @abstractmethod
    def resolve(self, variant: Any) -> Any:
        """Return the variant's tree with all defaults, as a file would hold it."""

    @abstractmethod
    def find_measures(self, variant: Any) -> Sequence[Collection[str]]:
        """Return the measures of each curve."""

    @abstractmethod
    def count_steps(self, n_variants: int) -> int:
        """Return how often `evaluate` reports for so many variants."""

    @abstractmethod
    def check_workers(self, variants: Sequence[Any], n_workers: int) -> None:
        """Raise UserError where processes, as many as `open` gets, would not know a plug-in of a variant."""

    @abstractmethod
    def open(self, claim: Claim, n_workers: int) -> AbstractContextManager[Evaluate]:
        """Give the function that runs variants, on as many processes (0: this one); scores do not depend on them.

        What was finished is kept in the claimed folder.
        """

    @abstractmethod
    def write_winner(self, name: str, document: Document) -> WinnerFile:
        """Return a file to paste or run: the document that won."""


def derive_seed(seed: int, stream: str, purpose: str) -> int:
    """Return the seed of runs: a search meets the random numbers of a lab or sweep, every other purpose has its own."""
    return seed if purpose == SEARCH else int(draw_generator(seed, stream, purpose).integers(2**SEED_BITS))


def open_bare_names(document: Document, path: str) -> None:
    """Write a plug-in on the way to a parameter that stands there by its bare name (`asert`) as `{kind: asert}`."""
    parts = path.split(".")
    for length in range(1, len(parts)):
        place = ".".join(parts[:length])
        if isinstance(name := look_up(document.tree, place), str):
            loc = tuple(int(part) if part.isascii() and part.isdigit() else part for part in parts[:length])
            apply_value(document, place, {KIND: name}, document.find_place(loc))


def look_up(tree: Any, path: str) -> Any:
    """Return the value at a dotted path, whose parts are keys, positions or names of items; None without one."""
    for part in path.split("."):
        if isinstance(tree, Mapping):
            tree = tree.get(part)
        elif isinstance(tree, list):
            named = (each for each in tree if isinstance(each, Mapping) and each.get("name") == part)
            is_position = part.isascii() and part.isdigit() and int(part) < len(tree)
            tree = tree[int(part)] if is_position else next(named, None)
        else:
            return None
    return tree
