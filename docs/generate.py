"""Write what the documentation takes from the code: `.venv/bin/python docs/generate.py`.

A page holds blocks between `<!-- begin: NAME -->` and `<!-- end: NAME -->`; this script replaces what stands between
them and nothing else. A test fails if a page in the tree differs from what is made here.

Output of commands that the pages quote is renewed by `docs/refresh.py`, which takes minutes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pow.sphere import hit_probability
from sim.economy import curves
from sim.gpus import GpuProfile, load_gpu
from sim.metrics.columns import FRAMES, ROWS
from sim.metrics.measures import MEASURES, Measure
from sim.nodes.host import STATE_SYNC_BYTES
from sim.protocol.stages import Schedule
from sim.protocol.state import Block
from sim.protocol.transactions import BYTES_PER_NONCE, CLAIM_BYTES, ENVELOPE_BYTES, SEED_BYTES, VALIDATION_BYTES
from sim.race.measures import RACE_MEASURES
from sim.scenario import Scenario, load_scenario, scenario_json_schema
from sim.scenario.lab import LabConfig
from sim.scenario.sweep_schema import SweepConfig
from sim.units import BIT_RATE, SIZE, TIME
from sim.world import build_ml_nodes, build_params

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
BASELINE = ROOT / "scenarios" / "baseline.yaml"
COUNTED = re.compile(r"\b(blocks|epochs|nonces|hosts|peers|batches)\b")  # what a whole number counts, by its meaning
Schema = Mapping[str, Any]


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


def write_table(headings: list[str], rows: Iterator[list[str]] | list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


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


# Sweep and scenario files


SWEEP_EXAMPLES = {
    "grid": "{epochs: [2, 4], work.rate_factor: [0.1, 1]}",
    "list": "[{epochs: 2, work.rate_factor: 0.1}, {epochs: 4, work.rate_factor: 1}]",
    "zip": "{epochs: [2, 4], work.rate_factor: [0.1, 1]}",
    "latin_hypercube": "{n: 50, ranges: {protocol.block_time: [1 s, 10 s]}}",
    "sobol": "{n: 64, ranges: {work.rate_factor: [0.1, 1]}}",
    "replications": "10",
    "until": "{measure: success_rate, half_width: 0.01, max_runs: 200}",
    "time_limit": "60 s",
}


def write_sweep_keys() -> str:
    """The keys of the section `sweep:`, each with an example that the schema accepts."""
    properties = SweepConfig.model_json_schema(mode="serialization")["properties"]
    for key, example in SWEEP_EXAMPLES.items():
        SweepConfig.model_validate_json(json.dumps({key: YAML(typ="safe", pure=True).load(example)}))
    rows = [[f"`{key}`", f"`{SWEEP_EXAMPLES[key]}`", part["description"]] for key, part in properties.items()]
    return write_table(["key", "for example", "meaning"], rows)


def write_lab_keys() -> str:
    """The keys of a lab file."""
    schema = LabConfig.model_json_schema(mode="serialization")
    rows = []
    for name, part in schema["properties"].items():
        default = "required" if name in schema["required"] else f"`{part['default']}`" if part["default"] else "absent"
        rows.append([f"`{name}`", default, part["description"]])
    return write_table(["key", "default", "meaning"], rows)


def write_curves() -> str:
    """One part per registered compute curve."""
    kinds = [branch for branch in curves.json_schema()["anyOf"] if "properties" in branch]
    return "\n\n".join(_write_plugin(kind).replace("####", "###", 1) for kind in kinds)


def write_keys() -> str:
    """One table a section of the file, in the order of the schema."""
    schema = scenario_json_schema()
    sections = [("", "The whole file", schema)]
    for name in schema["properties"]:
        part = _resolve(schema["properties"][name], schema)
        part = _resolve(part.get("items", part), schema)
        if "properties" in part:
            sections.append((f"{name}.", f"`{name}`", part))
    return "\n\n".join(f"### {title}\n\n{_write_section(prefix, part, schema)}" for prefix, title, part in sections)


def _write_section(prefix: str, section: Schema, schema: Schema) -> str:
    required = section.get("required", [])
    rows = [
        [f"`{prefix}{name}`", *_describe(name, _resolve(part, schema), name in required), part.get("description", "")]
        for name, part in section["properties"].items()
    ]
    return write_table(["key", "type", "unit", "default", "meaning"], rows)


def write_plugins(section: str, key: str) -> str:
    """One part per registered plug-in of a key: what it does, and its parameters."""
    schema = scenario_json_schema()
    properties = (schema["$defs"][section] if section else schema)["properties"]
    kinds = [branch for branch in properties[key]["anyOf"] if "properties" in branch]
    return "\n\n".join(_write_plugin(kind) for kind in kinds)


def write_gpu_keys() -> str:
    """The keys of a GPU profile's file."""
    schema = GpuProfile.model_json_schema(mode="serialization")
    rows = []
    for name, part in schema["properties"].items():
        type_, _, default = _describe(name, part, name in schema["required"])
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
        if "properties" in below:
            yield from _parameters(below, f"{prefix}{name}.")
        else:
            described = _describe(name, below, name in part.get("required", []))
            yield [f"`{prefix}{name}`", *described, below.get("description", "")]


def _resolve(part: Schema, schema: Schema) -> Schema:
    """Follow a reference; the place's own description stays."""
    if "$ref" not in part:
        return part
    target = schema["$defs"][part["$ref"].rsplit("/", 1)[-1]]
    return {**target, **{key: value for key, value in part.items() if key != "$ref"}}


def _describe(name: str, part: Schema, is_required: bool) -> tuple[str, str, str]:
    """Return type, unit and default as texts."""
    if is_required:
        default = "required"
    elif "default" not in part:
        default = "all defaults"
    elif part["default"] is None:
        default = "absent"
    else:
        default = f"`{part['default']}`" if part["default"] != "" else "empty"
    return _describe_type(name, part), _describe_unit(part), default


def _describe_type(name: str, part: Schema) -> str:
    branches = [branch for branch in part.get("anyOf", part.get("oneOf", [])) if branch.get("type") != "null"]
    if any("kind" in branch.get("properties", {}) for branch in branches):
        return f"a plug-in, see [below](#{ANCHORS[name]})"
    if branches:
        return " or ".join(_describe_type(name, branch) for branch in branches)
    if "$ref" in part:
        return "a mapping" if name != "params" else f"a mapping, see [kernel 2]({KERNEL_2})"
    if "properties" in part:
        return f"a mapping, see [`{name}`](#{name})"
    if part.get("type") == "array":
        return f"a list, see [`{name}`](#{name})" if name == "hosts" else "a list of such texts"
    if "const" in part or "enum" in part:
        return ", ".join(f"`{value}`" for value in part.get("enum", [part.get("const")]))
    return _describe_scalar(part)


def _describe_scalar(part: Schema) -> str:
    kind = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text"}[part["type"]]
    if (dimension := _get_dimension(part)) is not None:
        return f"{dimension.name.removeprefix('a ')} with its unit"
    if "epoch" in part.get("pattern", ""):
        return "`epoch 5`"
    if "examples" in part:
        return f"text like `{part['examples'][0]}`"
    if "pattern" in part:
        return "a letter, then letters, digits, - and _"
    bounds = [
        f"{sign} {part[key]:,}".replace(",", " ").removesuffix(".0")
        for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
        if key in part
    ]
    even = [f"a multiple of {part['multipleOf']}"] if "multipleOf" in part else []
    return ", ".join([" ".join([kind, *bounds[:1]]), *bounds[1:], *even])


def _describe_unit(part: Schema) -> str:
    if (dimension := _get_dimension(part)) is not None:
        return ", ".join(dimension.units)
    branches = part.get("anyOf", [part])
    if any(branch.get("type") == "integer" for branch in branches):
        found = COUNTED.search(part.get("description", ""))
        return found[0] if found else ""
    return ""


def _get_dimension(part: Schema) -> Any:
    return next((d for d in (TIME, SIZE, BIT_RATE) if list(d.examples) == part.get("examples")), None)


KERNEL_2 = "specification/kernel.md#2-parameters-of-the-model"
ANCHORS = {"difficulty": "controllers", "strategy": "strategies", "topology": "topologies"}


# The baseline scenario in numbers


def write_schedule() -> str:
    """Heights and times of the baseline's first epoch."""
    scenario, schedule = _load_baseline()
    rows = [
        ("P", schedule.start, "the epoch opens; the hash of this block is the network seed"),
        ("", schedule.generation_wind_down, "from here on no ML node is newly sent into generation"),
        ("E", schedule.generation_end, "generation ends"),
        ("", schedule.last_batch, "last block that takes proof batches"),
        ("V", schedule.validation_start, "validation starts: validators read the batches, once"),
        ("", schedule.validation_wind_down, "last part of the validation (a name only)"),
        ("VE", schedule.validation_end, "last block that takes votes; weights and the next difficulty are decided"),
        ("S", schedule.set_validators, "the new weights and the new difficulty are in force"),
        ("", schedule.claim, "hosts claim the reward of the epoch before; hosts of the next epoch enter"),
        ("P", schedule.next_start, "the next epoch opens"),
    ]
    block_time = scenario.protocol.block_time
    table = [[name, str(height), f"{height * block_time:.1f} s", what] for name, height, what in rows]
    return write_table(["name", "height", "time", "what happens"], table)


def write_hosts() -> str:
    """What each host group of the baseline can compute in one epoch."""
    scenario, schedule = _load_baseline()
    params = build_params(scenario)
    seconds = schedule.params.poc_stage_duration * scenario.protocol.block_time - scenario.work.startup
    hit = hit_probability(scenario.protocol.r_target or params.rules.r_target, params.vector_dim)
    rows = []
    for group in scenario.hosts:
        nodes = build_ml_nodes(group, scenario)
        tried = sum(node.n_gpu_groups * int(seconds * node.group_nonces_per_second) for node in nodes)
        gpu_rate = load_gpu(group.gpus[0].gpu).raw_nonces_per_second
        rate = sum(node.nonces_per_second for node in nodes)
        n_groups = sum(node.n_gpu_groups for node in nodes)
        numbers = (f"{gpu_rate:.1f}", f"{n_groups}", f"{rate:.3f}", f"{tried}", f"{tried * hit:.1f}")
        rows.append([group.name, str(group.count), ", ".join(map(str, group.gpus)), *numbers])
    names = ["group", "hosts", "GPUs of a host", "mainnet nonces/s of a GPU", "GPU groups", "nonces/s of a host"]
    return write_table([*names, "tries in an epoch", "valid ones expected in epoch 1"], rows)


def _load_baseline() -> tuple[Scenario, Schedule]:
    scenario = load_scenario(BASELINE)
    return scenario, Schedule.of(1, build_params(scenario).epoch)


def write_sizes() -> str:
    """Modelled sizes of what links carry."""
    sizes = [
        ("a transaction without its content", ENVELOPE_BYTES),
        ("+ a seed's commitment", SEED_BYTES),
        ("+ a claimed nonce with its distance, each", BYTES_PER_NONCE),
        ("+ a vote", VALIDATION_BYTES),
        ("+ a claim of a reward", CLAIM_BYTES),
        ("a block without its transactions", Block.HEADER_BYTES),
        ("the state that a newcomer downloads", STATE_SYNC_BYTES),
    ]
    return write_table(["what", "bytes"], [[what, f"{size:,}".replace(",", " ")] for what, size in sizes])


BLOCKS: dict[str, dict[str, Callable[[], str]]] = {
    "frames.md": {"frames": write_frames},
    "scenario.md": {
        "keys": write_keys,
        "controllers": lambda: write_plugins("", "difficulty"),
        "strategies": lambda: write_plugins("HostGroup", "strategy"),
        "topologies": lambda: write_plugins("NetworkConfig", "topology"),
    },
    "how_a_run_works.md": {"schedule of the baseline": write_schedule, "hosts of the baseline": write_hosts},
    "plugins.md": {"keys of a GPU profile": write_gpu_keys},
    "limits.md": {"sizes": write_sizes},
    "laptop_to_cluster.md": {"keys of a sweep": write_sweep_keys},
    "statistics.md": {"measures": lambda: write_measures(MEASURES)},
    "choosing_a_controller.md": {
        "keys of a lab": write_lab_keys,
        "curves": write_curves,
        "measures of a race": lambda: write_measures(RACE_MEASURES),
    },
}


def main() -> None:
    """Write every page whose blocks come from the code."""
    for page, text in make_pages().items():
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
