"""The `sweep:` section of a file: which parameters vary, how many runs each point gets."""

from __future__ import annotations

from typing import Annotated, Any, TypeGuard

from pydantic import AfterValidator, Field

from sim.problems import explained, show_value
from sim.scenario.hosts import StrictModel
from sim.scenario.load import scenario_json_schema
from sim.units import TIME, QuantityError, Seconds

MAX_REPLICATIONS = 1_000_000
MAX_POINTS = 1_000_000
MAX_SAMPLES = 100_000
Number = int | float

_OWN = {
    "seed": "every replication has its own seed, made from the scenario's `seed` and the replication's number",
    "work.threads": "no result depends on it, and each worker computes with one",
    "name": "it changes nothing that is measured",
    "description": "it changes nothing that is measured",
}


def _check_axis(path: str) -> str:
    if path in _OWN:
        raise explained(f'"{path}" cannot be an axis: {_OWN[path]}')
    return path


def _check_list(values: tuple[Any, ...]) -> tuple[Any, ...]:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise explained(f"the value {show_value(value)} stands here twice")
    return values


Axis = Annotated[str, AfterValidator(_check_axis)]
Values = Annotated[tuple[Any, ...], Field(strict=False, min_length=1), AfterValidator(_check_list)]
Range = Annotated[tuple[Any, ...], Field(strict=False, min_length=2, max_length=2)]


class SampledDesign(StrictModel):
    """Points spread over ranges. Two whole numbers draw whole numbers, both ends included; 1.0 draws any number."""

    n: int = Field(ge=1, le=MAX_SAMPLES, description="number of points")
    ranges: dict[Axis, Range] = Field(min_length=1, description="axis: [low, high], numbers or quantities of one unit")


class Until(StrictModel):
    """When a point has enough replications."""

    measure: str = Field(description="measure whose interval is watched")
    half_width: float = Field(gt=0, description="half the width that its 95 % interval must reach")
    max_runs: int = Field(ge=1, le=MAX_REPLICATIONS, description="most replications of one point")


class SweepConfig(StrictModel):
    """A sweep: designs, crossed with each other where several are given, and replications of every point."""

    grid: dict[Axis, Values] | None = Field(None, min_length=1, description="every combination of the axes' values")
    sets: Annotated[tuple[dict[Axis, Any], ...], Field(strict=False, min_length=1)] | None = Field(
        None, alias="list", description="sets of values, one a point; each names the same axes"
    )
    zipped: dict[Axis, Values] | None = Field(
        None, alias="zip", min_length=1, description="axes that advance together: first values, second values, ..."
    )
    latin_hypercube: SampledDesign | None = Field(None, description="a random Latin hypercube over ranges")
    sobol: SampledDesign | None = Field(None, description="a scrambled Sobol sequence over ranges")
    replications: int = Field(1, ge=1, le=MAX_REPLICATIONS, description="runs of each point, each with its own seed")
    until: Until | None = Field(None, description="add replications until a measure is known well enough")
    measures: Annotated[tuple[str, ...], Field(strict=False, min_length=1), AfterValidator(_check_list)] | None = Field(
        None, description="measures to take of each run (default: all of `powsim list measures`)"
    )
    keep: Annotated[tuple[str, ...], Field(strict=False), AfterValidator(_check_list)] = Field(
        (), description="frames to keep of every run, all rows of them"
    )
    time_limit: Annotated[Seconds, Field(gt=0)] | None = Field(
        None, description="longest that one run may take; a longer one is a row with an error"
    )


def split_quantity(value: Any) -> tuple[Number, str]:
    """Return number and unit; raises QuantityError where it is neither a number nor a quantity."""
    if is_number(value):
        return value, ""
    number, _, unit = value.strip().partition(" ") if isinstance(value, str) else ("", "", "")
    try:
        return float(number), unit.strip()
    except ValueError:
        shown = f'must be a number or a quantity such as "{TIME.examples[0]}", not {show_value(value)}'
        raise QuantityError(shown) from None


def is_number(value: object) -> TypeGuard[Number]:
    """Whether the value is a number of a file; true and false are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def sweep_json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a sweep file, in both its forms."""
    section = SweepConfig.model_json_schema(mode="serialization")
    scenario = scenario_json_schema()
    definitions = {**scenario["$defs"], **section.pop("$defs", {}), "SweepConfig": section}
    properties = {**scenario["properties"], "sweep": {"$ref": "#/$defs/SweepConfig"}}
    whole = {"required": [*scenario["required"], "sweep"], "properties": properties}
    own = {key: properties[key] for key in ("name", "description", "seed", "sweep")}
    named = {"type": "string", "description": "scenario file that the sweep varies, seen from this file"}
    beside = {"required": ["scenario", "sweep"], "properties": {"scenario": named, **own}}
    return {
        "$schema": scenario["$schema"],
        "title": "Sweep",
        "$defs": definitions,
        "anyOf": [{"type": "object", "additionalProperties": False, **form} for form in (whole, beside)],
    }
