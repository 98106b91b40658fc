"""A sweep file -> its points, checked -> run specifications.

A sweep is a scenario with a section `sweep:`, or a file with `scenario: FILE` and `sweep:`. Every point is checked
like a scenario of its own before anything runs.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.documents.document import Document, Place, dump_tree
from sim.errors import Mistake, ScenarioError, did_you_mean
from sim.execution.designs import DesignError, Point, Setting, compute_points, count_points
from sim.execution.sweep_schema import MAX_POINTS, SweepConfig
from sim.metrics.columns import FRAMES
from sim.problems import Problem, read_model
from sim.scenario.beside import join_base
from sim.scenario.load import Source, build_scenario, open_document
from sim.scenario.overrides import Overrides, apply_overrides, apply_value, vary
from sim.streams import draw_generator

SWEEP_KEY = "sweep"
NO_SECTION = "no `sweep:` section: a sweep is a scenario with one, or a file with `scenario:` and `sweep:`"
MOST_MISTAKES = 20
ID_DIGITS = 16
CACHED = re.compile(r'"cache":"(?:[^"\\]|\\.)*"')  # the folder of the kernel's distances, on which no result depends
SEED_BITS = 63


@dataclass(frozen=True)
class SweepPoint:
    """One point: a value per axis, and the whole scenario that they make, as JSON, which is YAML too."""

    values: tuple[Any, ...]
    scenario_json: str


@dataclass(frozen=True)
class Sweep:
    """A checked sweep. `text` is the sweep as one YAML file: two sweeps are the same if their texts are."""

    name: str
    seed: int
    axes: tuple[str, ...]
    points: tuple[SweepPoint, ...]
    config: SweepConfig
    text: str


@dataclass(frozen=True)
class RunSpec:
    """One run: a point with one seed. Small and picklable; `run_id` is the hash of its content and the code."""

    run_id: str
    point: int
    replication: int
    seed: int
    scenario_json: str


def load_sweep_file(
    path: str | os.PathLike[str], overrides: Overrides = (), measures: Collection[str] | None = None
) -> Sweep:
    """Return the sweep of a file; `measures` are the names that it may take and watch (None: any).

    Raises ScenarioError with every mistake, each at its file:line:column or at the override that made it.
    """
    return make_sweep(open_sweep(path, {})[0], overrides, measures)


def make_sweep(document: Document, overrides: Overrides = (), measures: Collection[str] | None = None) -> Sweep:
    """Return the sweep of a document that has a section for it; see `load_sweep_file`."""
    apply_overrides(document, overrides)
    text = dump_tree(document.tree)
    section = document.tree.pop(SWEEP_KEY)
    config = _parse_config(document, section, measures)
    seed = document.tree.get("seed", 1)
    n_points = count_points(config)
    if n_points > MAX_POINTS:
        raise document.refuse([Problem((SWEEP_KEY,), f"{n_points} points; at most {MAX_POINTS}")])
    try:
        found = compute_points(config, seed if isinstance(seed, int) else 1)
    except DesignError as error:
        raise document.refuse(problem.below(SWEEP_KEY) for problem in error.problems) from None
    points = _build_points(document, found)
    name, seed = (json.loads(points[0].scenario_json)[key] for key in ("name", "seed"))
    return Sweep(name, seed, tuple(setting.axis for setting in found[0]), points, config, text)


def open_sweep(source: Source, section: Mapping[str, object]) -> tuple[Document, bool]:
    """Return a scenario's or a sweep's tree with keys of its section given in Python, and whether it is a sweep file.

    Raises ScenarioError where neither says how the sweep varies.
    """
    document = open_document(source)
    if not isinstance(document.tree, dict) or (SWEEP_KEY not in document.tree and not section):
        raise ScenarioError([*document.mistakes, document.places[()].mistake(NO_SECTION)])
    folder = Path(source).parent if isinstance(source, str | os.PathLike) and SWEEP_KEY in document.tree else None
    if folder is not None:
        document, _ = join_base(document, folder, ("scenario",), SWEEP_KEY)
    for key, value in section.items():
        apply_value(document, f"{SWEEP_KEY}.{key}", value, Place(f"sim.sweep({key}=...)"))
    return document, folder is not None


def make_run_spec(sweep: Sweep, point: int, replication: int, code_version: str) -> RunSpec:
    """Return one run of a sweep."""
    return specify(sweep.points[point].scenario_json, sweep.seed, point, replication, code_version)


def specify(scenario_json: str, study_seed: int, point: int, replication: int, code_version: str) -> RunSpec:
    """Return one run of a scenario; the point's number is no part of its `run_id`."""
    seed = derive_seed(study_seed, replication)
    content = json.dumps([CACHED.sub('"cache":null', scenario_json), seed, replication, code_version])
    run_id = hashlib.sha256(content.encode()).hexdigest()[:ID_DIGITS]
    return RunSpec(run_id, point, replication, seed, scenario_json)


def find_stranger(sweep: Sweep, code_version: str, row: Any) -> str | None:
    """Return why a finished run, by its identity, is none of the sweep; None where it is one."""
    if not 0 <= row.point < len(sweep.points):
        return f"a run of point {row.point}, and the sweep has the points 0 to {len(sweep.points) - 1}"
    spec = make_run_spec(sweep, row.point, row.replication, code_version)
    if (row.run_id, row.seed) != (spec.run_id, spec.seed):
        return f"a run of another sweep or code: point {row.point}, replication {row.replication} is {spec.run_id} here"
    return None


def derive_seed(sweep_seed: int, replication: int) -> int:
    """Return a replication's seed. The point has no part in it: variants share their random numbers."""
    return int(draw_generator(sweep_seed, "sweep", "replication", replication).integers(2**SEED_BITS))


def _parse_config(document: Document, section: object, measures: Collection[str] | None) -> SweepConfig:
    config, wrong = read_model(SweepConfig, section)
    if config is None:
        raise document.refuse(problem.below(SWEEP_KEY) for problem in wrong)
    problems = [*_check_kept(config), *([] if measures is None else _check_measures(config, measures))]
    document.mistakes += [document.locate(problem.below(SWEEP_KEY)) for problem in problems]
    return config


def _check_kept(config: SweepConfig) -> Iterator[Problem]:
    for index, name in enumerate(config.keep):
        if name not in FRAMES:
            yield Problem(("keep", index), f'unknown frame "{name}".{did_you_mean(name, FRAMES)}')


def _check_measures(config: SweepConfig, known: Collection[str]) -> Iterator[Problem]:
    for index, name in enumerate(config.measures or ()):
        if name not in known:
            yield Problem(("measures", index), f'unknown measure "{name}".{did_you_mean(name, known)}')
    watched = config.until.measure if config.until else None
    if watched is not None and watched not in (config.measures or known):
        message = f'unknown measure "{watched}".{did_you_mean(watched, config.measures or known)}'
        yield Problem(("until", "measure"), message)


def _build_points(document: Document, points: list[Point]) -> tuple[SweepPoint, ...]:
    """Build every point's scenario; raises ScenarioError with the document's mistakes and those of all points."""
    built: list[SweepPoint] = []
    mistakes: dict[tuple[Place, str], Mistake] = {}  # one a place: many points may have it
    first: dict[str, int] = {}
    for index, point in enumerate(points):
        try:
            scenario_json = _build_point(document, point)
        except ScenarioError as error:
            for mistake in error.mistakes:
                place = Place(mistake.source, mistake.line, mistake.column)
                mistakes.setdefault((place, mistake.path or mistake.message), mistake)
            if len(mistakes) >= MOST_MISTAKES:
                break
            continue
        if first.setdefault(scenario_json, index) != index:
            message = f"points {first[scenario_json]} and {index} are the same scenario"
            place = document.find_place((SWEEP_KEY, *point[-1].key))
            mistakes.setdefault((place, SWEEP_KEY), place.mistake(message, (SWEEP_KEY,)))
        built.append(SweepPoint(tuple(setting.value for setting in point), scenario_json))
    if mistakes or document.mistakes:
        raise ScenarioError([*document.mistakes, *mistakes.values()])
    return tuple(built)


def _build_point(document: Document, point: Point) -> str:
    settings = ((each.axis, each.value, document.find_place((SWEEP_KEY, *each.loc))) for each in point)
    varied = vary(Document(document.tree, document.places), settings)
    try:
        return build_scenario(varied).model_dump_json()
    except ScenarioError as error:
        raise ScenarioError(_move_to_axes(document, point, error.mistakes)) from None


def _move_to_axes(document: Document, point: Point, mistakes: Iterable[Mistake]) -> Iterator[Mistake]:
    """Show a path to no key at the axis rather than at its value, which may be fine."""
    by_place = {document.find_place((SWEEP_KEY, *setting.loc)): setting for setting in point}
    for mistake in mistakes:
        setting = by_place.get(Place(mistake.source, mistake.line, mistake.column))
        if setting is not None and _is_of_path(mistake, setting):
            yield document.find_place((SWEEP_KEY, *setting.key)).mistake(mistake.message, (mistake.path,))
        else:
            yield mistake


def _is_of_path(mistake: Mistake, setting: Setting) -> bool:
    if not mistake.path:
        return True  # refused before it reached the tree
    is_unknown = mistake.message.startswith("unknown key")
    return is_unknown and mistake.path.count(".") <= setting.axis.count(".")
