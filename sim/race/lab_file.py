"""A lab file -> controllers and curves, checked: the input of `powsim lab`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from sim.difficulty import controllers
from sim.difficulty.matching import match_noise
from sim.difficulty.waiting import RULE
from sim.documents.document import Document, dump_tree
from sim.errors import Mistake
from sim.problems import Problem, read_model
from sim.race.files import (
    ControllerField,
    RaceConfig,
    as_list,
    as_mapping,
    as_positive,
    check_races,
    check_weights,
    find_twins,
    find_warnings,
    get_kind,
    has_field,
    move_paths,
    name_all,
    open_study,
    set_target,
)
from sim.race.replayed import has_record
from sim.scenario.load import JSON_SCHEMA
from sim.scenario.overrides import Overrides, apply_overrides


class LabConfig(RaceConfig):
    """A laboratory: every controller against every curve, with the same random numbers."""

    equal_noise: int | None = Field(
        None,
        ge=2,
        le=50_000,
        description="decisions N: controllers with a memory get one as quiet as a simple average over N",
    )
    controllers: tuple[ControllerField, ...] = Field(
        strict=False, min_length=1, description="rules, as under `difficulty` of a scenario, without `target`"
    )


@dataclass(frozen=True)
class Lab:
    """A checked lab. `text` is the whole lab as one YAML file, with the changes of `--set`."""

    config: LabConfig
    controller_names: tuple[str, ...]
    curve_names: tuple[str, ...]
    text: str
    warnings: tuple[Mistake, ...] = field(default=(), compare=False)
    """Settings that are valid and perhaps not meant, each at its place."""

    @property
    def name(self) -> str:
        """Name of its results folder."""
        return self.config.name

    @property
    def n_races(self) -> int:
        """Races of controllers, and of real chains' own difficulties."""
        n_records = sum(has_record(curve) for curve in self.config.curves)
        return len(self.curve_names) * len(self.controller_names) + n_records


def load_lab(
    source: str | os.PathLike[str] | Mapping[str, object], overrides: Overrides = (), seed: int | None = None
) -> Lab:
    """Return the lab of a file, or of a mapping as a file would hold it.

    Raises ScenarioError with every mistake, each at its file:line:column.
    """
    document, folder = open_study(source, LabConfig.model_fields)
    apply_overrides(document, overrides, seed)
    move_paths(document.tree, folder)
    return build_lab(document)


def build_lab(document: Document) -> Lab:
    """Return the lab of a document, whose tree is filled in; raises ScenarioError with all mistakes."""
    text = dump_tree(document.tree)
    names = {key: name_all(document.tree.get(key)) for key in ("controllers", "curves")}
    problems = [*_fill_in(document.tree), *find_twins(names)]
    problems += check_weights(document.tree.get("weights"), names["curves"])
    config, wrong = read_model(LabConfig, document.tree)
    problems += wrong
    if config is not None:
        problems += check_races(config, {("controllers", k): each for k, each in enumerate(config.controllers)})
    if config is None or problems or document.mistakes:
        raise document.refuse(problems)
    warnings = tuple(document.locate(problem) for problem in find_warnings(config))
    return Lab(config, tuple(names["controllers"]), tuple(names["curves"]), text, warnings)


def lab_json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a lab file."""
    return {"$schema": JSON_SCHEMA, **LabConfig.model_json_schema(mode="serialization")}


def _fill_in(tree: Mapping[str, Any]) -> Iterator[Problem]:
    """Give each controller the lab's target and, if wanted, the memory that makes all equally quiet."""
    quota, n_averaged = as_positive(tree.get("quota"), 1), as_positive(tree.get("equal_noise"), 0)
    specs = as_list(tree.get("controllers"))
    for index, spec in enumerate(specs):
        if get_kind(spec) in controllers.names():
            specs[index] = whole = as_mapping(spec)
            yield from (problem.below("controllers", index) for problem in _fill_in_rule(whole, quota, n_averaged))


def _fill_in_rule(spec: dict[str, Any], quota: int, n_averaged: int) -> Iterator[Problem]:
    """Do so with one controller, and with the rule inside it if it wraps one."""
    kind = get_kind(spec)
    yield from set_target(spec, kind, quota)
    if n_averaged >= 2 and (matched := match_noise(kind, n_averaged, quota)) is not None:
        name, value = matched
        if name in spec:
            yield Problem((name,), f"`equal_noise` sets it, to {value:g}; leave one of both out")
        spec[name] = value
    if has_field(kind, RULE) and get_kind(spec.get(RULE)) in controllers.names():
        spec[RULE] = inner = as_mapping(spec[RULE])
        yield from (problem.below(RULE) for problem in _fill_in_rule(inner, quota, n_averaged))
