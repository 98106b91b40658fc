"""A scenario file to a frozen Scenario, with every mistake at once, and back."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.representer import RoundTripRepresenter

from sim.documents.document import Document, Place
from sim.documents.yaml_tree import parse_document, read_document
from sim.errors import ScenarioError
from sim.problems import problems_of, show_value
from sim.scenario.checks import scenario_problems
from sim.scenario.files import resolve_files
from sim.scenario.inventory import expand_inventory
from sim.scenario.overrides import Overrides, apply_overrides, make_document
from sim.scenario.raw import is_count
from sim.scenario.schema import Scenario

JSON_SCHEMA = "https://json-schema.org/draft/2020-12/schema"


Source = str | os.PathLike[str] | Mapping[str, object] | Scenario
"""A file, a mapping as a file would hold it, or a scenario that is loaded."""


def load_scenario(source: Source, overrides: Overrides = (), seed: int | None = None) -> Scenario:
    """Return the scenario of any source, with overrides (`{"hosts.0.count": 3}` or `["hosts.0.count=3"]`) and seed.

    A loaded one is taken as it is where nothing changes it. Raises ScenarioError with every mistake, each at its
    file:line:column, at the override that made it, or with its dotted path where it stands in no file.
    """
    if isinstance(source, Scenario) and not overrides and (seed is None or is_count(seed)):
        return source if seed is None else source.model_copy(update={"seed": seed})
    return _finish_scenario(open_document(source), overrides, seed)


def open_document(source: Source, called: str = "scenario") -> Document:
    """Return the tree of any source, unchecked; mistakes call a mapping so, which has no file's name."""
    if isinstance(source, Scenario):
        return Document(source.model_dump(mode="json"), {(): Place(source.name)})
    if isinstance(source, Mapping):
        return make_document(source, called)
    return read_document(source)


def parse_scenario(text: str, source: str = "scenario", overrides: Overrides = (), seed: int | None = None) -> Scenario:
    """Return the scenario of a YAML text; `source` names it in mistakes. See `load_scenario`."""
    return _finish_scenario(parse_document(text, source), overrides, seed)


def _finish_scenario(document: Document, overrides: Overrides, seed: int | None) -> Scenario:
    if not isinstance(document.tree, Mapping):
        message = f"a scenario is a mapping with the keys {', '.join(Scenario.model_fields)}, not {{}}"
        shown = show_value(document.tree)
        raise ScenarioError([*document.mistakes, document.places[()].mistake(message.format(shown))])
    apply_overrides(document, overrides, seed)
    return build_scenario(document)


def build_scenario(document: Document) -> Scenario:
    """Return the scenario of a document; raises ScenarioError with the document's mistakes and all others."""
    scenario: Scenario | None = None
    problems = []
    told = resolve_files(document) | expand_inventory(document)
    try:
        # A YAML tree is JSON, and pydantic's strict mode takes a list for a tuple from JSON only.
        scenario = Scenario.model_validate_json(json.dumps(document.tree))
    except ValidationError as error:
        # Validation stops before the checks across fields where a field is wrong; the raw tree gives them as well.
        problems = [*problems_of(error, scenario_json_schema()), *scenario_problems(document.tree)]
        problems = [problem for problem in problems if not any(problem.loc[: len(part)] == part for part in told)]
    mistakes = [*document.mistakes, *(document.locate(problem) for problem in problems)]
    if scenario is None or mistakes:
        raise ScenarioError(mistakes)
    return scenario


def dump_scenario(scenario: Scenario) -> str:
    """Return the resolved scenario as YAML: all defaults, with units. It loads again to an equal Scenario."""
    yaml = YAML(typ="rt", pure=True)
    yaml.Representer = _Representer
    yaml.default_flow_style = False
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    yaml.dump(scenario.model_dump(mode="json"), text)
    return text.getvalue()


class _Representer(RoundTripRepresenter):
    """Writes `null`; the usual empty place looks like a forgotten value."""

    def represent_none(self, _data: None) -> Any:
        return self.represent_scalar("tag:yaml.org,2002:null", "null")


_Representer.add_representer(type(None), _Representer.represent_none)


@cache
def scenario_json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a scenario file, with every controller, strategy and topology."""
    # mode: a default is shown as it would be written ("5.6 s"), not as it is held (5.6).
    schema = Scenario.model_json_schema(mode="serialization")
    return {"$schema": JSON_SCHEMA, **schema}
