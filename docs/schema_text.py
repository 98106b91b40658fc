"""Parts of a JSON Schema in words: type, unit and default of a field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sim.units import BIT_RATE, SIZE, TIME

COUNTED = re.compile(r"\b(blocks|epochs|nonces|hosts|peers|batches)\b")  # what a whole number counts, by its meaning
KERNEL_2 = "specification/kernel.md#2-parameters-of-the-model"
ANCHORS = {
    "difficulty": "controllers",
    "rule": "controllers",
    "strategy": "strategies",
    "topology": "topologies",
    "price": "prices",
    "proof": "proof-schemes",
}
Schema = Mapping[str, Any]


def resolve(part: Schema, schema: Schema) -> Schema:
    """Follow a reference; the place's own description stays."""
    if "$ref" not in part:
        return part
    target = schema["$defs"][part["$ref"].rsplit("/", 1)[-1]]
    return {**target, **{key: value for key, value in part.items() if key != "$ref"}}


def describe(name: str, part: Schema, is_required: bool) -> tuple[str, str, str]:
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
    if "inventory" in part.get("properties", {}):
        return "[an inventory](#hosts-from-an-inventory)"
    if "properties" in part:
        return f"a mapping, see [`{name}`](#{name})"
    if part.get("type") == "array":
        return _describe_list(name, part)
    if "additionalProperties" in part:
        return f"a mapping of names to a {_describe_type(name, part['additionalProperties'])}"
    if "const" in part or "enum" in part:
        return ", ".join(f"`{value}`" for value in part.get("enum", [part.get("const")]))
    return _describe_scalar(part)


def _describe_list(name: str, part: Schema) -> str:
    if "prefixItems" in part:
        return f"a list of {len(part['prefixItems'])}"
    if part["items"].get("type") == "number":
        return "a list of numbers"
    if "oneOf" in part["items"]:
        return f"a list of mappings, see [below](#{name})"
    if "$ref" in part["items"]:
        return f"a list, see [`{name}`](#{name})"
    return "a list of mappings" if "properties" in part["items"] else "a list of such texts"


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
