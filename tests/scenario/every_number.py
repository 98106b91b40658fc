"""Every number of a scenario file, by its JSON Schema, at its bounds, beyond them and far beyond."""

import copy
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from sim.scenario.load import scenario_json_schema

BASE: dict[str, Any] = {
    "name": "numbers",
    "epochs": 1,
    "protocol": {"epoch_length": 24, "poc_stage_duration": 5, "poc_validation_duration": 8, "r_target": 1.3},
    "work": {"kind": "sphere", "params": "tiny", "rate_factor": 0.1},
    "hosts": [
        {"name": "farm", "count": 4, "gpus": ["2 x H100-SXM", "2 x H100-SXM"], "region": "NORTH_AMERICA"},
        {"name": "more", "count": 2, "gpus": "1 x H100-SXM", "region": "EUROPE"},
    ],
}
MODEL = "MiniMax-M2.7"
ANSWERS: dict[str, Any] = {
    "name": "answers",
    "epochs": 1,
    "protocol": {
        "version": "v0.2.16",
        "models": [{"name": MODEL, "distance_threshold": 0.75, "coefficient": 84, "is_initial": True}],
        "epoch_length": 40,
        "epoch_shift": 30,
        "poc_stage_duration": 8,
        "poc_exchange_duration": 0,
        "poc_validation_delay": 2,
        "poc_validation_duration": 8,
        "set_new_validators_delay": 2,
        "inference_validation_cutoff": 2,
        "validation_sample_size": 20,
        "rules": {"confirmation_safety_blocks": 1},
    },
    "work": {"kind": "sphere", "startup": "5 s"},
    "hosts": [
        {"name": "farm", "count": 4, "gpus": f"8 x H200 at 20 nonces/s for {MODEL}", "region": "NORTH_AMERICA"},
        {"name": "more", "count": 2, "gpus": f"8 x H200 at 20 nonces/s for {MODEL}", "region": "EUROPE"},
    ],
}
"""Claims by model, confirmations that compute: what reads a number there is other code."""
FAR = (10**9, 10**30, 10**400, float("inf"), float("nan"))
FAR_QUANTITIES = (1e-12, 1e-300, 1e9, 1e12, 1e15, 1e18, 1e30, 1e300, "1e400", "nan", "inf")
"""Bounds of quantities stand in no schema, so that these try some on either side."""
SKIPPED = ("work.threads", "work.params", "difficulty.rule.")
"""Own threads; sizes of models, which have their own tests; rules within a rule, which stand by themselves too."""
NEEDED: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("protocol.upgrades.0", "", {"epoch": 2, "version": "v0.2.16"}),
    (
        "network.topology",
        "edges",
        {"links": [{"between": ["farm-0", f"{name}"]} for name in ("farm-1", "farm-2", "farm-3", "more-0", "more-1")]},
    ),
    ("faults.0", "partition", {"groups": [["farm"]]}),
    ("faults.0", "api", {"delay": "1 s"}),
)
"""Where an object of a kind stands: what it cannot do without, and no schema says."""
Leaf = tuple[tuple[str | int, ...], Mapping[str, Any], dict[str, Any]]
"""A number's path, its schema, and the base with what must stand around it."""


def list_numbers() -> list[tuple[str, dict[str, Any]]]:
    """Every number at each of its values: a text for people, and the scenario."""
    return list(dict(_list_cases()).items())


def _list_cases() -> Iterator[tuple[str, dict[str, Any]]]:
    for base in (BASE, ANSWERS):
        for path, schema, tree in find_leaves(base):
            name = ".".join(map(str, path))
            if name.startswith(SKIPPED) or (base is ANSWERS and name.startswith("difficulty.")):
                continue
            kind = "".join(f" of {part['kind']}" for part in _containers(tree, path) if "kind" in part)
            for value in _choose_values(schema):
                yield f"{base['name']}: {name}{kind} = {_show(value)}", _complete(put(tree, path, value), path)


def _show(value: Any) -> str:
    return "10**400" if value == FAR[2] else str(value)


def _complete(tree: dict[str, Any], path: tuple[str | int, ...]) -> dict[str, Any]:
    """Add what the object at a path, or around it, needs beside the value under test."""
    name = ".".join(map(str, path))
    for place, kind, needed in NEEDED:
        loc = tuple(int(step) if step.isdigit() else step for step in place.split("."))
        if name.startswith(f"{place}.") and (_look_up(tree, loc) or {}).get("kind", "") == kind:
            for key, value in needed.items():
                if path[: len(loc) + 1] != (*loc, key) or key == "links":
                    tree = put(tree, (*loc, key), value)
    return tree


def _containers(tree: Any, path: tuple[str | int, ...]) -> Iterator[dict[str, Any]]:
    for length in range(1, len(path)):
        if isinstance(part := _look_up(tree, path[:length]), dict):
            yield part


def find_leaves(base: dict[str, Any]) -> Iterator[Leaf]:
    """Yield every number and quantity that a scenario may have, in every plug-in that may stand there."""
    whole = scenario_json_schema()
    yield from _walk(whole, (), copy.deepcopy(base), whole["$defs"])


def _walk(schema: Mapping[str, Any], path: tuple[str | int, ...], tree: dict[str, Any], defs: Any) -> Iterator[Leaf]:
    schema = defs[schema["$ref"].rsplit("/", 1)[-1]] if "$ref" in schema else schema
    if branches := [*schema.get("anyOf", ()), *schema.get("oneOf", ())]:
        for branch in branches:
            yield from _walk({**{k: v for k, v in schema.items() if k == "default"}, **branch}, path, tree, defs)
    elif schema.get("type") in ("integer", "number") or _is_quantity(schema):
        yield path, schema, tree
    elif schema.get("type") == "array" and "items" in schema:
        inner = (*path, 0)
        yield from _walk(schema["items"], inner, tree, defs)
    elif "properties" in schema:
        around = _make_room(tree, path, schema, defs) if path else tree
        for key, part in schema["properties"].items():
            yield from _walk(part, (*path, key), around, defs)


def _is_quantity(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "string" and r"([eE][+-]?\d+)?" in schema.get("pattern", "")


def _make_room(tree: dict[str, Any], path: tuple[str | int, ...], schema: Mapping[str, Any], defs: Any) -> Any:
    """The base with an object of this schema at the path, its required keys filled."""
    needed = {key: _example(schema["properties"][key], defs) for key in schema.get("required", ())}
    known = _look_up(tree, path)
    is_same = isinstance(known, dict) and all(
        known.get(key, needed[key]) == needed[key] for key in ("kind",) if key in needed
    )
    return put(tree, path, {**needed, **known} if is_same else needed)


def _look_up(tree: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        try:
            tree = tree[step]
        except (KeyError, IndexError, TypeError):
            return None
    return tree


def _example(schema: Mapping[str, Any], defs: Any) -> Any:
    schema = {**schema, **defs[schema["$ref"].rsplit("/", 1)[-1]]} if "$ref" in schema else schema
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    for key in ("examples", "enum"):
        if key in schema:
            return schema[key][0]
    if branches := [*schema.get("anyOf", ()), *schema.get("oneOf", ())]:
        return _example(branches[0], defs)
    if schema.get("type") == "array":
        parts = schema.get("prefixItems") or [schema.get("items", {"type": "string"})]
        return [_example(part, defs) for part in parts]
    if "properties" in schema:
        return {key: _example(schema["properties"][key], defs) for key in schema.get("required", ())}
    if _is_quantity(schema):
        return "1 s"
    return {"integer": 1, "number": 0.5, "string": "farm"}.get(schema.get("type", ""), 1)


def put(tree: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """A copy of the tree with a value at a path; what is missing on the way is made."""
    changed = copy.deepcopy(tree)
    node = changed
    for step, following in itertools.pairwise(path):
        empty: Any = [] if isinstance(following, int) else {}
        if isinstance(node, list):
            if step >= len(node):
                node.append(empty)
        elif not isinstance(node.get(step), (dict, list)):
            node[step] = empty
        node = node[step]
    if isinstance(node, list) and path[-1] >= len(node):
        node.append(value)
    else:
        node[path[-1]] = value
    return changed


def _choose_values(schema: Mapping[str, Any]) -> Iterator[Any]:
    if _is_quantity(schema):
        unit = schema["examples"][0].split(" ", 1)[1]
        yield from (f"{value} {unit}" for value in (0, -1, *FAR_QUANTITIES))
        return
    is_whole = schema.get("type") == "integer"
    found = [0, -1, *FAR]
    for key, sign in (("minimum", -1), ("exclusiveMinimum", -1), ("maximum", 1), ("exclusiveMaximum", 1)):
        if key in schema:
            bound = schema[key]
            found += [bound, bound + sign] if is_whole else [bound, bound + sign * abs(bound) * 1e-9 + sign * 1e-300]
            found += [] if is_whole or bound else [-sign * 1e-12, -sign * 1e-300]
    for value in dict.fromkeys(found):
        yield value if is_whole or value == FAR[2] else float(value)
