"""The values that one parameter of a search may take: numbers, whole numbers, quantities with a unit, or choices.

A search handles numbers and labels; a file holds numbers, quantities ("5 s") and anything else. A domain turns one into
the other.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sim.execution.sweep_schema import Number, is_number, split_quantity
from sim.problems import Problem, show_value
from sim.units import BIT_RATE, SIZE, TIME, QuantityError, parse_quantity

DIGITS = 4  # significant ones of a found number, unless the range needs more: no study can tell more digits apart
AT_END = 0.05  # of a range, on its scale: a winner this near to an end may be better beyond it
STEPS = 1000  # so many values at least lie between the ends of a range
Value = int | float | str
"""A number in the domain's unit, or a choice's label."""
Parameters = Mapping[str, Value]
"""A point of a search: values by the names of its parameters."""


@dataclass(frozen=True)
class Domain:
    """All values of one parameter; `choices` by their labels, or numbers from `low` to `high`, both included."""

    low: Number = 0
    high: Number = 0
    unit: str = ""
    is_log: bool = False
    is_whole: bool = False
    choices: Mapping[str, Any] | None = None

    def round(self, value: Any) -> Value:
        """Return a value as it is run and pasted: a label, a whole number, or a number inside the range."""
        if self.choices is not None:
            return str(value)
        if self.is_whole:
            whole: int = min(max(round(value), round(self.low)), round(self.high))
            return whole
        return min(max(float(f"{value:.{self._count_digits(value)}g}"), float(self.low)), float(self.high))

    def _count_digits(self, value: float) -> int:
        n_decimals = math.ceil(math.log10(STEPS / (self.high - self.low)))
        n_before = math.floor(math.log10(abs(value))) + 1 if value else 0
        return max(DIGITS, n_before + n_decimals)

    def place(self, u: float) -> Value:
        """Return the value at u in [0, 1): choices share it out evenly, numbers lie on their scale."""
        if self.choices is not None:
            return list(self.choices)[int(u * len(self.choices))]
        if self.is_log:
            return self.round(self.low * (self.high / self.low) ** u)
        return self.round(self.low + (self.high - self.low) * u)

    def find_end(self, value: Value) -> str:
        """Return the end of the range, `low` or `high`, at which a value lies; empty within it, and for choices."""
        if self.choices is not None or not is_number(value):
            return ""
        low, high, at = (math.log(x) if self.is_log else float(x) for x in (self.low, self.high, float(value)))
        place = (at - low) / (high - low)
        return "low" if place <= AT_END else "high" if place >= 1.0 - AT_END else ""

    def write(self, value: Value) -> Any:
        """Return the value as a file holds it."""
        if self.choices is not None:
            return self.choices[str(value)]
        return f"{value} {self.unit}" if self.unit else value

    def read(self, written: Any) -> Value | None:
        """Return the value of a file's entry; None where it is not in this domain."""
        if self.choices is not None:
            label = make_label(written)
            return label if label in self.choices else None
        number = _convert(written, self.unit)
        return number if number is not None and self.low <= number <= self.high else None


def make_domain(limits: Mapping[str, Any], *, is_whole: bool | None = None) -> Domain:
    """Return the domain of `{low, high, scale}` or `{choices}`, which `check_limits` has found fine.

    Two whole numbers draw whole numbers unless `is_whole` says otherwise.
    """
    choices = limits.get("choices")
    if choices is not None:
        return Domain(choices={make_label(each): each for each in choices})
    (low, unit), (high, _) = split_quantity(limits["low"]), split_quantity(limits["high"])
    whole = isinstance(low, int) and isinstance(high, int) if is_whole is None else is_whole
    return Domain(low, high, unit, limits.get("scale") == "log", whole)


def check_limits(limits: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the mistakes in a parameter's values, each with its place in them."""
    choices, ends = limits.get("choices"), [limits.get(end) for end in ("low", "high")]
    if (choices is None) == any(end is None for end in ends):
        yield Problem((), "needs `low` and `high`, or `choices`")
        return
    if choices is not None:
        labels = [make_label(each) for each in choices] if isinstance(choices, list) else []
        twice = (index for index, label in enumerate(labels) if label in labels[:index])
        yield from (Problem(("choices", index), f"{show_value(choices[index])} stands here twice") for index in twice)
        return
    try:
        (low, unit), (high, other) = (split_quantity(end) for end in ends)
    except QuantityError as error:
        yield Problem((), str(error))
        return
    if unit != other:
        yield Problem((), f"both ends need the same unit, not {show_value(ends[0])} and {show_value(ends[1])}")
    elif low >= high:
        yield Problem(("low",), f"{show_value(ends[0])} must be less than `high`, {show_value(ends[1])}")
    if limits.get("scale") == "log" and low <= 0:
        yield Problem(("low",), f"{show_value(ends[0])} must be more than 0 on a log scale")


def make_label(choice: Any) -> str:
    """Return a choice's name in tables: a text as it is, other values as JSON."""
    return choice if isinstance(choice, str) else json.dumps(choice, ensure_ascii=False)


def _convert(written: Any, unit: str) -> Number | None:
    """Return a number or quantity in the unit."""
    if not unit:
        return written if is_number(written) else None
    for dimension in (TIME, SIZE, BIT_RATE):
        try:
            return float(f"{parse_quantity(written, dimension) / parse_quantity(f'1 {unit}', dimension):.12g}")
        except QuantityError:
            continue
    return None
