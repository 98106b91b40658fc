"""The page "The rules": the docstrings of `sim.protocol` in reading order, and the table of versions."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Mapping
from fractions import Fraction
from functools import partial
from pathlib import Path

from tables import write_table

import sim.protocol
from sim.protocol.proofs import schemes
from sim.protocol.switches import Rules
from sim.protocol.versions import HISTORY, VERSION_NAMES, WHAT_IFS
from sim.scenario.declared import find_keys

PACKAGE = Path(sim.protocol.__path__[0])
SPECIFICATION = Path(__file__).resolve().parent / "specification"
PAGES = (("protocol", "protocol.md", r"\d+"), ("network", "network_2026.md", r"\d+\.\d+"))
"""A word before a number, the page that it means, and the form of the numbers of its parts."""
ENTRY = re.compile(r"^- `([\w.]+)`\s+(.*)$")


def write_versions() -> str:
    """One line a switch: its value at launch, then each change with the version that brought it."""
    meanings = {name: meaning for name, _, _, meaning in find_keys(Rules)}
    lines = [
        [f"`{switch}`", ", ".join(_show_change(*change) for change in history.items()), meanings[switch]]
        for switch, history in HISTORY.items()
    ]
    return write_table(["switch", "values", "meaning"], lines)


def _show_change(version: str, value: object) -> str:
    return _show(value) if version == VERSION_NAMES[0] else f"**{version}**: {_show(value)}"


def write_what_ifs() -> str:
    """One line a switch that no version turns on."""
    meanings = {name: meaning for name, _, _, meaning in find_keys(Rules)}
    return write_table(["switch", "what it turns on"], [[f"`{switch}`", meanings[switch]] for switch in WHAT_IFS])


def write_rules() -> str:
    """Parts, modules and their public names, as the package's docstring lists them."""
    parts = []
    for line in (sim.protocol.__doc__ or "").splitlines()[2:-3]:
        entry = ENTRY.match(line)
        if entry:
            parts.append(_write_module(entry[1]))
        elif line.strip():
            parts.append(f"## {line.strip()}")
    return "\n\n".join(parts)


def _write_module(name: str) -> str:
    tree = ast.parse((PACKAGE / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8"))
    parts = [f"### `{name}`", _as_markdown(ast.get_docstring(tree) or "")]
    parts += [text for node in tree.body if (text := _write_definition(node))]
    return "\n\n".join(parts)


def _write_definition(node: ast.stmt) -> str:
    if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or node.name.startswith("_"):
        return ""
    text = _as_markdown(ast.get_docstring(node) or "")
    if isinstance(node, ast.FunctionDef):
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        return f"**`{node.name}({', '.join(argument.arg for argument in arguments)})`**\n\n{text}"
    fields = [item.target for item in node.body if isinstance(item, ast.AnnAssign) and not _is_class_variable(item)]
    names = ", ".join(f"`{field.id}`" for field in fields if isinstance(field, ast.Name))
    parts = [f"**`{node.name}`**", text, f"Fields: {names}." if names else "", _write_members(node)]
    return "\n\n".join(part for part in parts if part)


def _is_class_variable(item: ast.AnnAssign) -> bool:
    return ast.unparse(item.annotation).startswith("ClassVar")


def _write_members(node: ast.ClassDef) -> str:
    """Texts of an enumeration; public methods with what they say."""
    lines = []
    for item in node.body:
        if isinstance(item, ast.Assign) and isinstance(item.value, ast.Constant) and isinstance(item.value.value, str):
            lines.append(f"- {item.value.value}")
        elif isinstance(item, ast.FunctionDef) and not item.name.startswith("_"):
            text = " ".join(_as_markdown(ast.get_docstring(item) or "").split())
            lines.append(f"- `{item.name}`: {text}")
    return "\n".join(lines)


def _as_markdown(text: str) -> str:
    """Link each reference to its part of the specification."""
    for word, page, heading in PAGES:
        found = re.findall(rf"^## (({heading}).*)$", (SPECIFICATION / page).read_text(encoding="utf-8"), flags=re.M)
        anchors = {number: re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title, number in found}
        text = re.sub(rf"{word} ({heading})(?:\.\d+)*", partial(_link, page, anchors), text)
    return text


def _link(page: str, anchors: Mapping[str, str], match: re.Match[str]) -> str:
    return f"[{match[0]}](specification/{page}#{anchors[match[1]]})"


def _show(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if dataclasses.is_dataclass(value):
        spec = schemes.spec_of(value)
        return ", ".join([f"`{spec.pop('kind')}`", *(f"{name} {_show(part)}" for name, part in spec.items())])
    return f"{float(value):.7g}" if isinstance(value, (Fraction, float)) else str(value)
