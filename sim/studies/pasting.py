"""The rule that a search found, in the units of where it goes: a lab like the search's, or a scenario.

A scenario's rule decides once an epoch; a search may have decided once a block. What a rule's parameters count is one
or the other, so that a block is written for a named network, and only where its numbers keep their meaning.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sim.difficulty import controllers
from sim.difficulty.base import Controller
from sim.documents.document import Document, Place, dump_tree
from sim.documents.yaml_tree import read_document
from sim.errors import ScenarioError, UserError
from sim.race.files import RaceConfig, walk_specs
from sim.registry import KIND
from sim.scenario.load import build_scenario
from sim.scenario.overrides import vary
from sim.studies.domains import DIGITS

SAME_LENGTH = 0.005  # relative: an interval and an epoch that differ by less are equally long
LONG = 4.0  # epochs
SHORTEST_MEMORY = 1.0  # epochs; a rule that decides once an epoch forgets no sooner


def _divide(n: float, ratio: float) -> float:
    """Digits as the search finds them."""
    return float(f"{n / ratio:.{DIGITS}g}")


_COUNTING: dict[str, tuple[str, Callable[[float, float], float]]] = {
    "sma": ("window", lambda n, ratio: round(n / ratio)),
    "lwma": ("window", lambda n, ratio: round(n / ratio)),
    "epoch_average": ("period", lambda n, ratio: round(n / ratio)),
    "ema": ("lifetime", _divide),
    "wtema": ("lifetime", _divide),
    "asert": ("half_life", _divide),
}
"""Kinds whose only number that counts decisions is a memory, and that memory in epochs of `ratio` intervals each."""


@dataclass(frozen=True)
class Destination:
    """The scenario that a winner goes into."""

    name: str
    """Of its file."""
    document: Document
    epoch_seconds: float

    def carry_over(self, controller: Controller, config: RaceConfig, *, whatever: bool = False) -> dict[str, Any]:
        """Return the rule's spec in this network's epochs; raises UserError with the reason where it has none.

        `whatever`: only reasons count that hold whatever the length of the rule's memory is.
        """
        spec, nonces = controllers.spec_of(controller), config.quota
        ratio = self.epoch_seconds / config.interval_seconds
        if abs(ratio - 1.0) > SAME_LENGTH:
            spec = self._stretch(spec, ratio, config, whatever=whatever)
            nonces = max(1, round(self.epoch_seconds / config.spacing))
        for each in walk_specs(spec):
            if each.get("target") is not None:
                each["target"] = {"valid_nonces_per_epoch": nonces}
        changed = vary(self.document, [("difficulty", spec, Place(self.name))])
        try:
            build_scenario(changed)
        except ScenarioError as error:
            raise UserError("; ".join(wrong.message for wrong in error.mistakes)) from error
        return spec

    def _stretch(self, spec: Mapping[str, Any], ratio: float, config: RaceConfig, *, whatever: bool) -> dict[str, Any]:
        lengths = f"an epoch there lasts {self.epoch_seconds:g} s, an interval here {config.interval_seconds:g} s"
        if spec[KIND] not in _COUNTING:
            raise UserError(
                f"{lengths}, and what {spec[KIND]} does per decision does not carry over: make spacing · quota an epoch"
            )
        name, convert = _COUNTING[spec[KIND]]
        memory = convert(spec[name] if not whatever else max(spec[name], LONG * ratio), ratio)
        if memory < SHORTEST_MEMORY:
            raise UserError(
                f"{lengths}: {name} {spec[name]:g} would be {spec[name] / ratio:.3g} epochs, and a rule that "
                "decides once an epoch has no memory shorter than one"
            )
        return {**spec, name: memory}


def open_destination(path: str) -> Destination:
    """Return the network of a scenario file. Raises ScenarioError."""
    path = os.path.normpath(path)
    document = read_document(path)
    protocol = build_scenario(vary(document, ())).protocol
    return Destination(path, document, protocol.epoch_length * protocol.block_time)


def write_block(name: str, controller: Controller, config: RaceConfig, destination: Destination) -> str:
    """Return the section `difficulty` for a network; raises UserError as `Destination.carry_over` does."""
    spec = destination.carry_over(controller, config)
    head = (
        f"# From the search {name}, for {destination.name}: memories count its epochs, "
        f"{destination.epoch_seconds:g} s each, and a decision\n# is in force one epoch later.\n"
    )
    return head + dump_tree({"difficulty": spec})


def write_controller(name: str, controller: Controller, config: RaceConfig) -> str:
    """Return the rule as a lab of the search's own spacing and quota has it."""
    spec = controllers.spec_of(controller)
    for each in walk_specs(spec):
        each.pop("target", None)  # a lab has one for all
    unit = "nonce" if config.quota == 1 else f"{config.quota} nonces"
    head = (
        f"# From the search {name}, for labs that decide after every {unit}, once in {config.interval_seconds:g} s. A "
        "scenario decides once\n# an epoch: `paste_into: SCENARIO` in the search's file writes the block for it.\n"
    )
    return head + dump_tree({"controllers": [spec]})
