"""A study's file that names the file that it varies, with the study's own keys beside that name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sim.documents.document import Document
from sim.documents.yaml_tree import read_document
from sim.errors import did_you_mean
from sim.problems import Problem, show_value


def join_base(document: Document, folder: Path, keys: Sequence[str], section: str) -> tuple[Document, Path]:
    """Return the tree of the file that one of the keys names, with the document's other keys in it, and its folder.

    A document that has none of these keys is returned as it is. `folder`: its own; `section`: the study's key, which
    the named file must not have. Raises ScenarioError.
    """
    tree, named = document.tree, [key for key in keys if key in document.tree]
    if not named:
        return document, folder
    key, own = named[0], (*keys, section, "name", "description", "seed")
    unknown = [each for each in tree if each not in own]
    problems = [Problem((each,), f"unknown key beside `{key}:`.{did_you_mean(each, own)}") for each in unknown]
    problems += [Problem((other,), f"a {section} varies a {' or a '.join(keys)}, not both") for other in named[1:]]
    if not isinstance(tree[key], str):
        problems.append(Problem((key,), f"must be a file's name, not {show_value(tree[key])}"))
    if problems:
        raise document.refuse(problems)
    path = folder / tree[key]
    base = read_document(path)
    if not isinstance(base.tree, dict) or section in base.tree or ("curves" in base.tree) != (key == "lab"):
        raise document.refuse([Problem((key,), f"{path} must be a {key}, no {section}")])
    for each, value in tree.items():
        if each != key:
            base.replace((each,), value, document.places[(each,)])
            base.places.update({loc: place for loc, place in document.places.items() if loc[:1] == (each,)})
    base.mistakes += document.mistakes
    return base, path.parent
