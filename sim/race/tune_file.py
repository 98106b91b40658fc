"""A tune file -> a controller, the parameters that vary, what is wanted of them: what `powsim tune` searches."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

from pydantic import BaseModel, Field, ValidationError

from sim.catalogue import PluginError
from sim.difficulty import controllers
from sim.difficulty.base import Controller
from sim.documents.document import dump_tree
from sim.errors import ScenarioError, did_you_mean
from sim.problems import Problem, problems_of
from sim.race.files import (
    ControllerField,
    RaceConfig,
    as_list,
    check_races,
    find_twins,
    get_kind,
    name_all,
    read_race_file,
    set_target,
)
from sim.registry import KIND
from sim.scenario.hosts import STRICT
from sim.scenario.load import JSON_SCHEMA
from sim.scenario.overrides import Overrides

MOST_TRIALS = 100_000
FEWEST_BASE_POINTS = 8
DIGITS = 4  # significant ones of a tuned number: nobody pastes more, and no race can tell
Number = int | float


class Range(BaseModel):
    """Values that a parameter may take, both ends included; whole numbers where the parameter is one."""

    model_config = STRICT

    low: float = Field(description="smallest value")
    high: float = Field(description="largest value")
    scale: Literal["linear", "log"] = Field("linear", description="on which the values are spread evenly")


class Aim(BaseModel):
    """A measure of races: its mean over replications and over the curves that have it."""

    model_config = STRICT

    measure: str = Field(description="name of a measure")
    curve: str | None = Field(None, description="only on this curve")


class Objective(Aim):
    """What should be small."""

    towards: float | None = Field(None, description="the measure's distance from this value should be small instead")


class Constraint(Aim):
    """What must hold."""

    at_most: float | None = Field(None, description="largest mean that is allowed")
    at_least: float | None = Field(None, description="smallest mean that is allowed")


class TuneConfig(RaceConfig):
    """A search for a controller's parameters."""

    controller: ControllerField = Field(description="rule, as under `difficulty` of a scenario, without `target`")
    parameters: dict[str, Range] = Field(min_length=1, description="parameters that vary: {low, high, scale}")
    objective: Objective = Field(description="measure that should be small, or {measure, curve, towards}")
    constraints: tuple[Constraint, ...] = Field(
        (), strict=False, description="bounds that the winner keeps: {measure, curve, at_most, at_least}"
    )
    front: tuple[str, str] = Field(
        ("noise", "settling"), strict=False, description="two measures, both better small: their Pareto front is kept"
    )
    trials: int = Field(40, ge=1, le=MOST_TRIALS, description="points that the search tries")
    batch: int = Field(8, ge=1, le=1000, description="points asked for at a time, before their answers are known")
    finalists: int = Field(5, ge=1, le=100, description="best points that are raced again, with other random numbers")
    sensitivity: int = Field(
        64, ge=0, le=65_536, description="base points of the Sobol design, a power of 2; 0: no sensitivity table"
    )


@dataclass(frozen=True)
class Tune:
    """A checked search. `text` is the whole file as one YAML text, with what the command line changed."""

    config: TuneConfig
    curve_names: tuple[str, ...]
    whole_numbers: frozenset[str]
    """Parameters that are whole numbers."""
    text: str

    @property
    def name(self) -> str:
        """Name of the search."""
        return self.config.name

    @property
    def kind(self) -> str:
        """Name of the controller."""
        return controllers.name_of(self.config.controller)

    def round(self, name: str, value: float) -> Number:
        """Return a parameter's value as it is raced and pasted: whole, or with `DIGITS` digits, inside its range."""
        limits = self.config.parameters[name]
        if name in self.whole_numbers:
            return min(max(round(value), round(limits.low)), round(limits.high))
        return min(max(float(f"{value:.{DIGITS}g}"), limits.low), limits.high)

    def build(self, parameters: Mapping[str, Number]) -> Controller:
        """Return the controller with other parameters; raises PluginError."""
        built: Controller = controllers.build({**controllers.spec_of(self.config.controller), **parameters})
        return built


@dataclass(frozen=True)
class KnownMeasures:
    """What the races of a layer above can be measured by."""

    names: Collection[str]
    find: Callable[[TuneConfig, int], Collection[str]]
    """Measures that the curve of that number has."""


def load_tune(
    source: str | os.PathLike[str] | Mapping[str, object],
    known: KnownMeasures,
    overrides: Overrides = (),
    seed: int | None = None,
) -> Tune:
    """Return the search of a file, or of a mapping as a file would hold it.

    Raises ScenarioError with every mistake, each at its file:line:column.
    """
    document = read_race_file(source, overrides, seed, list(TuneConfig.model_fields))
    tree, text = document.tree, dump_tree(document.tree)
    curve_names, schema = name_all(tree.get("curves")), TuneConfig.model_json_schema(mode="serialization")
    if isinstance(tree.get("objective"), str):
        tree["objective"] = {"measure": tree["objective"]}
    problems = [*_fill_in(tree), *find_twins({"curves": curve_names}), *_check_aims(tree, known.names, curve_names)]
    problems += [*_check_ranges(tree.get("parameters")), *_check_sensitivity(tree.get("sensitivity"))]
    config: TuneConfig | None = None
    try:
        config = TuneConfig.model_validate_json(json.dumps(tree))
    except ValidationError as error:
        problems += problems_of(error, schema)
    else:
        problems += check_races(config, {("controller",): config.controller})
    if config is None or problems or document.mistakes:
        raise ScenarioError([*document.mistakes, *(document.locate(problem) for problem in problems)])
    if missing := list(_find_missing(config, known, curve_names)):
        raise ScenarioError(document.locate(problem) for problem in missing)
    types = _get_types(_get_schema(controllers.name_of(config.controller)))
    whole = frozenset(name for name in config.parameters if types[name] == "integer")
    return Tune(config, tuple(curve_names), whole, text)


def tune_json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a tune file; an objective may be a measure's bare name."""
    schema = TuneConfig.model_json_schema(mode="serialization")
    objective = schema["properties"]["objective"]
    bare = {"type": "string", "description": "name of a measure"}
    schema["properties"]["objective"] = {"anyOf": [bare, objective], "description": objective.get("description", "")}
    return {"$schema": JSON_SCHEMA, **schema}


def _get_schema(kind: str) -> Mapping[str, Any]:
    branches = (branch for branch in controllers.json_schema()["anyOf"] if "properties" in branch)
    return next(branch for branch in branches if branch["properties"][KIND]["const"] == kind)


def _get_types(schema: Mapping[str, Any]) -> dict[str, str]:
    """The JSON type of each parameter of a controller that may vary."""
    properties = schema["properties"].items()
    return {name: part.get("type", "") for name, part in properties if name not in (KIND, "target")}


def _fill_in(tree: dict[str, Any]) -> Iterator[Problem]:
    """Give the controller its target; tell which parameters and ranges it does not have."""
    spec, ranges = tree.get("controller"), tree.get("parameters")
    kind = get_kind(spec)
    if kind not in controllers.names():
        return
    whole = dict(spec) if isinstance(spec, Mapping) else {KIND: kind}
    tree["controller"] = whole
    yield from (problem.below("controller") for problem in set_target(whole, kind, tree.get("quota")))
    schema = _get_schema(kind)
    types = _get_types(schema)
    for name, limits in (ranges if isinstance(ranges, Mapping) else {}).items():
        if name not in types:
            message = f'{kind} has no parameter "{name}".{did_you_mean(str(name), types)}'
            yield Problem(("parameters", name), message)
        elif name in whole:
            yield Problem(("controller", name), f"`parameters.{name}` varies it; leave one of both out")
        elif isinstance(limits, Mapping):
            yield from _check_ends(whole, name, limits)
            if name in schema["required"]:  # the search sets it; until then the controller needs some value
                whole[name] = limits.get("low")


def _check_ranges(ranges: object) -> Iterator[Problem]:
    """Ends in the wrong order, and logarithms of what has none."""
    for name, limits in (ranges if isinstance(ranges, Mapping) else {}).items():
        low, high = (limits.get(end) if isinstance(limits, Mapping) else None for end in ("low", "high"))
        if not _is_number(low) or not _is_number(high):
            continue
        if low >= high:
            yield Problem(("parameters", name, "low"), f"{low} must be less than `high`, {high}")
        if limits.get("scale") == "log" and low <= 0:
            yield Problem(("parameters", name, "low"), f"{low} must be more than 0 on a log scale")


def _check_ends(spec: Mapping[str, Any], name: str, limits: Mapping[str, Any]) -> Iterator[Problem]:
    """What the controller itself refuses, at either end of the range."""
    for end in ("low", "high"):
        if not _is_number(limits.get(end)):
            continue
        try:
            controllers.build({**spec, name: limits[end]})
        except PluginError as error:
            own = (problem for problem in error.problems if problem.loc[:1] == (name,))
            yield from (Problem(("parameters", name, end), problem.message) for problem in own)


def _check_aims(tree: Mapping[str, Any], names: Collection[str], curve_names: Collection[str]) -> Iterator[Problem]:
    """Names of measures and curves that there are not, bounds that bound nothing."""
    for loc, aim in _list_aims(tree):
        measure, curve = aim.get("measure"), aim.get("curve")
        if isinstance(measure, str) and measure not in names:
            where = loc if loc[0] == "front" else (*loc, "measure")
            yield Problem(where, f'"{measure}" is no measure of a race.{did_you_mean(measure, names)}')
        if isinstance(curve, str) and curve not in curve_names:
            yield Problem((*loc, "curve"), f'no curve is called "{curve}".{did_you_mean(curve, curve_names)}')
        if loc[0] == "constraints":
            low, high = aim.get("at_least"), aim.get("at_most")
            if low is None and high is None:
                yield Problem(loc, "needs `at_most` or `at_least`")
            if _is_number(low) and _is_number(high) and low > high:
                yield Problem((*loc, "at_least"), f"{low} is more than `at_most`, {high}: nothing keeps both")


def _check_sensitivity(n: object) -> Iterator[Problem]:
    if isinstance(n, int) and n > 0 and (n < FEWEST_BASE_POINTS or n & (n - 1)):
        yield Problem(("sensitivity",), f"{n} must be a power of 2, at least {FEWEST_BASE_POINTS}, or 0")


def _list_aims(tree: Mapping[str, Any]) -> Iterator[tuple[tuple[int | str, ...], Mapping[str, Any]]]:
    """The objective, the constraints and both measures of the front, with their places."""
    aims: list[tuple[tuple[int | str, ...], object]] = [(("objective",), tree.get("objective"))]
    aims += [(("constraints", index), aim) for index, aim in enumerate(as_list(tree.get("constraints")))]
    aims += [(("front", index), {"measure": name}) for index, name in enumerate(as_list(tree.get("front")))]
    yield from ((loc, aim) for loc, aim in aims if isinstance(aim, Mapping))


def _find_missing(config: TuneConfig, known: KnownMeasures, curve_names: list[str]) -> Iterator[Problem]:
    """Measures that none of the curves has: noise is seen under constant compute only, settling after a step."""
    found = {name: set(known.find(config, index)) for index, name in enumerate(curve_names)}
    for loc, aim in _list_aims(json.loads(config.model_dump_json(include={"objective", "constraints", "front"}))):
        measure, curve = aim["measure"], aim.get("curve")
        if not any(measure in have for name, have in found.items() if curve in (None, name)):
            where = "no curve here has" if curve is None else f"the curve {curve} has no"
            yield Problem(loc, f"{where} `{measure}`.{did_you_mean('', set().union(*found.values()))}")


def _is_number(value: object) -> TypeGuard[Number]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
