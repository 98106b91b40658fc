"""From pydantic's errors to sentences for people: the value, the allowed ones, the bound, the nearest right name.

Scenario files and plug-in parameters are both described by pydantic types; this page is their one translator. The
names allowed at a place are read from the JSON Schema, which knows nested parameters too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError, model_validator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from sim.errors import did_you_mean

Loc = tuple[int | str, ...]
JsonSchema = Mapping[str, Any]
M = TypeVar("M", bound=BaseModel)

_EXPLAINED = "explained"  # the type of an error whose message is already a sentence (sim.units raises it too)
_LONGEST_VALUE = 60


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a value, and where it stands inside that value."""

    loc: Loc
    message: str

    def below(self, *prefix: int | str) -> Problem:
        """Return the same problem seen from further up."""
        return Problem((*prefix, *self.loc), self.message)

    def __str__(self) -> str:
        path = ".".join(str(part) for part in self.loc)
        return f"{path}: {self.message}" if path else self.message


def explained(message: str, n_own_steps: int = 0) -> PydanticCustomError:
    """Return an error for a validator to raise whose text stays as it is (pydantic would fill in its {braces}).

    `n_own_steps`: how many steps at the end of its place are the raiser's own.
    """
    return PydanticCustomError(_EXPLAINED, "{message}", {"message": message, "n_own_steps": n_own_steps})


def as_validation_error(title: str, problems: Sequence[Problem], value: object) -> ValidationError:
    """Return one pydantic error that holds all problems; a validator may raise it, and each keeps its place."""
    errors = [
        InitErrorDetails(type=explained(problem.message, len(problem.loc)), loc=problem.loc, input=value)
        for problem in problems
    ]
    return ValidationError.from_exception_data(title, errors)


def checked_by(title: str, *checks: Callable[[Any], Iterable[Problem]]) -> Any:
    """Return a validator for the body of a model: a built object is refused by the first check that has problems."""

    def refuse(built: M) -> M:
        if problems := next(filter(None, (list(check(built)) for check in checks)), ()):
            raise as_validation_error(title, problems, None)
        return built

    return model_validator(mode="after")(refuse)


def read_model(model: type[M], tree: object) -> tuple[M | None, list[Problem]]:
    """Return what a tree of plain values describes, None where it is wrong, and everything that is wrong with it."""
    try:
        # A YAML tree is JSON, and pydantic's strict mode takes a list for a tuple from JSON only.
        return model.model_validate_json(json.dumps(tree)), []
    except ValidationError as error:
        return None, problems_of(error, model.model_json_schema(mode="serialization"))


def problems_of(error: ValidationError, schema: JsonSchema) -> list[Problem]:
    """Translate every error; `schema` is the JSON Schema of the validated type."""
    found = [details for details in error.errors() if not _is_echo(details)]
    return [Problem(_written_loc(details, schema), _sentence(details, schema)) for details in found]


def show_value(value: object) -> str:
    """Return a scalar as the file has it, shortened; a list or mapping is named, not printed."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "a list"
    if value is None:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, (str, bool)) else str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."


def _is_echo(details: ErrorDetails) -> bool:
    """Tell whether pydantic calls a list too short only because its items, reported already, did not count."""
    return details["type"] == "too_short" and len(details["input"]) >= details["ctx"]["min_length"]


def _must_be(what: str) -> Callable[[ErrorDetails], str]:
    def sentence(details: ErrorDetails) -> str:
        value = details["input"]
        quoted = isinstance(value, str) and "number" in what and value.strip().lstrip("+-")[:1].isdigit()
        hint = " (without quotes or unit)" if quoted else ""
        return f"must be {what}, not {show_value(value)}{hint}"

    return sentence


def _bound(words: str, key: str) -> Callable[[ErrorDetails], str]:
    def sentence(details: ErrorDetails) -> str:
        bound = details["ctx"][key]
        bound = int(bound) if isinstance(bound, float) and bound.is_integer() and abs(bound) < 2**53 else bound
        return f"{show_value(details['input'])} must be {words} {bound}"

    return sentence


def _length(words: str, key: str, noun: str) -> Callable[[ErrorDetails], str]:
    def sentence(details: ErrorDetails) -> str:
        bound = details["ctx"][key]
        return f"must have at {words} {bound} {noun}{'' if bound == 1 else 's'}"

    return sentence


_SENTENCES: dict[str, Callable[[ErrorDetails], str]] = {
    "missing": lambda _: "is missing; this key is required",
    "missing_argument": lambda _: "is missing; this key is required",
    "missing_keyword_only_argument": lambda _: "is missing; this key is required",
    "int_type": _must_be("a whole number"),
    "int_parsing": _must_be("a whole number"),
    "int_from_float": _must_be("a whole number"),
    "float_type": _must_be("a number"),
    "float_parsing": _must_be("a number"),
    "finite_number": _must_be("a finite number"),
    "string_type": _must_be("text"),
    "bool_type": _must_be("true or false"),
    "bool_parsing": _must_be("true or false"),
    "tuple_type": _must_be("a list"),
    "list_type": _must_be("a list"),
    "set_type": _must_be("a list"),
    "frozen_set_type": _must_be("a list"),
    "dict_type": _must_be("a mapping"),
    "model_type": _must_be("a mapping"),
    "model_attributes_type": _must_be("a mapping"),
    "dataclass_type": _must_be("a mapping"),
    "dataclass_exact_type": _must_be("a mapping"),
    "none_required": _must_be("empty"),
    "greater_than": _bound("more than", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than": _bound("less than", "lt"),
    "less_than_equal": _bound("at most", "le"),
    "multiple_of": _bound("a multiple of", "multiple_of"),
    "too_short": _length("least", "min_length", "item"),
    "too_long": _length("most", "max_length", "item"),
    "string_too_short": _length("least", "min_length", "character"),
    "string_too_long": _length("most", "max_length", "character"),
    "value_error": lambda details: str(details["ctx"]["error"]),
    "assertion_error": lambda details: str(details["ctx"]["error"]),
    _EXPLAINED: lambda details: str(details["ctx"]["message"]),
}
_UNKNOWN_KEY = {"extra_forbidden", "unexpected_keyword_argument"}


def _sentence(details: ErrorDetails, schema: JsonSchema) -> str:
    kind, loc = details["type"], details["loc"]
    if kind in _UNKNOWN_KEY:
        known = [name for part in _parts_at(schema, loc[:-1]) for name in part.get("properties", {})]
        return f"unknown key.{did_you_mean(str(loc[-1]), known)}"
    if kind in {"literal_error", "enum"}:
        allowed = [str(value) for part in _parts_at(schema, loc) for value in _enumerated(part)]
        value = details["input"]
        return f"{show_value(value)} is not one of the allowed values.{did_you_mean(str(value), allowed)}"
    if kind in _SENTENCES:
        return _SENTENCES[kind](details)
    return f"{show_value(details['input'])} is not allowed here: {details['msg']}"


def _enumerated(part: JsonSchema) -> Sequence[object]:
    return part["enum"] if "enum" in part else [part["const"]] if "const" in part else []


def _written_loc(details: ErrorDetails, schema: JsonSchema) -> Loc:
    """Return the place without pydantic's own steps, the names of a union's members, which are not in the file."""
    loc = details["loc"]
    n_own = 1 if details["type"] in _UNKNOWN_KEY else details.get("ctx", {}).get("n_own_steps", 0)
    n_pydantic = len(loc) - n_own
    return _walk(schema, loc[:n_pydantic])[0] + loc[n_pydantic:]


def _parts_at(schema: JsonSchema, loc: Loc) -> list[JsonSchema]:
    """Return the schemas that may stand at a place: several where a union leaves a choice."""
    return _walk(schema, loc)[1]


def _walk(schema: JsonSchema, loc: Loc) -> tuple[Loc, list[JsonSchema]]:
    """Follow the steps that the schema knows; return them and the schemas at their end."""
    definitions = schema.get("$defs", {})
    known: Loc = ()
    parts = list(_alternatives(schema, definitions))
    for step in loc:
        below = [part for part in parts for part in _step(part, step)]
        if below:
            known = (*known, step)
            parts = [leaf for part in below for leaf in _alternatives(part, definitions)]
        else:  # the name of a union's member leaves this member only
            parts = [part for part in parts if part.get("properties", {}).get("kind", {}).get("const") == step] or parts
    return known, parts


def _alternatives(schema: JsonSchema, definitions: JsonSchema) -> Iterator[JsonSchema]:
    if "$ref" in schema:
        yield from _alternatives(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    for branch in (branch for key in ("anyOf", "oneOf", "allOf") for branch in schema.get(key, [])):
        yield from _alternatives(branch, definitions)
    yield schema


def _step(part: JsonSchema, step: int | str) -> list[JsonSchema]:
    if isinstance(step, str):
        found = [part.get("properties", {}).get(step), part.get("additionalProperties")]
    else:
        prefix = part.get("prefixItems", [])
        found = [prefix[step] if step < len(prefix) else part.get("items")]
    return [{} if schema is True else schema for schema in found if schema is True or isinstance(schema, Mapping)]
