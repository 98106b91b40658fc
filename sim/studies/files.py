"""What a file describes: a scenario, a sweep, a lab or a search."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from sim.documents.source import read_source
from sim.documents.yaml_tree import parse_document
from sim.errors import UserError
from sim.execution.sweep_file import Sweep, load_sweep_file
from sim.execution.sweep_schema import sweep_json_schema
from sim.metrics.measures import run_measures
from sim.race.lab_file import Lab, LabConfig, load_lab
from sim.race.tune_file import Tune, load_tune, tune_json_schema
from sim.scenario.load import JSON_SCHEMA, LAB_KEY, SWEEP_KEY, TUNE_KEY, load_scenario, scenario_json_schema
from sim.scenario.overrides import Overrides
from sim.scenario.schema import Scenario
from sim.studies.points import KNOWN_MEASURES
from sim.terminal import make_console


class FileKind(StrEnum):
    """Kinds of files."""

    SCENARIO = "scenario"
    SWEEP = "sweep"
    LAB = "lab"
    TUNE = "tune"


def find_kind(path: str | os.PathLike[str]) -> FileKind:
    """Return what a file looks like, by the keys that only one kind has; raises ScenarioError where it is no YAML."""
    tree = parse_document(read_source(path), os.fspath(path)).tree
    keys = {TUNE_KEY: FileKind.TUNE, LAB_KEY: FileKind.LAB, SWEEP_KEY: FileKind.SWEEP}
    found = (kind for key, kind in keys.items() if isinstance(tree, Mapping) and key in tree)
    return next(found, FileKind.SCENARIO)


def load_any(
    path: str | os.PathLike[str], overrides: Overrides = (), kind: FileKind | None = None
) -> Scenario | Sweep | Lab | Tune:
    """Return what a file describes, of the given kind or of the one it looks like; raises ScenarioError."""
    kind = find_kind(path) if kind is None else kind
    if kind is FileKind.TUNE:
        return load_tune(path, KNOWN_MEASURES, overrides)
    if kind is FileKind.LAB:
        return load_lab(path, overrides)
    if kind is FileKind.SWEEP:
        return load_sweep_file(path, overrides, run_measures.names())
    return load_scenario(path, overrides)


def get_json_schema(kind: FileKind) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a kind of file."""
    if kind is FileKind.TUNE:
        return tune_json_schema()
    if kind is FileKind.LAB:
        return {"$schema": JSON_SCHEMA, **LabConfig.model_json_schema(mode="serialization")}
    return sweep_json_schema() if kind is FileKind.SWEEP else scenario_json_schema()


def choose_kind(*, sweep: bool = False, lab: bool = False, tune: bool = False) -> FileKind | None:
    """Return the kind that options name; raises UserError where they name several."""
    chosen = [kind for kind, is_on in ((FileKind.SWEEP, sweep), (FileKind.LAB, lab), (FileKind.TUNE, tune)) if is_on]
    if len(chosen) > 1:
        raise UserError(f"--{' and --'.join(chosen)}: a file is of one kind")
    return chosen[0] if chosen else None


def print_checked(found: Scenario | Sweep | Lab | Tune, file: Path) -> None:
    """Say that a scenario, sweep, lab or tune file is fine, and what is in it."""
    if isinstance(found, Scenario):
        n_hosts = sum(group.count for group in found.hosts)
        told = f"{found.epochs} epochs, {n_hosts} hosts in {len(found.hosts)} groups"
    elif isinstance(found, Lab):
        told = f"{len(found.controller_names)} controllers on {len(found.curve_names)} curves"
    elif isinstance(found, Tune):
        told = f"{found.config.trials} trials of {found.kind}, varied: {', '.join(found.config.parameters)}"
    else:
        told = f"{len(found.points)} points, varied: {', '.join(found.axes)}"
    make_console().print(f"{file}: fine: {found.name}, {told}", soft_wrap=True)
