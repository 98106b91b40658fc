"""A tree of plain values (mappings, lists, scalars) that knows where each of its parts was written."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from sim.errors import Mistake, ScenarioError
from sim.problems import Loc, Problem


class Place(NamedTuple):
    """Where something was written; line and column count from 1, None for a value from the command line.

    A tuple: a large file has tens of thousands, and a frozen dataclass takes three times as long to make.
    """

    source: str
    line: int | None = None
    column: int | None = None
    path: str | None = None
    """The key in the file, where it is not the key of the tree that it became."""

    def mistake(self, message: str, path: Loc = ()) -> Mistake:
        """Return a mistake at this place."""
        called = ".".join(str(part) for part in path) if self.path is None else self.path
        return Mistake(self.source, self.line, self.column, called, message)


@dataclass
class Document:
    """One scenario as read: its tree, and the mistakes that do not keep the rest from being checked."""

    tree: Any
    places: dict[Loc, Place]
    """Of each key, and of each item of a list; () is the whole."""
    mistakes: list[Mistake] = field(default_factory=list)

    def replace(self, loc: Loc, value: object, place: Place) -> None:
        """Put a value at a place whose parent exists; everything in it was written at `place`."""
        if not loc:
            self.tree = value
        else:
            parent = self.tree
            for part in loc[:-1]:
                parent = parent[part]
            parent[loc[-1]] = value
        self.places = {known: found for known, found in self.places.items() if known[: len(loc)] != loc}
        self.places[loc] = place

    def find_place(self, loc: Loc) -> Place:
        """Return where a part of the tree, or the nearest part around it that was written, stands."""
        while loc not in self.places:
            loc = loc[:-1]
        return self.places[loc]

    def locate(self, problem: Problem) -> Mistake:
        """Return the mistake at the nearest part of the tree that was written."""
        return self.find_place(problem.loc).mistake(problem.message, problem.loc)

    def refuse(self, problems: Iterable[Problem]) -> ScenarioError:
        """Return the error that tells these problems and the mistakes so far."""
        return ScenarioError([*self.mistakes, *map(self.locate, problems)])


def dump_tree(tree: Mapping[str, Any]) -> str:
    """Return the tree as YAML in its own order; the same tree is the same text."""
    yaml: Any = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False
    yaml.width = 120
    text = io.StringIO()
    yaml.dump(dict(tree), text)
    return text.getvalue()
