"""YAML 1.2 text to a Document: every key's line and column, and every mistake of the notation.

Built from the parser's events rather than by a ready-made loader, so that duplicate keys are all reported at once,
aliases cannot grow without bound and no tag can construct an object.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml import events as ev
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.reader import ReaderError

from sim.documents.document import Document, Place
from sim.documents.source import SCENARIO, FileKind, read_source
from sim.errors import ScenarioError
from sim.problems import Loc, show_value

MAX_DEPTH = 20
MAX_NODES = 50_000
LARGEST_NUMBER = 10**300  # a larger one is no number of anything; Python would not even print it
_TAG = "tag:yaml.org,2002:"


@dataclass
class _Node:
    """One value of the text, before aliases are expanded."""

    place: Place
    value: Any = None
    """A scalar's value, a list of _Node, or a list of (key _Node, value _Node)."""
    is_mapping: bool = False
    is_open: bool = False
    """True while its end has not been read: an alias to it would contain itself."""

    @property
    def is_scalar(self) -> bool:
        return not isinstance(self.value, list)


def read_document(path: str | os.PathLike[str]) -> Document:
    """Return the tree of a scenario's or a study's file, unchecked; raises ScenarioError as `parse_document` does."""
    return parse_document(read_source(path), os.fspath(path))


def parse_document(text: str, source: str, kind: FileKind = SCENARIO) -> Document:
    """Return the tree of the text; raise ScenarioError for text without a tree to check further."""
    try:
        return _Expansion(source).expand(_Reader(text, source, kind.noun).read())
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(source, mark.line + 1, mark.column + 1) if mark else Place(source)
        why = " ".join(part for part in (error.problem, f"({error.context})" if error.context else None) if part)
        raise ScenarioError([place.mistake(f"not valid {kind.notation}: {why}")]) from error
    except ReaderError as error:
        before = text[: error.position]
        place = Place(source, before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise ScenarioError([place.mistake(f"not valid {kind.notation}: {error.reason}")]) from error
    except (YAMLError, ValueError, AssertionError, IndexError, AttributeError) as error:
        # The parser trips over some broken texts with an error that is not its own.
        raise ScenarioError([Place(source, 1, 1).mistake(f"not valid {kind.notation}: {error}")]) from error


class _Reader:
    """From events to nodes."""

    def __init__(self, text: str, source: str, noun: str) -> None:
        self._yaml = YAML(typ="safe", pure=True)
        self._events: Iterator[Any] = iter(self._yaml.parse(text))
        self._source = source
        self._noun = noun
        self._anchors: dict[str, _Node] = {}
        self._n_nodes = 0

    def read(self) -> _Node:
        """Return the root of the only document."""
        root: _Node | None = None
        for event in self._events:
            if isinstance(event, ev.DocumentStartEvent):
                if root is not None:
                    raise self._refusal(event, f'{self._noun} is one YAML document; this "---" starts another')
                if event.version not in (None, (1, 2)):
                    raise self._refusal(event, f"{self._noun} is YAML 1.2; remove the %YAML line")
                root = self._node(next(self._events), depth=0)
        if root is None or (root.is_scalar and root.value is None):
            raise ScenarioError([Place(self._source, 1, 1).mistake(f"the file is empty; {self._noun} is a mapping")])
        return root

    def _node(self, event: Any, depth: int) -> _Node:
        self._n_nodes += 1
        if self._n_nodes > MAX_NODES:
            raise self._refusal(event, f"more than {MAX_NODES} values")
        if depth > MAX_DEPTH:
            raise self._refusal(event, f"nested more than {MAX_DEPTH} deep")
        if isinstance(event, ev.AliasEvent):
            return self._alias(event)
        if event.tag is not None and event.tag != "!":
            raise self._refusal(event, f'the tag "{event.tag}" is not allowed; {self._noun} has plain values only')
        if isinstance(event, ev.ScalarEvent):
            return self._anchored(event, _Node(self._place(event), self._scalar(event)))
        node = self._anchored(event, _Node(self._place(event), [], isinstance(event, ev.MappingStartEvent), True))
        for child in iter(self._events.__next__, None):
            if isinstance(child, (ev.MappingEndEvent, ev.SequenceEndEvent)):
                break
            item = self._node(child, depth + 1)
            node.value.append((item, self._node(next(self._events), depth + 1)) if node.is_mapping else item)
        node.is_open = False
        return node

    def _alias(self, event: Any) -> _Node:
        target = self._anchors.get(event.anchor)
        if target is None:
            raise self._refusal(event, f'the alias "*{event.anchor}" has no anchor "&{event.anchor}" before it')
        if target.is_open:
            raise self._refusal(event, f'the alias "*{event.anchor}" stands inside its own anchor')
        return _Node(self._place(event), target.value, target.is_mapping)

    def _anchored(self, event: Any, node: _Node) -> _Node:
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        tag = str(self._yaml.resolver.resolve(ScalarNode, text, event.implicit)).removeprefix(_TAG)
        node = ScalarNode(_TAG + tag, text)
        try:
            if tag == "int":
                number = self._yaml.constructor.construct_yaml_int(node)
                return number if abs(number) < LARGEST_NUMBER else text
            if tag == "float":
                return self._yaml.constructor.construct_yaml_float(node)
        except ValueError:  # looks like a number without being one ("-_"), or has more digits than Python reads
            return text
        if tag == "merge":
            raise self._refusal(event, 'merge keys ("<<") belong to YAML 1.1; write the keys out')
        return {"null": None, "bool": text.lower() == "true"}.get(tag, text)

    def _place(self, event: Any) -> Place:
        return Place(self._source, event.start_mark.line + 1, event.start_mark.column + 1)

    def _refusal(self, event: Any, message: str) -> ScenarioError:
        return ScenarioError([self._place(event).mistake(message)])


@dataclass
class _Expansion:
    """From nodes to plain values; aliases become copies, within a bound on how many values there are."""

    source: str
    n_values: int = 0
    document: Document = field(default_factory=lambda: Document(None, {}))

    def expand(self, root: _Node) -> Document:
        self.document.places[()] = Place(self.source, 1, 1)
        self.document.tree = self._value(root, ())
        return self.document

    def _value(self, node: _Node, loc: Loc) -> Any:
        self.n_values += 1
        if self.n_values > MAX_NODES:
            raise ScenarioError([node.place.mistake(f"aliases unfold to more than {MAX_NODES} values")])
        if len(loc) > MAX_DEPTH:
            raise ScenarioError([node.place.mistake(f"nested more than {MAX_DEPTH} deep")])
        if node.is_mapping:
            return self._mapping(node, loc)
        if not node.is_scalar:
            return [self._placed(item, item.place, (*loc, index)) for index, item in enumerate(node.value)]
        if isinstance(node.value, str) and any("\ud800" <= letter <= "\udfff" for letter in node.value):
            self.document.mistakes.append(node.place.mistake("holds half of a surrogate pair, which is no letter", loc))
            return ""
        return node.value

    def _mapping(self, node: _Node, loc: Loc) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        for key, value in node.value:
            name = key.value
            if not isinstance(name, str):
                self.document.mistakes.append(key.place.mistake(f"a key must be text, not {show_value(name)}", loc))
            elif name in tree:
                first = self.document.places[*loc, name]
                message = f"this key is already given in line {first.line}"
                self.document.mistakes.append(key.place.mistake(message, (*loc, name)))
            else:
                tree[name] = self._placed(value, key.place, (*loc, name))
        return tree

    def _placed(self, node: _Node, place: Place, loc: Loc) -> Any:
        self.document.places[loc] = place
        return self._value(node, loc)
