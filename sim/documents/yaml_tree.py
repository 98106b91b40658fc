"""YAML 1.2 text to a Document: every key's line and column, and every mistake of the notation.

Built from the parser's events rather than by a ready-made loader, so that duplicate keys are all reported at once,
aliases cannot grow without bound and no tag can construct an object.
"""

from __future__ import annotations

import marshal
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
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
LONG_TEXT = 20_000  # letters: from here on libyaml reads what both parsers read alike
_ODD = re.compile("[\t\x85\u2028\u2029\ufeff\\\\]")
_COMMENT = re.compile("^ *#.*$", re.M)
_UNLIKE = re.compile(r"^%|^(?:---|\.\.\.)|<<|(?:^|[-:?,\[{]) *[&*!?]|(?<![\"']):[^ \n/]", re.M)
"""Notation that the two parsers may read differently: of a whole document, of a token's begin, a colon in a word."""
_INTEGER, _DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})", re.ASCII), re.compile(r"-?[0-9]+\.[0-9]+", re.ASCII)
_HALF = re.compile("[\ud800-\udfff]")
_MEANT = frozenset("tTfFnNyYoO")
"""Letters with which a plain text may begin that is no text: true, false, null, and YAML 1.1's yes, no, on, off."""
_TAG = "tag:yaml.org,2002:"
_KNOWN: ContextVar[dict[tuple[str, str], Document] | None] = ContextVar("documents that were parsed", default=None)


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
    """Return the tree of a scenario's or a study's file, unchecked; raises ScenarioError as `parse_document` does.

    Within `read_once` a file that several ask for is parsed for the first of them.
    """
    text, source = read_source(path), os.fspath(path)
    known = _KNOWN.get()
    if known is None:
        return parse_document(text, source)
    if (source, text) not in known:
        known[source, text] = parse_document(text, source)
    found = known[source, text]
    return Document(marshal.loads(marshal.dumps(found.tree)), dict(found.places), list(found.mistakes))


@contextmanager
def read_once() -> Iterator[None]:
    """Let no file be parsed twice by the body; whoever asks for one gets a copy of its own."""
    token = _KNOWN.set({})
    try:
        yield
    finally:
        _KNOWN.reset(token)


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


def _parse_fast(text: str) -> list[Any] | None:
    """Return libyaml's events of a long, plain text, ten times as fast; None where the other parser is to read it."""
    if _ODD.search(text) or _UNLIKE.search(_COMMENT.sub("", text)):
        return None
    try:
        import yaml

        return list(yaml.parse(text, Loader=yaml.CSafeLoader))
    except (ImportError, AttributeError, yaml.YAMLError):  # no such library; a mistake, which the other one tells
        return None


def _read_plain_number(text: str) -> int | float | None:
    """Return the number that the text is in its plainest form, in which most numbers are written."""
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else None


class _Reader:
    """From events to nodes."""

    def __init__(self, text: str, source: str, noun: str) -> None:
        self._yaml = YAML(typ="safe", pure=True)
        fast = _parse_fast(text) if len(text) > LONG_TEXT else None
        self._events: Iterator[Any] = iter(self._yaml.parse(text) if fast is None else fast)
        self._source = source
        self._noun = noun
        self._anchors: dict[str, _Node] = {}
        self._n_nodes = 0

    def read(self) -> _Node:
        """Return the root of the only document."""
        root: _Node | None = None
        for event in self._events:
            if type(event).__name__ == "DocumentStartEvent":
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
        name = type(event).__name__  # of either parser's class
        if name == "AliasEvent":
            return self._alias(event)
        if event.tag is not None and event.tag != "!":
            raise self._refusal(event, f'the tag "{event.tag}" is not allowed; {self._noun} has plain values only')
        if name == "ScalarEvent":
            return self._anchored(event, _Node(self._place(event), self._scalar(event)))
        node = self._anchored(event, _Node(self._place(event), [], name == "MappingStartEvent", True))
        for child in iter(self._events.__next__, None):
            if type(child).__name__ in ("MappingEndEvent", "SequenceEndEvent"):
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
        if text[:1].isalpha() and text[0] not in _MEANT:
            return text
        if event.implicit[0] and (number := _read_plain_number(text)) is not None:
            return number
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
        mark = event.start_mark
        return Place(self._source, mark.line + 1, mark.column + 1)

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
        if isinstance(node.value, str) and not node.value.isascii() and _HALF.search(node.value):
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
