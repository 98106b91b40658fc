"""The tables of events and actions on the page "Plug-ins", read from the classes and the texts below their fields."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tables import write_table

import sim.strategies

PACKAGE = Path(sim.strategies.__path__[0])
OUTSIDE = Path(__file__).resolve().parent.parent / "tests" / "architecture" / "outside" / "powsim_cheats"


def write_outside(name: str) -> str:
    """Return a strategy's whole file, from the package outside powsim that the tests install."""
    return f"`{name}.py`:\n\n```python\n{(OUTSIDE / f'{name}.py').read_text(encoding='utf-8')}```"


def write_view() -> str:
    """What every event carries."""
    view = next(node for node in _list_classes("base") if node.name == "View")
    rows = [[f"`{name}`", meaning] for name, meaning in _list_members(view)]
    return write_table(["of `event.view`", "meaning"], rows)


def write_events() -> str:
    """One part an event: when it comes, and its fields."""
    return _write_classes("events", "field")


def write_actions() -> str:
    """One part an action: what the host does, and its fields."""
    return _write_classes("actions", "field")


def _write_classes(module: str, heading: str) -> str:
    parts = []
    for node in filter(lambda node: node.bases, _list_classes(module)):  # not `Action`, from which all are derived
        rows = [[f"`{name}`", meaning] for name, meaning in _list_members(node)]
        parts.append(f"**`{node.name}`**: {_tidy(ast.get_docstring(node) or '')}")
        if rows:
            parts.append(write_table([heading, "meaning"], rows))
    return "\n\n".join(parts)


def _list_classes(module: str) -> list[ast.ClassDef]:
    tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
    return [node for node in tree.body if isinstance(node, ast.ClassDef)]


def _list_members(node: ast.ClassDef) -> list[tuple[str, str]]:
    """Return fields with the text below each, and properties with their docstrings."""
    members = []
    for item, following in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            is_text = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
            members.append((item.target.id, _tidy(str(following.value.value)) if is_text else ""))  # type: ignore[union-attr]
        elif isinstance(item, ast.FunctionDef) and not item.name.startswith("_"):
            members.append((item.name, _tidy(ast.get_docstring(item) or "")))
    return members


def _tidy(text: str) -> str:
    """One line, without the reference to the specification."""
    return " ".join(re.sub(r"\s*\bReference: .*", "", text, flags=re.DOTALL).split())
