"""Compute from a file of measurements; and the reader of such files, which prices use as well."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError

from sim.economy import curves
from sim.economy.base import (
    LARGEST_FACTOR,
    MOST_STEPS,
    Compute,
    CurveError,
    Floats,
    PriceValue,
    Steps,
    join,
    warn_of_end,
)
from sim.files.gate import FileError, read_text
from sim.problems import problems_of
from sim.units import TIME, Seconds

COMPUTE_UNITS = {"nonces/s": 1.0, "nonces/min": 1 / 60, "nonces/h": 1 / 3600, "nonces/d": 1 / 86_400}
MOST_BYTES = 20_000_000  # as many lines as there may be, of 100 characters
LATEST_SECONDS = 1e12  # beyond it, differences of times would lose what they tell
_HEADING = re.compile(r"\s*\w[\w ]*\(\s*([^()\s]+)\s*\)\s*")

CsvFile = Annotated[str, Field(description="the file, seen from the lab file", examples=["compute.csv"])]
MaxGap = Annotated[
    Annotated[Seconds, Field(gt=0.0)] | None,
    Field(description="longest time from one line to the next; absent: any"),
]


@dataclass(frozen=True)
class CsvColumn:
    """The second column: its meaning, an example of its heading, and its units, empty for a number without one."""

    noun: str
    example: str
    units: Mapping[str, float]
    values: TypeAdapter[list[float]]
    """The gate of its values in the base unit, which has the bounds that values in a YAML file have."""


COMPUTE = CsvColumn("compute", "time (h),compute (nonces/s)", COMPUTE_UNITS, TypeAdapter(list[Compute]))
PRICE = CsvColumn("price", "time (h),price", {}, TypeAdapter(list[PriceValue]))


@curves.register("csv")
@dataclass(frozen=True)
class FromCsv:
    """A file with two columns, time and compute, whose headings hold the units: `time (h),compute (nonces/s)`.

    Each value holds until the next line's time. Times count from the first one. Blank lines are passed over. Empty
    cells, times that do not grow or lie more than 10¹² s from 0, values that no YAML file could give either, changes by
    more than a factor 10⁹ and longer pauses than `max_gap` are refused with file, line and column. Compute may be 0 in
    between: no block comes until it is back. A file that ends before the race is told.
    """

    path: CsvFile
    max_gap: MaxGap = None

    def lay_out(self, horizon_seconds: float, generator: np.random.Generator) -> Steps:
        """Return the file's steps, whatever the horizon."""
        return read_steps(self.path, self.max_gap, COMPUTE)

    def find_warnings(self, race_seconds: float) -> Iterator[str]:
        """Tell of a file that ends before the race."""
        steps = read_steps(self.path, self.max_gap, COMPUTE)
        yield from warn_of_end(self.path, steps.times[-1], steps.values[-1], race_seconds)


def read_steps(file: str, max_gap_seconds: float | None, column: CsvColumn) -> Steps:
    """Return times (s) from the first line's, and values in the column's base unit; raises CurveError with every line
    that is wrong.
    """
    path = Path(file)
    header, lines = read_lines(path)
    scales = _read_header(path, header, column)
    with np.errstate(over="ignore", invalid="ignore"):  # too large times and values are refused by name
        rows = np.array([_read_line(line.cells) for line in lines]) * scales  # NaN where there is no number
        outliers = (
            (line.number, len(line.cells[0]) + 2, _tell_outlier(line.cells[1], what, column))
            for line, what in ((lines[index], what) for index, what in find_outliers(rows[:, 1], column))
        )
        refuse(path, [*_find_mistakes(lines, rows, max_gap_seconds), *outliers])
    return join((rows[:, 0] - rows[0, 0], rows[:, 1]))


def _tell_outlier(cell: str, what: str, column: CsvColumn) -> str:
    unit = "" if cell.strip() in what or not column.units else f" ({next(iter(column.units))})"
    return f"{column.noun} {what}{unit}"


class CsvLine(NamedTuple):
    """A line of a CSV file that is not blank; `number` counts from 1."""

    number: int
    cells: list[str]


def read_lines(path: Path) -> tuple[list[str], list[CsvLine]]:
    """Return the cells of a CSV file's header, and its other lines without blank ones, at least one.

    Raises CurveError.
    """
    try:
        text = read_text(path, MOST_BYTES, "a file of measurements").split("\n")
        rows = enumerate(csv.reader(line.rstrip("\r") for line in text), 1)
        lines = [CsvLine(number, cells) for number, cells in rows if "".join(cells).strip() or len(cells) > 1]
    except FileError as error:
        raise CurveError(str(error)) from None
    except csv.Error as error:
        raise CurveError(f"{path}: is no CSV file: {error}") from None
    if len(lines) - 1 > MOST_STEPS:
        raise CurveError(f"{path}: {len(lines) - 1} lines; at most {MOST_STEPS}")
    if len(lines) == 1:
        raise CurveError(f"{path}:2:1: no values below the header")
    return (lines[0].cells if lines else []), lines[1:]


def refuse(path: Path, found: Iterable[tuple[int, int, str]]) -> None:
    """Raise CurveError with mistakes (line, column and text), if there are any, in the order of the file."""
    if mistakes := [f"{path}:{number}:{place}: {what}" for number, place, what in sorted(found)]:
        raise CurveError("\n".join(mistakes))


def _read_header(path: Path, cells: list[str], column: CsvColumn) -> np.ndarray:
    """Return the factors that bring both columns to their base units."""
    units = [match[1] if (match := _HEADING.fullmatch(cell)) else "" for cell in cells]
    scales = column.units or {column.noun: 1.0}  # without units the noun stands alone
    if not column.units:
        units[1:] = [cell.strip() for cell in cells[1:]]
    if len(units) != 2 or units[0] not in TIME.units or units[1] not in scales:
        shown = f'"{",".join(cells)}"' if cells else "nothing"
        known = "; ".join(", ".join(each) for each in (TIME.units, column.units) if each)
        raise CurveError(
            f'{path}:1:1: the header must be two headings with units, for instance "{column.example}", not {shown} '
            f"(units: {known})"
        )
    return np.array([TIME.units[units[0]], scales[units[1]]])


def _read_line(cells: list[str]) -> tuple[float, float]:
    time, value = (_read_number(cell) for cell in (cells if len(cells) == 2 else ["", ""]))
    return time, value


def _read_number(cell: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def _find_mistakes(
    lines: Sequence[CsvLine], rows: np.ndarray, max_gap_seconds: float | None
) -> Iterator[tuple[int, int, str]]:
    """Mistakes with their lines and columns in the file, which count from 1."""
    for (number, cells), (time, value) in zip(lines, rows, strict=True):
        if len(cells) != 2 or math.isnan(time) or math.isnan(value):
            what = (
                "a gap" if not "".join(cells).strip() or "" in (cell.strip() for cell in cells) else "not two numbers"
            )
            place = len(cells[0]) + 2 if len(cells) == 2 and not math.isnan(_read_number(cells[0])) else 1
            yield number, place, f'"{",".join(cells)}" is {what}; each line holds a time and a value'
        elif not abs(time) <= LATEST_SECONDS:
            yield number, 1, f"time {cells[0].strip()} is too large: more than {LATEST_SECONDS:g} s from 0"
    for (number, cells), step in zip(lines[1:], np.diff(rows[:, 0]), strict=True):
        if step <= 0:
            yield number, 1, f"time {cells[0].strip()} does not come after the line before"
        elif max_gap_seconds is not None and step > max_gap_seconds:
            yield number, 1, f"a gap of {step:g} s; at most {max_gap_seconds:g} s (max_gap)"


def find_outliers(values: Floats, column: CsvColumn) -> Iterator[tuple[int, str]]:
    """Yield positions and mistakes of values (NaN: none) beyond the bounds that YAML files have, or too far from the
    first one for floats to stay off their limits.
    """
    known, wrong = np.flatnonzero(~np.isnan(values)), set()
    try:
        column.values.validate_python([_as_written(value) for value in values[known].tolist()])
    except ValidationError as error:
        for problem in problems_of(error, column.values.json_schema()):
            wrong.add(index := int(known[int(problem.loc[0])]))
            yield index, problem.message
    first, last = values[0], len(values) - 1
    for index in known.tolist():
        if index not in wrong and (why := _find_misfit(values[index], first, index in (0, last))):
            yield index, f"{_as_written(values[index])} {why}"


def _as_written(value: float) -> float:
    """Return a whole number as one, which is shown as such."""
    return int(value) if value.is_integer() and abs(value) < 1e15 else value


def _find_misfit(value: float, first: float, is_end: bool) -> str:
    if is_end and value == 0:
        return "must be more than 0 at both ends of a file: a race begins at the first value, and the last one holds on"
    if first > 0 and value > 0 and not 1 / LARGEST_FACTOR <= value / first <= LARGEST_FACTOR:
        return f"must lie within a factor {LARGEST_FACTOR:g} of the first value, {first:g}"
    return ""
