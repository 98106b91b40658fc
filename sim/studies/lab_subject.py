"""A lab that a search varies: its controllers on all its curves, many variants on several processes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from typing_extensions import override

from sim.difficulty import controllers
from sim.documents.document import Document, dump_tree
from sim.errors import UserError
from sim.execution.known import check_workers_know
from sim.execution.pool import LocalPool
from sim.files.lock import Claim
from sim.race.files import find_warnings, name_all
from sim.race.lab_file import LabConfig, build_lab
from sim.race.measures import RACE_MEASURES
from sim.race.rig import lay_out
from sim.studies.lab import RACE_FAILED, find_measures, make_setup, race_and_measure
from sim.studies.pasting import Destination, write_block, write_controller
from sim.studies.subjects import Evaluate, Report, Scores, Subject, WinnerFile, derive_seed


class LabSubject(Subject):
    """Races of a lab's controllers; with several controllers, a measure is its mean over them."""

    noun, measures = "race", RACE_MEASURES

    def __init__(self, document: Document, config: LabConfig, destination: Destination | None = None) -> None:
        """`destination`: where the winner goes, if it is no lab."""
        self._destination = destination
        self.document, self.config = document, config
        self.seed, self.n_replications = config.seed, config.replications
        self.weights = {name: config.weights.get(name, 1.0) for name in name_all(document.tree.get("curves"))}
        self.warnings = tuple(document.locate(problem) for problem in find_warnings(config))
        self.title = ", ".join(controllers.name_of(each) for each in config.controllers)

    @override
    def build(self, document: Document) -> LabConfig:
        return build_lab(document).config

    @override
    def resolve(self, variant: LabConfig) -> Any:
        return json.loads(variant.model_dump_json())

    @override
    def find_measures(self, variant: LabConfig) -> list[set[str]]:
        return find_measures(variant)

    @override
    def count_steps(self, n_variants: int) -> int:
        return n_variants

    @override
    def check_workers(self, variants: Sequence[LabConfig], n_workers: int) -> None:
        if n_workers > 1:
            check_workers_know("search", variants)

    @override
    @contextmanager
    def open(self, claim: Claim, n_workers: int) -> Iterator[Evaluate]:
        with _open_map(n_workers) as map_all:

            def evaluate(variants: Sequence[LabConfig], purpose: str, report: Report) -> Iterator[Scores]:
                for scores in map_all(partial(race, seed=derive_seed(self.seed, "tune", purpose)), variants):
                    yield scores
                    report(purpose)

            yield evaluate

    @override
    def write_winner(self, name: str, document: Document) -> WinnerFile:
        text = dump_tree(document.tree)
        variant = self.build(document)
        if len(variant.controllers) > 1:
            return WinnerFile("winner.yaml", f"# The lab of the search {name}, with the values that it found.\n{text}")
        (controller,), refusal = variant.controllers, ""
        if self._destination is not None:
            try:
                return WinnerFile("difficulty.yaml", write_block(name, controller, variant, self._destination))
            except UserError as error:
                refusal = f"no block for {self._destination.name}: {error}"
        return WinnerFile("controller.yaml", write_controller(name, controller, variant), refusal)


@contextmanager
def _open_map(n_workers: int) -> Iterator[Any]:
    if n_workers <= 1:
        yield map
        return
    with LocalPool(n_workers) as pool:
        yield pool.map


def race(config: LabConfig, seed: int) -> Scores:
    """Race a lab's controllers on every curve; a plug-in that raises costs this variant and no other."""
    try:
        return _race(config, seed)
    except UserError:
        raise
    except Exception as error:
        return Scores(error=f"{RACE_FAILED}{type(error).__name__}: {error}")


def _race(config: LabConfig, seed: int) -> Scores:
    setups = [replace(make_setup(config, each), seed=seed) for each in config.controllers]
    found = []
    for curve in config.curves:
        curves, entries = lay_out(curve, setups[0]), zip(config.controllers, setups, strict=True)
        found.append(_average([race_and_measure(each, curves, setup)[1] for each, setup in entries]))
    return Scores(found)


def _average(measured: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: sum(each[name] for each in measured) / len(measured) for name in measured[0]}
