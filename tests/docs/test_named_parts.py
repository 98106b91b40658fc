"""Files, modules and names that the pages mention are in the tree."""

import importlib
import re
import tomllib
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FOLDERS = "docs|notebooks|pow|scenarios|sim|tests"
# A file that the page itself defines: its name with a colon above the code.
DEFINED = re.compile(r"^`([\w./-]+)`[^`\n]*:\n\n```", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def read_prose(page: Path) -> str:
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def has(owner: Any, name: str) -> bool:
    return hasattr(owner, name) or name in getattr(owner, "__annotations__", {})


def find(dotted: str) -> str:
    """Return the part of a dotted name that does not exist; empty where all of it does."""
    owner: Any = None
    for number, name in enumerate(dotted.split(".")):
        path = dotted.split(".")[: number + 1]
        try:
            owner = importlib.import_module(".".join(path))
        except ImportError:
            if not has(owner, name):
                return ".".join(path)
            owner = getattr(owner, name, None)
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_exist(page: Path) -> None:
    defined = set(DEFINED.findall(page.read_text(encoding="utf-8")))
    named = re.findall(rf"`((?:{FOLDERS})/[\w./*-]*)`", read_prose(page))
    missing = [path for path in named if path not in defined and not list(ROOT.glob(path.rstrip("/")))]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_modules_and_their_names_exist(page: Path) -> None:
    missing = [find(name) for name in re.findall(r"`((?:sim|pow)(?:\.\w+)+)(?:\([^`]*)?`", read_prose(page))]
    assert not list(filter(None, missing))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_name_with_its_file_is_in_it(page: Path) -> None:
    """As in "`Edge` (`sim/protocol/blocks/stages.py`)" or "`Edge` in `sim/protocol/blocks/stages.py`"."""
    missing = []
    for name, path in re.findall(r"`([A-Za-z_][\w.]*)`\s(?:in\s|\()`((?:sim|pow)/[\w/]+\.py)`", read_prose(page)):
        module = importlib.import_module(path.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
        *owners, last = name.split(".")
        owner = reduce(lambda part, step: getattr(part, step, None), owners, module)
        if not has(owner, last):
            missing.append(f"{name} in {path}")
    assert not missing


def test_layers_are_those_that_are_held() -> None:
    (contract, *_) = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    drawn = re.search(r"^```text\ncli\n(.*?)^-+$", (ROOT / "CONTRIBUTING.md").read_text(), re.M | re.S)
    assert drawn is not None
    assert ["cli", *(re.split(r"\s{4,}", line)[0] for line in drawn[1].splitlines())] == contract["layers"][1:]
