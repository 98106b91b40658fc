"""Write what the documentation takes from the code: `.venv/bin/python docs/generate.py`.

A page holds blocks between `<!-- begin: NAME -->` and `<!-- end: NAME -->`; this script replaces what stands between
them and nothing else. A test fails if a page in the tree differs from what is made here.

Output of commands that the pages quote is renewed by `docs/refresh.py`, which takes minutes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Container, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from baseline_page import write_hosts, write_schedule, write_sizes
from deterrence_page import write_needed_slashes, write_slashes
from pydantic import BaseModel
from ruamel.yaml import YAML
from rules_page import write_rules, write_versions, write_what_ifs
from schema_text import Schema, describe, resolve
from strategies_page import write_actions, write_events, write_outside, write_view
from tables import write_table

from sim.agreement.pairs import list_pairs
from sim.agreement.table import write_who_agrees
from sim.difficulty.target import Target
from sim.economy import curves, prices
from sim.economy.timestamps import FalseTimestamps
from sim.execution.sweep_schema import SweepConfig
from sim.gpus import GpuProfile
from sim.metrics.columns import FRAMES, ROWS
from sim.metrics.measures import Measure, run_measures
from sim.race.files import RaceConfig
from sim.race.lab_file import LabConfig
from sim.race.measures import RACE_MEASURES
from sim.registry import Registry
from sim.scenario.load import scenario_json_schema
from sim.studies.search_schema import SearchConfig, TuneConfig
from sim.theory.machines import load_measured_layers

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


# The blocks of pages


def replace_block(text: str, name: str, content: str) -> str:
    """Return the text with the content of one block replaced; raise ValueError where the block is missing."""
    begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
    before, found_begin, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise ValueError(f"no block {begin} ... {end}")
    return f"{before}{begin}\n{content.strip()}\n{end}{after}"


def make_pages() -> dict[Path, str]:
    """Return the text that each page should have, as far as the code decides it."""
    pages = {}
    for name, blocks in BLOCKS.items():
        text = (DOCS / name).read_text(encoding="utf-8")
        for block, make in blocks.items():
            text = replace_block(text, block, make())
        pages[DOCS / name] = text
    return pages


# Frames


def write_frames() -> str:
    """One section a frame, one line a column."""
    parts = []
    for name, columns in FRAMES.items():
        rows = [[f"`{c.name}`", c.dtype, c.unit, c.meaning] for c in columns]
        parts.append(f"## `{name}`\n\nOne row per {ROWS[name]}.\n\n")
        parts.append(write_table(["column", "dtype", "unit", "meaning"], rows) + "\n\n")
    return "".join(parts)


def write_measures(measures: Mapping[str, Measure]) -> str:
    """One line a measure."""
    rows = [[f"`{m.name}`", m.unit, m.meaning, m.law.value] for m in measures.values()]
    return write_table(["measure", "unit", "meaning", "law over runs"], rows)


# The kernel on machines


def write_agreement() -> str:
    """What `powsim kernel agree --table` prints."""
    lines = "\n".join(line.rstrip() for line in write_who_agrees(list_pairs()))
    return f"```text\n{lines}\n```"


def write_measured_layers() -> str:
    """Main net's model on a card with some of its layers, one line a number of layers."""
    headings = ["layers", "nonces/s", "rms error", "valid ones", "claimed", "wrong"]
    rows = []
    for each in load_measured_layers():
        rate, rms_error = f"{each.nonces_per_second:.0f}", f"{each.rms_error:.2g}"
        valid = f"{each.n_valid} in {each.n_nonces}"
        rows.append([str(each.n_layers), rate, rms_error, valid, str(each.n_claimed), str(each.n_wrong)])
    return write_table(headings, rows)


# Sweep and scenario files


SWEEP_EXAMPLES = {
    "grid": "{epochs: [2, 4], work.rate_factor: [0.1, 1]}",
    "list": "[{epochs: 2, work.rate_factor: 0.1}, {epochs: 4, work.rate_factor: 1}]",
    "zip": "{epochs: [2, 4], work.rate_factor: [0.1, 1]}",
    "latin_hypercube": "{n: 50, ranges: {protocol.block_time: [1 s, 10 s]}}",
    "sobol": "{n: 64, ranges: {work.rate_factor: [0.1, 1]}}",
    "replications": "10",
    "until": "{measure: success_rate, half_width: 0.01, max_runs: 200}",
    "measures": "[success_rate, weight_gini]",
    "keep": "[epochs, rewards]",
    "time_limit": "60 s",
}


def write_sweep_keys() -> str:
    """The keys of the section `sweep:`, each with an example that the schema accepts."""
    properties = SweepConfig.model_json_schema(mode="serialization")["properties"]
    for key, example in SWEEP_EXAMPLES.items():
        SweepConfig.model_validate_json(json.dumps({key: YAML(typ="safe", pure=True).load(example)}))
    rows = [[f"`{key}`", f"`{SWEEP_EXAMPLES[key]}`", part["description"]] for key, part in properties.items()]
    return write_table(["key", "for example", "meaning"], rows)


def write_study_keys(config: type[BaseModel], *, without: Container[str] = ()) -> str:
    """The keys of a lab or tune file, or of the section `search:`."""
    schema = config.model_json_schema(mode="serialization")
    rows = []
    for name, part in schema["properties"].items():
        default = "required" if name in schema["required"] else f"`{part['default']}`" if part["default"] else "absent"
        if name not in without:
            rows.append([f"`{name}`", default, part["description"]])
    return write_table(["key", "default", "meaning"], rows)


def write_timestamp_keys() -> str:
    """The keys of `false_timestamps` in a lab file."""
    return _write_section("false_timestamps.", FalseTimestamps.model_json_schema(mode="serialization"), {})


def write_curves(registry: Registry[Any]) -> str:
    """One part per registered compute curve, or price."""
    kinds = [branch for branch in registry.json_schema()["anyOf"] if "properties" in branch]
    return "\n\n".join(_write_plugin(kind).replace("####", "###", 1) for kind in kinds)


def write_keys() -> str:
    """One table a section of the file, in the order of the schema."""
    schema = scenario_json_schema()
    sections = [("", "The whole file", schema), *_find_sections(schema, schema)]
    return "\n\n".join(f"### {title}\n\n{_write_section(prefix, part, schema)}" for prefix, title, part in sections)


def _find_sections(part: Schema, schema: Schema, prefix: str = "") -> Iterator[tuple[str, str, Schema]]:
    for name, below in part["properties"].items():
        below = resolve(below, schema)
        for form in below["anyOf"] if name == "hosts" else [below]:
            inner = resolve(form.get("items", form), schema)
            if "properties" in inner:
                title = "`hosts` from an inventory" if "inventory" in inner["properties"] else f"`{name}`"
                yield f"{prefix}{name}.", title, inner
                yield from _find_sections(inner, schema, f"{prefix}{name}.")


def _write_section(prefix: str, section: Schema, schema: Schema) -> str:
    required = section.get("required", [])
    rows = [
        [f"`{prefix}{name}`", *describe(name, resolve(part, schema), name in required), part.get("description", "")]
        for name, part in section["properties"].items()
    ]
    return write_table(["key", "type", "unit", "default", "meaning"], rows)


def write_plugins(section: str, key: str) -> str:
    """One part per registered plug-in of a key: what it does, and its parameters."""
    schema = scenario_json_schema()
    properties = (schema["$defs"][section] if section else schema)["properties"]
    kinds = [branch for branch in properties[key]["anyOf"] if "properties" in branch]
    return "\n\n".join(_write_plugin(kind) for kind in kinds)


def write_faults() -> str:
    """One part per kind of fault."""
    schema = scenario_json_schema()
    kinds = [resolve(branch, schema) for branch in schema["properties"]["faults"]["items"]["oneOf"]]
    return "\n\n".join(_write_plugin(kind).replace("####", "###", 1) for kind in kinds)


def write_target() -> str:
    """The quantities that a controller can hold at a setpoint."""
    schema = Target.model_json_schema(mode="serialization")
    return _write_section("target.", schema, schema)


def write_gpu_keys() -> str:
    """The keys of a GPU profile's file."""
    schema = GpuProfile.model_json_schema(mode="serialization")
    rows = []
    for name, part in schema["properties"].items():
        type_, _, default = describe(name, part, name in schema["required"])
        rows.append([f"`{name}`", type_, default, part["description"]])
    return write_table(["key", "type", "default", "meaning"], rows)


def _write_plugin(kind: Schema) -> str:
    name = kind["properties"]["kind"]["const"]
    text = re.sub(r"\s*\bReference: .*", "", kind["description"], flags=re.DOTALL)
    rows = list(_parameters(kind))
    table = write_table(["parameter", "type", "unit", "default", "meaning"], rows) if rows else "It has no parameters."
    return f"#### `{name}`\n\n{text}\n\n{table}"


def _parameters(part: Schema, prefix: str = "") -> Iterator[list[str]]:
    """All parameters; what stands inside a mapping gets a dotted name."""
    for name, below in part["properties"].items():
        if not prefix and name == "kind":
            continue
        if name == "target":
            yield [f"`{name}`", f"a mapping, see [`{name}`](#{name})", "", "required", "the controlled quantity"]
        elif "properties" in below:
            yield from _parameters(below, f"{prefix}{name}.")
        else:
            described = describe(name, below, name in part.get("required", []))
            yield [f"`{prefix}{name}`", *described, below.get("description", "")]
            if "properties" in below.get("items", {}):
                yield from _parameters(below["items"], f"{prefix}{name}.")


BLOCKS: dict[str, dict[str, Callable[[], str]]] = {
    "frames.md": {"frames": write_frames},
    "agreement.md": {"powsim kernel agree --table": write_agreement},
    "kernel.md": {"layers on a card": write_measured_layers},
    "scenario.md": {
        "keys": write_keys,
        "faults": write_faults,
        "target": write_target,
        "controllers": lambda: write_plugins("", "difficulty"),
        "strategies": lambda: write_plugins("HostGroup", "strategy"),
        "topologies": lambda: write_plugins("NetworkConfig", "topology"),
        "proof schemes": lambda: write_plugins("RuleSwitches", "proof"),
    },
    "how_a_run_works.md": {"schedule of the baseline": write_schedule, "hosts of the baseline": write_hosts},
    "plugins.md": {
        **{f"strategy {name}": partial(write_outside, name) for name in ("no_seed", "no_layers", "vote_pool")},
        "view": write_view,
        "events": write_events,
        "actions": write_actions,
        "keys of a GPU profile": write_gpu_keys,
    },
    "detection.md": {"slashes": write_slashes, "needed slashes": write_needed_slashes},
    "limits.md": {"sizes": write_sizes},
    "laptop_to_cluster.md": {"keys of a sweep": write_sweep_keys},
    "search.md": {"keys of a search": lambda: write_study_keys(SearchConfig)},
    "statistics.md": {"measures": lambda: write_measures({each.name: each for each in run_measures.choose()})},
    "choosing_a_controller.md": {
        "keys of a lab": lambda: write_study_keys(LabConfig),
        "keys of a tune file": lambda: write_study_keys(TuneConfig, without=RaceConfig.model_fields),
        "keys of false timestamps": write_timestamp_keys,
        "curves": lambda: write_curves(curves),
        "prices": lambda: write_curves(prices),
        "measures of a race": lambda: write_measures(RACE_MEASURES),
    },
    "rules.md": {"versions": write_versions, "what-ifs": write_what_ifs, "rules": write_rules},
}


def main() -> None:
    """Write every page whose blocks come from the code."""
    for page, text in make_pages().items():
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
