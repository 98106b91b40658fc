"""Values from outside the file: `--set hosts.0.count=3`, a sweep's axes, `--seed`."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sim.documents.document import Document, Place
from sim.documents.yaml_tree import LARGEST_NUMBER, MAX_DEPTH, parse_document
from sim.errors import Mistake, ScenarioError, did_you_mean
from sim.problems import Loc, show_value

Overrides = Mapping[str, object] | Sequence[str]
Setting = tuple[str, Any, Place]
"""A dotted path, the value that it gets, where that value was written."""


class _RefusedError(Exception):
    """An override that has no place in the tree; the message says why."""


def apply_overrides(document: Document, overrides: Overrides, seed: int | None = None) -> None:
    """Change the document's tree, later overrides over earlier ones; mistakes join the document's.

    A path names keys, positions in lists from 0, or an item of a list by its `name`; missing mappings are made.
    """
    if isinstance(overrides, str):
        overrides = [overrides]
    if isinstance(overrides, Mapping):
        for path, value in overrides.items():
            apply_value(document, path, value, Place(f"--set {path}={_show(value)}"))
    else:
        for text in overrides:
            _apply_text(document, text)
    if seed is not None:
        apply_value(document, "seed", seed, Place(f"--seed {seed}"))


def _show(value: object) -> str:
    if isinstance(value, int) and abs(value) >= LARGEST_NUMBER:
        return "..."  # Python prints no number of more than some thousand digits
    return value if isinstance(value, str) else show_value(value)


def make_document(tree: Mapping[str, object], source: str) -> Document:
    """Return a tree that was made in Python as if it had been read; values that no file can hold are mistakes."""
    document = Document({}, {(): Place(source)})
    for key, value in tree.items():
        try:
            document.tree[str(key)] = _plain(value)
        except _RefusedError as refusal:
            document.mistakes.append(Place(source).mistake(str(refusal), (str(key),)))
    return document


def _apply_text(document: Document, text: str) -> None:
    place = Place(f"--set {text}")
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        document.mistakes.append(place.mistake("an override is written key.path=value"))
        return
    try:
        apply_value(document, path.strip(), _parse_value(value, place), place)
    except ScenarioError as error:
        # A line and column inside an option's value would point nowhere.
        document.mistakes += [Mistake(place.source, None, None, "", wrong.message) for wrong in error.mistakes]


def _parse_value(text: str, place: Place) -> object:
    if not text.strip():
        return None
    parsed = parse_document(text, place.source)
    if parsed.mistakes:
        raise ScenarioError(parsed.mistakes)
    return parsed.tree


def apply_value(document: Document, path: str, value: object, place: Place) -> None:
    """Put one value, which was written at `place`, where a dotted path says; a refusal joins the mistakes."""
    try:
        loc = _resolve(document, path, place)
        document.replace(loc, _plain(value), place)
    except _RefusedError as refusal:
        document.mistakes.append(place.mistake(str(refusal)))


def vary(document: Document, settings: Iterable[Setting]) -> Document:
    """Return a copy of the document with other values; those without a place there join its mistakes."""
    varied = Document(copy.deepcopy(document.tree), dict(document.places), list(document.mistakes))
    # A parent before its parts: `difficulty` chooses the controller, `difficulty.max_step` changes it.
    for path, value, place in sorted(settings, key=lambda setting: setting[0].count(".")):
        apply_value(varied, path, copy.deepcopy(value), place)
    return varied


def _resolve(document: Document, path: str, place: Place) -> Loc:
    """Return the place that a path names, and make the mappings that are missing on the way."""
    loc: Loc = ()
    node: Any = document.tree
    parts = path.split(".")
    if not all(parts):
        raise _RefusedError(f'the path "{path}" has an empty part')
    if len(parts) > MAX_DEPTH:
        raise _RefusedError(f"a path of {len(parts)} parts leads more than {MAX_DEPTH} deep")
    for position, part in enumerate(parts):
        where = ".".join(str(step) for step in loc)
        step = _step(node, part, where)
        loc = (*loc, step)
        if position == len(parts) - 1:
            break
        if isinstance(node, dict) and node.get(part) is None:
            document.replace(loc, {}, place)
        node = node[step]
    return loc


def _step(node: object, part: str, where: str) -> int | str:
    if isinstance(node, dict):
        return part
    if not isinstance(node, list):
        raise _RefusedError(f'"{where}" is {show_value(node)}, which has no part "{part}"; set "{where}" itself')
    if part.isascii() and part.isdigit() and int(part) < len(node):
        return int(part)
    named = ((index, item.get("name")) for index, item in enumerate(node) if isinstance(item, dict))
    names = {name: index for index, name in named if isinstance(name, str)}
    if part in names:
        return names[part]
    last = f"0 to {len(node) - 1}" if node else "none"
    raise _RefusedError(f'"{where}" has no item "{part}" (positions: {last}).{did_you_mean(part, names)}')


def _plain(value: object, depth: int = 0) -> object:
    """Return the value as YAML could hold it: NumPy's numbers become Python's, arrays and tuples become lists."""
    if depth > MAX_DEPTH:  # a value may also contain itself
        raise _RefusedError(f"nested more than {MAX_DEPTH} deep")
    if isinstance(value, Mapping):
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, int) and abs(value) >= LARGEST_NUMBER:
        raise _RefusedError(f"a number of {value.bit_length()} bits is none of anything")
    if value is None or isinstance(value, (str, int, float)):
        return value
    to_list = getattr(value, "tolist", None)
    if callable(to_list):
        return _plain(to_list(), depth + 1)
    raise _RefusedError(f"a value of type {type(value).__name__} cannot stand in a scenario")
