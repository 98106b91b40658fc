"""The forms of a search file: a lab or scenario, and the section of the search, each with its places.

A search is a lab or a scenario with a section `search:`, or a file with `lab: FILE` or `scenario: FILE` and `search:`.
A tune file is the short form for the controller of a lab: the section's keys stand beside the lab's own, `controller`
in place of `controllers`, and parameters are named without the controller's path.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sim.difficulty import controllers
from sim.documents.document import Document, Place, dump_tree
from sim.errors import Mistake, did_you_mean
from sim.problems import Loc, Problem
from sim.race.files import RaceConfig, get_kind, move_paths, open_study
from sim.registry import KIND
from sim.scenario.beside import join_base
from sim.scenario.overrides import Overrides, apply_overrides, apply_value
from sim.studies.search_schema import SearchConfig, Section, TuneConfig, TuneSection

SEARCH_KEY = "search"
BASES = ("scenario", "lab")
CONTROLLERS: Loc = ("controllers", 0)
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
    rival: Document | None = None
    """The lab with the tune file's rival in the controller's place."""

    @property
    def documents(self) -> set[str]:
        """Keys of the section that become documents of their own, with which they are checked."""
        return {*(["check_curves"] if self.is_lab else []), *(["against"] if self.rival is not None else [])}

    @property
    def is_lab(self) -> bool:
        """Whether a lab is varied, or else a scenario."""
        return "curves" in self.base.tree or self.schema is TuneSection

    def open_check_curves(self) -> Document | None:
        """Return the lab on the curves that the search does not see; None where there are none."""
        given = self.section.get("check_curves") if isinstance(self.section, dict) else None
        if given is None or not self.is_lab:
            return None
        base = Document({**self.base.tree, "weights": {}}, self.base.places, list(self.base.mistakes))
        return _stand_in(base, ("curves",), given, self.places, (*self.prefix, "check_curves"))

    def locate(self, problem: Problem) -> Mistake:
        """Return the mistake at the nearest part of the section that was written."""
        return self.places.locate(problem.below(*self.prefix))

    def place(self, *loc: int | str) -> Place:
        """Return where a part of the section, or the nearest part that it stands in, was written; it is called so."""
        whole: Loc = (*self.prefix, *loc)
        return self.places.find_place(whole)._replace(path=".".join(str(part) for part in whole))


def read_form(
    source: str | os.PathLike[str] | Mapping[str, object], overrides: Overrides, seed: int | None, trials: int | None
) -> tuple[Form, str]:
    """Return the two parts of a file with overrides, unchecked, and the whole as one YAML text."""
    whole, folder = open_study(source, TuneConfig.model_fields)
    own_folder = folder
    if SEARCH_KEY in whole.tree:
        whole, folder = join_base(whole, folder, BASES, SEARCH_KEY)
    apply_overrides(whole, overrides, seed)
    if trials is not None:
        key = f"{SEARCH_KEY}.trials" if SEARCH_KEY in whole.tree else "trials"
        apply_value(whole, key, trials, Place(f"--trials {trials}"))
    move_paths(whole.tree, folder)
    section = whole.tree.get(SEARCH_KEY, whole.tree)
    if isinstance(section, dict):
        move_paths(section, own_folder, "check_curves")
        if isinstance(section.get("paste_into"), str):
            section["paste_into"] = str(own_folder / section["paste_into"])
    text = dump_tree(whole.tree)
    return _split(whole) if SEARCH_KEY in whole.tree else _split_tune(whole), text


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
    races = {key: part for key, part in whole.tree.items() if key in RaceConfig.model_fields}
    base, rival = Document(races, dict(whole.places)), None
    if "controller" in whole.tree:
        base = _put_controller(base, whole, "controller")
    else:
        whole.mistakes.append(whole.locate(Problem(("controller",), "is missing; this key is required")))
    if own.get("against") is not None:
        rival = _put_controller(base, whole, "against")
        kinds = [get_kind(whole.tree.get(key)) for key in ("controller", "against")]
        if kinds[0] != kinds[1] and kinds[1] in controllers.names():
            message = f"is a {kinds[1]}, and the search tunes a {kinds[0]}: a lab compares kinds of rules (powsim lab)"
            whole.mistakes.append(whole.locate(Problem(("against", KIND), message)))
    return Form(base, own, whole, (), TuneSection, "controllers.0.", rival)


def _put_controller(base: Document, whole: Document, key: str) -> Document:
    """Return a lab with the rule of a key of a tune file as its only controller."""
    lab = Document({**base.tree, CONTROLLERS[0]: [None]}, base.places)
    put = _stand_in(lab, CONTROLLERS, whole.tree[key], whole, (key,))
    put.places[CONTROLLERS[:1]] = put.places[CONTROLLERS]
    return put


def _stand_in(base: Document, loc: Loc, value: Any, whole: Document, source: Loc) -> Document:
    """Return a copy of a document with a value at `loc` that was written at `source` of the whole file."""
    changed = Document(copy.deepcopy(base.tree), dict(base.places), list(base.mistakes))
    changed.replace(loc, copy.deepcopy(value), whole.find_place(source))
    for written, place in whole.places.items():
        if written[: len(source)] == source:
            called = ".".join(str(part) for part in written)
            changed.places[(*loc, *written[len(source) :])] = place._replace(path=called)
    return changed
