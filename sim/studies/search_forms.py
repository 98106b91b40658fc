"""The forms of a search file: a lab or scenario, and the section of the search, each with its places.

A search is a lab or a scenario with a section `search:`, or a file with `lab: FILE` or `scenario: FILE` and `search:`.
A tune file is the short form for the controller of a lab: the section's keys stand beside the lab's own, `controller`
in place of `controllers`, and parameters are named without the controller's path.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sim.documents.document import Document, Place, dump_tree
from sim.errors import Mistake, ScenarioError, did_you_mean
from sim.problems import Loc, Problem, show_value
from sim.race.files import RaceConfig, move_paths
from sim.scenario.load import open_document
from sim.scenario.overrides import Overrides, apply_overrides, apply_value
from sim.studies.search_schema import SearchConfig, Section, TuneConfig, TuneSection

SEARCH_KEY = "search"
BASES = ("scenario", "lab")
OWN_KEYS = (*BASES, SEARCH_KEY, "name", "description", "seed")
CONTROLLERS = ("controllers", 0)
"""Where the `controller` of a tune file stands in the lab that it describes."""


@dataclass(frozen=True)
class Form:
    """A file in two parts: a lab or scenario, and the section of the search, whose places stand below `prefix`."""

    base: Document
    section: Any
    places: Document
    prefix: Loc
    schema: type[Section]
    parent: str = ""
    """The beginning of each parameter's path, before its name."""

    @property
    def is_lab(self) -> bool:
        """Whether a lab is varied, or else a scenario."""
        return "curves" in self.base.tree or self.schema is TuneSection

    def locate(self, problem: Problem) -> Mistake:
        """Return the mistake at the nearest part of the section that was written."""
        return self.places.locate(problem.below(*self.prefix))

    def place(self, *loc: int | str) -> Place:
        """Return where a part of the section, or the nearest part that it stands in, was written; it is called so."""
        whole: Loc = (*self.prefix, *loc)
        near = whole
        while near not in self.places.places:
            near = near[:-1]
        return replace(self.places.places[near], path=".".join(str(part) for part in whole))


def read_form(
    source: str | os.PathLike[str] | Mapping[str, object], overrides: Overrides, seed: int | None, trials: int | None
) -> tuple[Form, str]:
    """Return the two parts of a file with overrides, unchecked, and the whole as one YAML text."""
    whole = open_document(source, "study")
    folder = Path() if isinstance(source, Mapping) else Path(source).parent
    if not isinstance(whole.tree, dict):
        message = f"such a file is a mapping with the keys {', '.join(TuneConfig.model_fields)}"
        raise ScenarioError([*whole.mistakes, whole.places[()].mistake(message)])
    if SEARCH_KEY in whole.tree:
        whole = _read_base(whole, folder)
    apply_overrides(whole, overrides, seed)
    if trials is not None:
        key = f"{SEARCH_KEY}.trials" if SEARCH_KEY in whole.tree else "trials"
        apply_value(whole, key, trials, Place(f"--trials {trials}"))
    move_paths(whole.tree, folder)
    text = dump_tree(whole.tree)
    return _split(whole) if SEARCH_KEY in whole.tree else _split_tune(whole), text


def _read_base(document: Document, folder: Path) -> Document:
    """Return the tree of the file that `scenario:` or `lab:` names with the section in it; or the document itself."""
    tree = document.tree
    named = [key for key in BASES if key in tree]
    if not named:
        return document
    problems = [
        Problem((key,), f"unknown key beside `{named[0]}:`.{did_you_mean(key, OWN_KEYS)}")
        for key in tree
        if key not in OWN_KEYS
    ]
    if len(named) > 1:
        problems.append(Problem((named[1],), "a search varies a scenario or a lab, not both"))
    if not isinstance(tree[named[0]], str):
        problems.append(Problem((named[0],), f"must be a file's name, not {show_value(tree[named[0]])}"))
    if problems:
        raise ScenarioError([*document.mistakes, *(document.locate(problem) for problem in problems)])
    path = folder / tree[named[0]]
    base = open_document(path, "study")
    if not isinstance(base.tree, dict) or SEARCH_KEY in base.tree or ("curves" in base.tree) != (named[0] == "lab"):
        raise ScenarioError([document.locate(Problem((named[0],), f"{path} must be a {named[0]}"))])
    move_paths(base.tree, path.parent)
    for key in tree:
        if key not in BASES:
            base.replace((key,), tree[key], document.places[(key,)])
            base.places.update({loc: place for loc, place in document.places.items() if loc[:1] == (key,)})
    base.mistakes += document.mistakes
    return base


def _split(whole: Document) -> Form:
    tree = {key: value for key, value in whole.tree.items() if key != SEARCH_KEY}
    section, base = whole.tree[SEARCH_KEY], Document(tree, dict(whole.places))
    form = Form(base, section, whole, (SEARCH_KEY,), SearchConfig)
    if form.is_lab and isinstance(section, dict) and section.get("replications") is not None:
        base.replace(("replications",), section["replications"], form.place("replications"))
    return form


def _split_tune(whole: Document) -> Form:
    """A tune file's keys are those of a lab and those of the section; its controller is the lab's only one."""
    known = TuneConfig.model_fields
    for key in whole.tree.keys() - known.keys():
        whole.mistakes.append(whole.locate(Problem((key,), f"unknown key.{did_you_mean(str(key), known)}")))
    own = {key: part for key, part in whole.tree.items() if key in TuneSection.model_fields}
    tree = {key: part for key, part in whole.tree.items() if key in RaceConfig.model_fields}
    places = dict(whole.places)
    if "controller" in whole.tree:
        tree["controllers"] = [whole.tree["controller"]]
        places[CONTROLLERS[:1]] = replace(places[("controller",)], path="controller")
        for loc, place in whole.places.items():
            if loc[:1] == ("controller",):
                called = ".".join(str(part) for part in loc)
                places[(*CONTROLLERS, *loc[1:])] = replace(place, path=called)
    else:
        whole.mistakes.append(whole.locate(Problem(("controller",), "is missing; this key is required")))
    return Form(Document(tree, places), own, whole, (), TuneSection, "controllers.0.")
