"""Sections of a scenario whose keys a rule's dataclass declares: type, bounds, meaning and default stand there.

A field is a key where its annotation holds a sentence: `epochs: Annotated[int, Field(ge=0), "epochs until ..."] = 180`,
or, in a plug-in, a description.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from fractions import Fraction
from typing import Annotated, Any, get_args, get_type_hints

from pydantic import BaseModel, Field, create_model


def find_keys(kind: type) -> Iterator[tuple[str, Any, tuple[Any, ...], str]]:
    """Yield name, type, bounds and meaning of each key that a dataclass declares."""
    for name, hint in get_type_hints(kind, include_extras=True).items():
        plain, *parts = get_args(hint) or (hint,)
        for meaning in filter(None, map(_read_meaning, parts)):
            yield name, plain, tuple(part for part in parts if part is not meaning), meaning


def _read_meaning(part: object) -> str | None:
    return part if isinstance(part, str) else getattr(part, "description", None)


def make_section(
    name: str,
    base: type[BaseModel],
    *kinds: type,
    is_optional: bool = False,
    without: Container[str] = (),
    addition: str = "",
) -> Any:
    """Return the model that has the keys of dataclasses beside those of `base`; optional keys may be absent (None).

    A key without a default must be given.
    A fraction is written as a decimal number. `addition` follows every meaning.
    """
    fields: dict[str, Any] = {}
    for kind in kinds:
        for key, plain, bounds, meaning in find_keys(kind):
            default: Any = None if is_optional else getattr(kind, key, ...)
            default = float(default) if isinstance(default, Fraction) else default
            written: Any = Annotated[(float if plain is Fraction else plain, Field(), *bounds)]
            if key not in without:
                described = Field(default, description=meaning + addition)
                fields[key] = (written | None if is_optional else written, described)
    return create_model(name, __base__=base, __doc__=base.__doc__, __module__=base.__module__, **fields)


def read_parameters(kinds: Iterable[type], section: BaseModel) -> dict[str, Any]:
    """Return the values that a section gives to optional keys of these dataclasses."""
    given = {key: getattr(section, key) for kind in kinds for key, *_ in find_keys(kind)}
    return {key: value for key, value in given.items() if value is not None}


def read_values(kind: type, section: BaseModel) -> dict[str, Any]:
    """Return the values of a dataclass's keys in a section; a decimal number becomes the exact fraction again."""
    values = {key: (plain, getattr(section, key)) for key, plain, _, _ in find_keys(kind)}
    return {key: Fraction(str(value)) if plain is Fraction else value for key, (plain, value) in values.items()}
