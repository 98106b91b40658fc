"""Compute from a file of measurements; and the reader of such files, which prices use as well."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from sim.economy import curves
from sim.economy.base import MOST_STEPS, CurveError, Steps, join
from sim.units import TIME, Seconds

COMPUTE_UNITS = {"nonces/s": 1.0, "nonces/min": 1 / 60, "nonces/h": 1 / 3600, "nonces/d": 1 / 86_400}
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


COMPUTE = CsvColumn("compute", "time (h),compute (nonces/s)", COMPUTE_UNITS)
PRICE = CsvColumn("price", "time (h),price", {})


@curves.register("csv")
@dataclass(frozen=True)
class FromCsv:
    """A file with two columns, time and compute, whose headings hold the units: `time (h),compute (nonces/s)`.

    Each value holds until the next line's time. Times count from the first one. Empty cells, times that do not grow and
    values that are not above 0 are refused with file, line and column, and so are longer pauses than `max_gap`.
    """

    path: CsvFile
    max_gap: MaxGap = None

    def lay_out(self, horizon_seconds: float, generator: np.random.Generator) -> Steps:
        """Return the file's steps, whatever the horizon."""
        return read_steps(self.path, self.max_gap, COMPUTE)


def read_steps(file: str, max_gap_seconds: float | None, column: CsvColumn) -> Steps:
    """Return times (s) from the first line's, and values in the column's base unit; raises CurveError with every line
    that is wrong.
    """
    path = Path(file)
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CurveError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    scales = _read_header(path, lines[0] if lines else [], column)
    if len(lines) < 2:
        raise CurveError(f"{path}:2:1: no values below the header")
    if len(lines) - 1 > MOST_STEPS:
        raise CurveError(f"{path}: {len(lines) - 1} lines; at most {MOST_STEPS}")
    rows = np.array([_read_line(line) for line in lines[1:]]) * scales  # NaN where there is no number
    found = _find_mistakes(lines[1:], rows, max_gap_seconds, column.noun)
    mistakes = [f"{path}:{number}:{place}: {what}" for number, place, what in sorted(found)]
    if mistakes:
        raise CurveError("\n".join(mistakes))
    return join((rows[:, 0] - rows[0, 0], rows[:, 1]))


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
    lines: list[list[str]], rows: np.ndarray, max_gap_seconds: float | None, noun: str
) -> Iterator[tuple[int, int, str]]:
    """Mistakes with their lines and columns in the file, which count from 1."""
    for number, (cells, (time, value)) in enumerate(zip(lines, rows, strict=True), 2):
        if len(cells) != 2 or math.isnan(time) or math.isnan(value):
            what = (
                "a gap" if not "".join(cells).strip() or "" in (cell.strip() for cell in cells) else "not two numbers"
            )
            place = len(cells[0]) + 2 if len(cells) == 2 and not math.isnan(_read_number(cells[0])) else 1
            yield number, place, f'"{",".join(cells)}" is {what}; each line holds a time and a value'
        elif value <= 0:
            yield number, len(cells[0]) + 2, f"{noun} {cells[1].strip()} must be above 0"
    for number, step in enumerate(np.diff(rows[:, 0]), 3):
        if step <= 0:
            yield number, 1, f"time {lines[number - 2][0].strip()} does not come after the line before"
        elif max_gap_seconds is not None and step > max_gap_seconds:
            yield number, 1, f"a gap of {step:g} s; at most {max_gap_seconds:g} s (max_gap)"
