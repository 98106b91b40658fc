"""The common part of files about races: those of `powsim lab` and those of `powsim tune`."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from sim.difficulty import controllers
from sim.difficulty.waiting import RULE, get_waiting_law, unwrap
from sim.documents.document import Document
from sim.economy import curves
from sim.economy.base import HORIZON, CurveError, check_layout
from sim.economy.timestamps import FalseTimestamps
from sim.errors import ScenarioError, UserError, did_you_mean
from sim.problems import Loc, Problem, show_value
from sim.race.memory import LONGEST, measure_memory
from sim.race.rig import MOST_DECISIONS
from sim.registry import KIND, PluginOf
from sim.scenario.hosts import Name, StrictModel
from sim.scenario.load import open_document
from sim.units import Seconds

if TYPE_CHECKING:
    from sim.difficulty.base import Controller
    from sim.economy.base import Curve
else:  # pydantic leaves these types to the registries
    Controller = Curve = Any

INVERTING = ("proportional", "pid", "kalman")  # rules that take 1 / time, or its logarithm
HEAVIEST = 1e6
FEWEST, MOST = 20, 1_000_000  # decisions of a race
ControllerField = Annotated[Controller, PluginOf(controllers)]
CurveField = Annotated[Curve, PluginOf(curves)]


class RaceConfig(StrictModel):
    """The keys that all races of a file share."""

    name: Name = Field(description="name of the study and of its results folder")
    description: str = Field("", description="what it asks")
    seed: int = Field(1, ge=0, le=2**63 - 1, description="seed of every random stream")
    spacing: Annotated[Seconds, Field(gt=0.0)] = Field(description="wanted time from one nonce to the next")
    quota: int = Field(1, ge=1, le=1_000_000, description="nonces from one decision to the next; 1: a block each")
    decisions: int = Field(2000, ge=FEWEST, le=MOST, description="decisions of one race")
    horizon: Annotated[Seconds, Field(gt=0.0)] | None = Field(
        None, description="time after which every race ends, in place of `decisions`; 14 d"
    )
    warm_up: int | None = Field(
        None,
        ge=0,
        le=1_000_000,
        description="decisions before the curve begins, at its first value, not recorded; absent: as many as each "
        "controller needs to forget its start, at least 200",
    )
    replications: int = Field(64, ge=2, le=100_000, description="races of each controller on each curve")
    small_host: float = Field(
        0.001, gt=0.0, lt=1.0, description="share of the first compute that a host has for `small_host_sd`"
    )
    false_timestamps: FalseTimestamps | None = Field(None, description="lies about time, see below")
    curves: tuple[CurveField, ...] = Field(strict=False, min_length=1, description="the network's compute over time")
    weights: dict[str, Annotated[float, Field(ge=0.0, le=HEAVIEST)]] = Field(
        {}, description="weight of curves, by name, in means over curves; 1 where none is given"
    )

    @property
    def interval_seconds(self) -> float:
        """Wanted time from one decision to the next."""
        return self.quota * self.spacing

    @property
    def nominal_seconds(self) -> float:
        """Length of a race whose controller is always right."""
        return self.horizon or self.decisions * self.quota * self.spacing

    @property
    def n_decisions(self) -> int:
        """Decisions of a race, with a horizon as many as there are on schedule."""
        return self.decisions if self.horizon is None else math.ceil(self.horizon / (self.quota * self.spacing))


def open_study(source: str | os.PathLike[str] | Mapping[str, object], keys: Iterable[str]) -> tuple[Document, Path]:
    """Return the tree of a file, or of a mapping as a file would hold it, and the folder from which its paths are seen.

    Raises ScenarioError for a file that is no mapping. `keys`: those that it may have.
    """
    document = open_document(source, "study")
    if not isinstance(document.tree, dict):
        message = f"such a file is a mapping with the keys {', '.join(keys)}"
        raise ScenarioError([*document.mistakes, document.places[()].mistake(message)])
    return document, Path() if isinstance(source, Mapping) else Path(source).parent


def move_paths(tree: Mapping[str, Any], folder: Path, key: str = "curves") -> None:
    """Let the names of files in a list of curves, and of their prices, which are seen from there, be seen from here."""
    for spec in as_list(tree.get(key)):
        for each in (spec, spec.get("price") if isinstance(spec, dict) else None):
            if isinstance(each, dict) and isinstance(each.get("path"), str):
                each["path"] = str(folder / each["path"])


def set_target(spec: dict[str, Any], kind: str, quota: object) -> Iterator[Problem]:
    """Give a controller's spec the target that all races share."""
    if "target" in spec:
        yield Problem(("target",), "races have one target for all controllers: `spacing` and `quota`")
    if has_field(kind, "target"):
        spec["target"] = {"valid_nonces_per_epoch": as_positive(quota, 1)}


def walk_specs(spec: Any) -> Iterator[dict[str, Any]]:
    """Yield the whole spec of a controller, and those of the rules inside it, from the outside in."""
    while isinstance(spec, dict):
        yield spec
        spec = spec.get(RULE)


def has_field(kind: str, name: str) -> bool:
    """Whether a kind of controller has a parameter of that name."""
    return any(field.name == name for field in dataclasses.fields(controllers.get(kind)))


def check_races(config: RaceConfig, rules: Mapping[Loc, Controller]) -> Iterator[Problem]:
    """Yield problems between fields: too large races, curves that no race can be run on, rules that false timestamps
    break.

    `rules`: the controllers, by their place in the file.
    """
    yield from check_length(config)
    if config.false_timestamps is not None:
        for place, controller in rules.items():
            yield from (problem.below(*place) for problem in _check_clock(controller, config.false_timestamps))
    yield from check_warm_up(config, rules)
    for index, curve in enumerate(config.curves):
        try:
            check_layout(curve.lay_out(HORIZON * config.nominal_seconds, np.random.default_rng(0)))
        except CurveError as error:
            yield from (Problem(("curves", index), line) for line in str(error).splitlines())


def check_length(config: RaceConfig) -> Iterator[Problem]:
    """Yield problems: two lengths, a horizon with next to no decision, races that memory does not hold."""
    n_decisions, key = config.n_decisions, "decisions" if config.horizon is None else "horizon"
    if config.horizon is not None:
        if "decisions" in config.model_fields_set:
            yield Problem(("decisions",), "`horizon` sets how long races are; leave one of both out")
        wanted = config.quota * config.spacing
        if not FEWEST <= n_decisions <= MOST:
            told = f"{config.horizon:g} s hold {n_decisions} decisions, one in {wanted:g} s; a race has from {FEWEST}"
            yield Problem(("horizon",), f"{told} to {MOST}")
    if n_decisions * config.replications > MOST_DECISIONS:
        told = f"{n_decisions} decisions · {config.replications} replications are {n_decisions * config.replications}"
        yield Problem((key,), f"{told}; at most {MOST_DECISIONS}")


def check_warm_up(config: RaceConfig, rules: Mapping[Loc, Controller]) -> Iterator[Problem]:
    """Yield problems: controllers that still remember their start when the race begins."""
    longest, whose = 0, ""
    for place, controller in rules.items():
        kind = controllers.name_of(controller)
        try:
            memory = measure_memory(controller, config.quota)
        except UserError as error:  # a plug-in that cannot decide on rows
            yield Problem(place, str(error))
            continue
        except Exception as error:  # a plug-in's, of any kind: it would raise in its race as well
            yield Problem(place, f"{kind} raises at its first decisions: {type(error).__name__}: {error}")
            continue
        if math.isinf(memory):
            yield Problem(place, f"{kind} remembers its start for more than {LONGEST} decisions, the longest warm-up")
        elif memory > longest:
            longest, whose = round(memory), kind
    given = config.warm_up
    if given is not None and given < longest:
        told = f"{given} decisions are fewer than the {longest} in which {whose} forgets its start"
        yield Problem(("warm_up",), f"{told}; write at least {longest}, or leave `warm_up` out")
    n_decisions = max(longest, given or 0) * config.replications
    if n_decisions > MOST_DECISIONS:
        told = f"{max(longest, given or 0)} decisions of warm-up · {config.replications} replications are {n_decisions}"
        yield Problem(("replications",), f"{told}; at most {MOST_DECISIONS}")


def find_warnings(config: RaceConfig) -> Iterator[Problem]:
    """Yield what is valid and perhaps not meant: curves that tell so of themselves, as one that ends before a race."""
    for index, curve in enumerate(config.curves):
        find = getattr(curve, "find_warnings", None)
        if find is not None:
            yield from (Problem(("curves", index), line) for line in find(config.nominal_seconds))


def _check_clock(controller: Controller, false: FalseTimestamps) -> Iterator[Problem]:
    """Yield problems of a rule, or of one that it wraps, with false timestamps."""
    for depth, rule in enumerate(unwrap(controller)):
        kind, place = controllers.name_of(rule), (RULE,) * depth
        if false.reading == "raw" and kind in INVERTING:
            message = "has no answer to a negative interval, which `reading: raw` of false_timestamps allows"
            yield Problem(place, f"{kind} {message}")
        if depth == 0 and get_waiting_law(rule) is not None:
            message = "acts while a block is awaited, by a true clock; false_timestamps would be believed there too"
            yield Problem(place, f"{kind} {message}")


def name_all(specs: object) -> list[str]:
    """Name each plug-in by its kind; where several are of one kind, by the parameters in which they differ as well."""
    given = [_flatten(spec) for spec in as_list(specs)]
    names = []
    for parameters in given:
        told = [f"{key}={value}" for key, value in parameters.items() if key and _differs(key, parameters, given)]
        names.append(" ".join([parameters[""], *told]))
    return names


def _flatten(spec: object) -> dict[str, str]:
    """Return the parameters of a spec as texts, by dotted names; a plug-in in it is named by its kind, itself by ""."""
    found = {"": get_kind(spec)}
    for key, value in spec.items() if isinstance(spec, Mapping) else ():
        if isinstance(value, Mapping) and KIND in value:
            inner = _flatten(value)
            found |= {f"{key}.{name}" if name else str(key): text for name, text in inner.items()}
        elif key != KIND:
            found[str(key)] = _write(value)
    return found


def _write(value: object) -> str:
    """Write a value as a file has it, on one line."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_write(part)}' for key, part in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_write(part) for part in value)}]"
    return value if isinstance(value, str) else show_value(value)


def _differs(key: str, parameters: Mapping[str, str], given: Sequence[Mapping[str, str]]) -> bool:
    """Whether a parameter is another one in some spec of the same kind; where all are identical, all are told.

    One of a plug-in inside (`price.level`) is compared with those in plug-ins of the same kind.
    """
    outer = ["", *accumulate(key.split(".")[:-1], "{}.{}".format)]  # a mistaken key may have a dot and no such plug-in
    alike = [other for other in given if all(other.get(name) == parameters.get(name) for name in outer)]
    is_twin = len(alike) > 1 and all(other == parameters for other in alike)
    return is_twin or any(other.get(key) != parameters[key] for other in alike)


def find_twins(names: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    """Yield a problem for each name that a list has twice."""
    for key, each in names.items():
        for index, name in enumerate(each):
            if name in each[:index]:
                yield Problem((key, index), f"{name} stands here twice")


def check_weights(weights: object, curve_names: Sequence[str]) -> Iterator[Problem]:
    """Yield problems: weights of curves that there are not, and weights that leave no curve."""
    given = weights if isinstance(weights, Mapping) else {}
    for name in given:
        if name not in curve_names:
            yield Problem(("weights", name), f'no curve is called "{name}".{did_you_mean(str(name), curve_names)}')
    if given and curve_names and all(given.get(name, 1.0) == 0.0 for name in curve_names):
        yield Problem(("weights",), "at least one curve needs a weight above 0")


def get_kind(spec: object) -> str:
    """Return the name of a plug-in in its spec, or the text of a value in its place."""
    found = spec.get(KIND) if isinstance(spec, Mapping) else spec
    return found if isinstance(found, str) else show_value(found)


def as_positive(value: object, default: int) -> int:
    """Return a whole number above 0; anything else gives the default, and the schema reports it."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else default


def as_mapping(spec: object) -> dict[str, Any]:
    """Return the whole form of a plug-in's spec, which may be a bare name."""
    return dict(spec) if isinstance(spec, Mapping) else {KIND: get_kind(spec)}


def as_list(value: object) -> list[Any]:
    """Return a list; anything else gives an empty one, and the schema reports it."""
    return value if isinstance(value, list) else []
