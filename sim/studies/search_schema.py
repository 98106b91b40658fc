"""The `search:` section of a file: keys that vary, an objective, bounds, numbers of trials."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.config import JsonDict

from sim.errors import did_you_mean
from sim.execution.sweep_schema import MAX_REPLICATIONS, is_number
from sim.problems import Loc, Problem
from sim.race.files import ControllerField, CurveField, RaceConfig, as_list
from sim.race.lab_file import lab_json_schema
from sim.race.measures import WANTED, WITHOUT_SIDE
from sim.scenario.hosts import StrictModel
from sim.scenario.load import scenario_json_schema
from sim.units import Seconds

MOST_TRIALS = 100_000
FEWEST_BASE_POINTS = 8
END: JsonDict = {"type": ["number", "string"]}


class Limits(StrictModel):
    """Values that a parameter may take: from low to high, both included, or one of several choices."""

    low: Any = Field(None, description="smallest value, a number or a quantity", json_schema_extra=END)
    high: Any = Field(None, description="largest value", json_schema_extra=END)
    scale: Literal["linear", "log"] = Field("linear", description="on which the values are spread evenly")
    choices: tuple[Any, ...] | None = Field(
        None, strict=False, min_length=2, description="values in place of a range: anything that the key may hold"
    )


class Aim(StrictModel):
    """A measure of runs or races: its mean over replications, and over the curves of a lab that have it."""

    measure: str = Field(description="name of a measure")
    curve: str | None = Field(None, description="only on this curve of a lab")


class Objective(Aim):
    """The measure to make small, large, or equal to a value."""

    goal: Literal["minimise", "maximise"] = Field("minimise", description="which side of the measure is better")
    towards: float | None = Field(None, description="the measure's distance from this value should be small instead")


class Constraint(Aim):
    """A measure with its bounds."""

    at_most: float | None = Field(None, description="largest mean that is allowed")
    at_least: float | None = Field(None, description="smallest mean that is allowed")


class Section(StrictModel):
    """The keys of every search: parameters, aims, numbers of trials."""

    parameters: dict[str, Limits] = Field(
        min_length=1, description="dotted keys that vary: {low, high, scale} or {choices}"
    )
    objective: Objective = Field(description="measure that should be small, or {measure, curve, goal, towards}")
    constraints: tuple[Constraint, ...] = Field(
        (), strict=False, description="bounds that the winner keeps: {measure, curve, at_most, at_least}"
    )
    front: tuple[str, str] | None = Field(
        None,
        strict=False,
        description="two measures, better small unless the objective maximises them: their Pareto front is kept",
    )
    trials: int = Field(40, ge=1, le=MOST_TRIALS, description="points that the search tries")
    batch: int = Field(8, ge=1, le=1000, description="points asked for at a time, before their answers are known")
    finalists: int = Field(5, ge=1, le=100, description="best points that are run again, with other random numbers")
    sensitivity: int = Field(
        0, ge=0, le=65_536, description="base points of the Sobol design, a power of 2; 0: no sensitivity table"
    )
    ablation: bool = Field(
        False, description="the winner is also checked with each of its values put back to that of the file"
    )
    check_curves: tuple[CurveField, ...] = Field(
        (),
        strict=False,
        description="curves of a lab that the search never sees: the winner is checked on them as well",
    )
    paste_into: str | None = Field(
        None, description="scenario file for which a lab's winner is written, in its units; seen from this file"
    )


class SearchConfig(Section):
    """The section `search:` of a scenario or of a lab."""

    against: dict[str, Any] | None = Field(
        None, description="values of keys with which the winner is compared, in place of those of the file"
    )

    replications: int | None = Field(
        None, ge=1, le=MAX_REPLICATIONS, description="runs of each point; 4 of a scenario, a lab's own number of races"
    )
    time_limit: Annotated[Seconds, Field(gt=0)] | None = Field(
        None, description="longest that one run of a scenario may take; a longer one has failed"
    )


class TuneSection(Section):
    """The section's keys in a tune file, where two measures of races are shown without being asked for."""

    front: tuple[str, str] = Field(
        ("noise", "settling"), strict=False, description="two measures, both better small: their Pareto front is kept"
    )
    sensitivity: int = Field(
        64,
        ge=0,
        le=65_536,
        description="base points of the Sobol design, a power of 2; 0, or one parameter: no sensitivity table",
    )
    against: ControllerField | None = Field(
        None, description="rule of the same kind with which the winner is compared, in place of `controller` as it is"
    )


class TuneConfig(TuneSection, RaceConfig):
    """A search for a controller's parameters: the short form for a lab with one controller."""

    controller: ControllerField = Field(description="rule, as under `difficulty` of a scenario, without `target`")


def search_json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a search file, in all its forms; an objective may be a bare name."""
    scenario, lab = scenario_json_schema(), lab_json_schema()
    section, tune = (each.model_json_schema(mode="serialization") for each in (SearchConfig, TuneConfig))
    definitions: dict[str, Any] = {}
    for each in (scenario, lab, section, tune):
        definitions |= each.get("$defs", {})
    for each in (section, tune):
        wanted = each["properties"]["objective"]
        bare = {"type": "string", "description": "name of a measure"}
        each["properties"]["objective"] = {"anyOf": [bare, wanted], "description": wanted.get("description", "")}
    definitions["SearchConfig"] = {key: part for key, part in section.items() if key != "$defs"}
    own = {"search": {"$ref": "#/$defs/SearchConfig"}}
    shared = {key: scenario["properties"][key] for key in ("name", "description", "seed")}
    forms = [_make_form({**each["properties"], **own}, [*each["required"], "search"]) for each in (scenario, lab)]
    for base in ("scenario", "lab"):
        named = {"type": "string", "description": f"{base} file that the search varies, seen from this file"}
        forms.append(_make_form({base: named, **shared, **own}, [base, "search"]))
    forms.append(_make_form(tune["properties"], tune["required"]))
    return {"$schema": scenario["$schema"], "title": "Search", "$defs": definitions, "anyOf": forms}


def _make_form(properties: Mapping[str, Any], required: Sequence[str]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


def check_aims(
    section: Mapping[str, Any], noun: str, names: Collection[str], curve_names: Sequence[str]
) -> Iterator[Problem]:
    """Yield problems: unknown measures and curves, constraints without a bound, aims without a better side."""
    for loc, aim in list_aims(section):
        measure, curve = aim.get("measure"), aim.get("curve")
        if isinstance(measure, str) and measure not in names:
            where = loc if loc[0] == "front" else (*loc, "measure")
            yield Problem(where, f'"{measure}" is no measure of a {noun}.{did_you_mean(measure, names)}')
        if isinstance(curve, str) and curve not in curve_names:
            known = did_you_mean(curve, filter(None, curve_names))
            yield Problem((*loc, "curve"), f'no curve is called "{curve}".{known}')
        if loc[0] == "constraints":
            low, high = aim.get("at_least"), aim.get("at_most")
            if low is None and high is None:
                yield Problem(loc, "needs `at_most` or `at_least`")
            if is_number(low) and is_number(high) and low > high:
                yield Problem((*loc, "at_least"), f"{low} is more than `at_most`, {high}: nothing keeps both")
        if loc[0] == "objective" and aim.get("towards") is not None and aim.get("goal") == "maximise":
            yield Problem((*loc, "towards"), "a distance should be small; leave `goal` out")
        if noun == "race" and measure in WITHOUT_SIDE and loc[0] != "constraints" and aim.get("towards") is None:
            hint = f" ({WANTED[measure]:g}: no bias)" if measure in WANTED else ""
            needs = f"needs `towards`{hint}" if loc[0] == "objective" else "a front needs two that are"
            yield Problem(loc, f"`{measure}` is better neither small nor large: {needs}")


def find_missing(
    section: Mapping[str, Any], found: Sequence[Collection[str]], weights: Mapping[str, float]
) -> Iterator[Problem]:
    """Measures that no curve has: noise is seen under constant compute only, settling after a step."""
    known = dict(zip(weights, found, strict=True))
    for loc, aim in list_aims(section):
        measure, curve = aim.get("measure"), aim.get("curve")
        counted = [name for name, weight in weights.items() if name == curve or (curve is None and weight > 0.0)]
        if not any(measure in known[name] for name in counted):
            where = "no curve here has" if curve is None else f"the curve {curve} has no"
            yield Problem(loc, f"{where} `{measure}`.{did_you_mean('', set().union(*found))}")


def check_sensitivity(n: object) -> Iterator[Problem]:
    """A number of base points that makes no Sobol design."""
    if isinstance(n, int) and n > 0 and (n < FEWEST_BASE_POINTS or n & (n - 1)):
        yield Problem(("sensitivity",), f"{n} must be a power of 2, at least {FEWEST_BASE_POINTS}, or 0")


def list_aims(section: Mapping[str, Any]) -> Iterator[tuple[Loc, Mapping[str, Any]]]:
    """Yield the objective, the constraints and both measures of the front, with their places."""
    aims: list[tuple[Loc, object]] = [(("objective",), section.get("objective"))]
    aims += [(("constraints", index), aim) for index, aim in enumerate(as_list(section.get("constraints")))]
    aims += [(("front", index), {"measure": name}) for index, name in enumerate(as_list(section.get("front")))]
    yield from ((loc, aim) for loc, aim in aims if isinstance(aim, Mapping))
