"""A lab file -> controllers and curves, checked: what `powsim lab` runs."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from sim.difficulty import controllers
from sim.difficulty.matching import match_noise
from sim.economy import curves
from sim.economy.base import HORIZON, CurveError
from sim.economy.timestamps import FalseTimestamps
from sim.errors import ScenarioError
from sim.problems import Problem, problems_of, show_value
from sim.registry import KIND, PluginOf
from sim.scenario.document import dump_tree
from sim.scenario.hosts import STRICT, Name
from sim.scenario.overrides import Overrides, apply_overrides
from sim.scenario.source import read_source
from sim.scenario.yaml_tree import parse_document
from sim.units import Seconds

if TYPE_CHECKING:
    from sim.difficulty.base import Controller
    from sim.economy.base import Curve
else:  # pydantic leaves these types to the registries
    Controller = Curve = Any

LAB_KEY = "curves"  # what no other file has
INVERTING = ("proportional", "pid", "kalman")  # rules that take 1 / time, or its logarithm
MOST_DECISIONS = 10_000_000  # decisions · replications of one race, which are held in memory
_Controller = Annotated[Controller, PluginOf(controllers)]
_Curve = Annotated[Curve, PluginOf(curves)]


class LabConfig(BaseModel):
    """A laboratory: every controller against every curve, with the same random numbers."""

    model_config = STRICT

    name: Name = Field(description="name of the lab and of its results folder")
    description: str = Field("", description="what it asks")
    seed: int = Field(1, ge=0, le=2**63 - 1, description="seed of every random stream")
    spacing: Annotated[Seconds, Field(gt=0.0)] = Field(description="wanted time from one nonce to the next")
    quota: int = Field(1, ge=1, le=1_000_000, description="nonces from one decision to the next; 1: a block each")
    decisions: int = Field(2000, ge=20, le=1_000_000, description="decisions of one race")
    warm_up: int = Field(
        200, ge=0, le=1_000_000, description="decisions before the curve begins, at its first value, not recorded"
    )
    replications: int = Field(64, ge=2, le=100_000, description="races of each controller on each curve")
    equal_noise: int | None = Field(
        None,
        ge=2,
        le=50_000,
        description="decisions N: controllers with a memory get one as quiet as a simple average over N",
    )
    small_host: float = Field(
        0.001, gt=0.0, lt=1.0, description="share of the first compute that a host has for `small_host_sd`"
    )
    false_timestamps: FalseTimestamps | None = Field(None, description="lies about time, see below")
    controllers: tuple[_Controller, ...] = Field(
        strict=False, min_length=1, description="rules, as under `difficulty` of a scenario, without `target`"
    )
    curves: tuple[_Curve, ...] = Field(strict=False, min_length=1, description="the network's compute over time")

    @property
    def nominal_seconds(self) -> float:
        """Length of a race whose controller is always right."""
        return self.decisions * self.quota * self.spacing


@dataclass(frozen=True)
class Lab:
    """A checked lab. `text` is the whole lab as one YAML file, with what `--set` changed."""

    config: LabConfig
    controller_names: tuple[str, ...]
    curve_names: tuple[str, ...]
    text: str

    @property
    def name(self) -> str:
        """Name of the lab."""
        return self.config.name


def load_lab(path: str | os.PathLike[str], overrides: Overrides = (), seed: int | None = None) -> Lab:
    """Return the lab of a file; raises ScenarioError with every mistake, each at its file:line:column."""
    document = parse_document(read_source(path), os.fspath(path))
    if not isinstance(document.tree, dict):
        message = f"a lab is a mapping with the keys {', '.join(LabConfig.model_fields)}"
        raise ScenarioError([*document.mistakes, document.places[()].mistake(message)])
    apply_overrides(document, overrides, seed)
    _move_paths(document.tree, Path(path).parent)
    text = dump_tree(document.tree)
    names = {key: _name_all(document.tree.get(key)) for key in ("controllers", "curves")}
    problems = [*_fill_in(document.tree), *_find_twins(names)]
    config: LabConfig | None = None
    try:
        config = LabConfig.model_validate_json(json.dumps(document.tree))
    except ValidationError as error:
        problems += problems_of(error, LabConfig.model_json_schema(mode="serialization"))
    else:
        problems += _check_together(config)
    if config is None or problems or document.mistakes:
        raise ScenarioError([*document.mistakes, *(document.locate(problem) for problem in problems)])
    return Lab(config, tuple(names["controllers"]), tuple(names["curves"]), text)


def _move_paths(tree: Mapping[str, Any], folder: Path) -> None:
    """A file's name is seen from the lab file."""
    for spec in _list(tree.get("curves")):
        for each in (spec, spec.get("price") if isinstance(spec, dict) else None):
            if isinstance(each, dict) and each.get(KIND) == "csv" and isinstance(each.get("path"), str):
                each["path"] = str(folder / each["path"])


def _fill_in(tree: Mapping[str, Any]) -> Iterator[Problem]:
    """Give each controller the lab's target and, if wanted, the memory that makes all equally quiet."""
    quota, n_averaged = _positive(tree.get("quota"), 1), _positive(tree.get("equal_noise"), 0)
    specs = _list(tree.get("controllers"))
    for index, spec in enumerate(specs):
        kind = _get_kind(spec)
        if kind not in controllers.names():
            continue
        whole = dict(spec) if isinstance(spec, Mapping) else {KIND: kind}
        specs[index] = whole
        if "target" in whole:
            message = "a lab has one target for all its controllers: `spacing` and `quota`"
            yield Problem(("controllers", index, "target"), message)
        if any(field.name == "target" for field in dataclasses.fields(controllers.get(kind))):
            whole["target"] = {"valid_nonces_per_epoch": quota}
        if n_averaged >= 2 and (matched := match_noise(kind, n_averaged, quota)) is not None:
            name, value = matched
            if name in whole:
                yield Problem(
                    ("controllers", index, name), f"`equal_noise` sets it, to {value:g}; leave one of both out"
                )
            whole[name] = value


def _check_together(config: LabConfig) -> Iterator[Problem]:
    n_decisions = config.decisions * config.replications
    if n_decisions > MOST_DECISIONS:
        message = f"{config.decisions} decisions · {config.replications} replications are {n_decisions}; at most "
        yield Problem(("decisions",), f"{message}{MOST_DECISIONS}")
    if config.false_timestamps is not None and config.false_timestamps.reading == "raw":
        for index, controller in enumerate(config.controllers):
            if (kind := controllers.spec_of(controller)[KIND]) in INVERTING:
                message = (
                    f"{kind} has no answer to a negative interval, which `reading: raw` of false_timestamps allows"
                )
                yield Problem(("controllers", index), message)
    for index, curve in enumerate(config.curves):
        try:
            curve.lay_out(HORIZON * config.nominal_seconds, np.random.default_rng(0))
        except CurveError as error:
            yield from (Problem(("curves", index), line) for line in str(error).splitlines())


def _name_all(specs: object) -> list[str]:
    """Name each plug-in by its kind; where several are of one kind, by the parameters in which they differ as well."""
    kinds = [_get_kind(spec) for spec in _list(specs)]
    given = [dict(spec) if isinstance(spec, Mapping) else {} for spec in _list(specs)]
    names = []
    for kind, parameters in zip(kinds, given, strict=True):
        same_kind = [other for other, of in zip(given, kinds, strict=True) if of == kind]
        told = [f"{key}={value}" for key, value in parameters.items() if _differs(key, same_kind)]
        names.append(" ".join([kind, *told]))
    return names


def _differs(key: str, given: Sequence[Mapping[str, Any]]) -> bool:
    """Twins are told apart by nothing, and named by everything."""
    is_twin = len(given) > 1 and all(other == given[0] for other in given)
    return key != KIND and (is_twin or any(other.get(key) != given[0].get(key) for other in given))


def _find_twins(names: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    for key, each in names.items():
        for index, name in enumerate(each):
            if name in each[:index]:
                yield Problem((key, index), f"{name} stands here twice")


def _get_kind(spec: object) -> str:
    found = spec.get(KIND) if isinstance(spec, Mapping) else spec
    return found if isinstance(found, str) else show_value(found)


def _positive(value: object, default: int) -> int:
    """What is no such number is told by the schema."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else default


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
