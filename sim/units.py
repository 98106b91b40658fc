"""Quantities with units ("5.6 s", "22020096 B", "100 Mbit/s") to floats in base units: second, byte, bit per second.

A bare number is refused, for a reader should not have to guess its unit. Prefixes follow SI and IEC: 1 MB = 1e6 B,
1 MiB = 1048576 B. Upper and lower case differ, as in SI: "mb" is no megabyte. Only `SignedSeconds` may be negative.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError


class QuantityError(ValueError):
    """A text that is no quantity of the dimension asked for."""


@dataclass(frozen=True)
class Dimension:
    """A quantity's name, its units in base units, and examples."""

    name: str
    base_unit: str
    units: Mapping[str, float]
    examples: tuple[str, ...]
    largest: float
    """In the base unit: beyond it, no such thing is meant."""


_DECIMAL_BYTES = {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
_BINARY_BYTES = {"KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30, "TiB": 2.0**40}
_BIT_RATES = {"bit/s": 1.0, "kbit/s": 1e3, "Mbit/s": 1e6, "Gbit/s": 1e9, "Tbit/s": 1e12}
_BYTE_RATES = {f"{unit}/s": 8.0 * size for unit, size in {**_DECIMAL_BYTES, **_BINARY_BYTES}.items()}

TIME = Dimension(
    "a time", "s", {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}, ("5.6 s", "150 ms", "10 min"), 1e12
)
SIZE = Dimension("a size", "B", {**_DECIMAL_BYTES, **_BINARY_BYTES}, ("300 B", "1 MB", "2 MiB"), 1e15)
BIT_RATE = Dimension("a bit rate", "bit/s", {**_BIT_RATES, **_BYTE_RATES}, ("100 Mbit/s", "20 kbit/s", "12 MB/s"), 1e18)
_DIMENSIONS = (TIME, SIZE, BIT_RATE)

_QUANTITY = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([^\d\s+.-].*?)?\s*", re.ASCII)


def parse_quantity(text: object, dimension: Dimension, *, is_signed: bool = False) -> float:
    """Return the quantity in the dimension's base unit, at most its largest; raise QuantityError with a sentence.

    It is >= 0 unless `is_signed` allows it to be negative.
    """
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        raise QuantityError(_without_unit(str(text), dimension))
    if not isinstance(text, str):
        raise QuantityError(f'must be {dimension.name} as text with a unit, for instance "{dimension.examples[0]}"')
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise QuantityError(f'"{text}" is not {dimension.name}; write for instance "{dimension.examples[0]}"')
    number, unit = match.groups()
    if unit is None:
        raise QuantityError(_without_unit(number, dimension))
    if unit not in dimension.units:
        raise QuantityError(_wrong_unit(text, unit, dimension))
    value = float(number) * dimension.units[unit]
    if abs(value) > dimension.largest:
        most = f"{dimension.largest:g} {dimension.base_unit}"
        raise QuantityError(f'"{text}" is too large: {dimension.name} is at most {most}')
    if value < 0 and not is_signed:
        raise QuantityError(f'"{text}" must not be negative')
    return value


def format_quantity(value: float, dimension: Dimension) -> str:
    """Return the value in the base unit; `parse_quantity` gives exactly the same float back."""
    number = str(int(value)) if value == int(value) and value < 2**53 else repr(value)
    return f"{number} {dimension.base_unit}"


def _without_unit(number: str, dimension: Dimension) -> str:
    if not math.isfinite(float(number)):
        return f"{number} is not {dimension.name}; it must be finite and have a unit"
    example = f"{number} {dimension.base_unit}"
    return f'{number} has no unit; write for instance "{example}" (units: {", ".join(dimension.units)})'


def _wrong_unit(text: str, unit: str, dimension: Dimension) -> str:
    for other in _DIMENSIONS:
        if unit in other.units:
            known = ", ".join(dimension.units)
            return f'"{text}" is {other.name}, but {dimension.name} is needed here (units: {known})'
    return f'"{text}" has the unknown unit "{unit}".{_near_unit(unit, dimension)} Known: {", ".join(dimension.units)}.'


def _near_unit(unit: str, dimension: Dimension) -> str:
    # Not sim.errors.did_you_mean: units and errors are siblings that do not know each other, and "mB" is nearer to
    # "MB" than to "ms" only when case is looked at first.
    same_letters = [known for known in dimension.units if known.lower() == unit.lower()]
    near = same_letters or difflib.get_close_matches(unit.lower(), dimension.units, n=1, cutoff=0.4)
    return f' Did you mean "{near[0]}"?' if near else ""


class _Quantity:
    """The pydantic face of one dimension: text with a unit outside, a float in base units inside."""

    def __init__(self, dimension: Dimension, *, is_signed: bool = False) -> None:
        self._dimension = dimension
        self._is_signed = is_signed

    def parse(self, text: object) -> float:
        try:
            return parse_quantity(text, self._dimension, is_signed=self._is_signed)
        except QuantityError as error:
            raise PydanticCustomError("explained", "{message}", {"message": str(error)}) from error

    def format(self, value: float) -> str:
        return format_quantity(value, self._dimension)

    def json_schema(self) -> WithJsonSchema:
        units = "|".join(re.escape(unit) for unit in self._dimension.units)
        sign = r"[+-]?" if self._is_signed else r"\+?"
        pattern = rf"^\s*{sign}(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*({units})\s*$"
        return WithJsonSchema({"type": "string", "pattern": pattern, "examples": list(self._dimension.examples)})


_TIME, _SIZE, _BIT_RATE = _Quantity(TIME), _Quantity(SIZE), _Quantity(BIT_RATE)
_SIGNED_TIME = _Quantity(TIME, is_signed=True)

Seconds = Annotated[float, BeforeValidator(_TIME.parse), PlainSerializer(_TIME.format), _TIME.json_schema()]
SignedSeconds = Annotated[
    float, BeforeValidator(_SIGNED_TIME.parse), PlainSerializer(_SIGNED_TIME.format), _SIGNED_TIME.json_schema()
]
Bytes = Annotated[float, BeforeValidator(_SIZE.parse), PlainSerializer(_SIZE.format), _SIZE.json_schema()]
BitsPerSecond = Annotated[
    float, BeforeValidator(_BIT_RATE.parse), PlainSerializer(_BIT_RATE.format), _BIT_RATE.json_schema()
]
