"""Compute as somebody measured it."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from sim.economy import curves
from sim.economy.base import MOST_STEPS, CurveError, Steps, join
from sim.units import TIME, Seconds

COMPUTE_UNITS = {"nonces/s": 1.0, "nonces/min": 1 / 60, "nonces/h": 1 / 3600, "nonces/d": 1 / 86_400}
EXAMPLE = "time (h),compute (nonces/s)"
_HEADING = re.compile(r"\s*\w[\w ]*\(\s*([^()\s]+)\s*\)\s*")


@curves.register("csv")
@dataclass(frozen=True)
class FromCsv:
    """A file with two columns, time and compute, whose headings hold the units: `time (h),compute (nonces/s)`.

    Each value holds until the next line's time. Times count from the first one. Empty cells, times that do not grow and
    values that are not above 0 are refused with file and line, and so are longer pauses than `max_gap`.
    """

    path: Annotated[str, Field(description="the file, seen from the lab file", examples=["compute.csv"])]
    max_gap: Annotated[
        Annotated[Seconds, Field(gt=0.0)] | None,
        Field(description="longest time from one line to the next; absent: any"),
    ] = None

    def lay_out(self, horizon_seconds: float, generator: np.random.Generator) -> Steps:
        """Return the file's steps, whatever the horizon."""
        times, values = read_table(Path(self.path), self.max_gap)
        return join((times - times[0], values))


def read_table(path: Path, max_gap_seconds: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return times (s) and compute (nonces/s); raises CurveError with every line that is wrong."""
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CurveError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    scales = _read_header(path, lines[0] if lines else [])
    if len(lines) < 2:
        raise CurveError(f"{path}:2: no values below the header")
    if len(lines) - 1 > MOST_STEPS:
        raise CurveError(f"{path}: {len(lines) - 1} lines; at most {MOST_STEPS}")
    rows = np.array([_read_line(line) for line in lines[1:]]) * scales  # NaN where there is no number
    mistakes = [f"{path}:{number}: {what}" for number, what in sorted(_find_mistakes(lines[1:], rows, max_gap_seconds))]
    if mistakes:
        raise CurveError("\n".join(mistakes))
    return rows[:, 0], rows[:, 1]


def _read_header(path: Path, cells: list[str]) -> np.ndarray:
    units = [match[1] if (match := _HEADING.fullmatch(cell)) else "" for cell in cells]
    for known, unit in zip((TIME.units, COMPUTE_UNITS), units if len(units) == 2 else ["", ""], strict=True):
        if unit not in known:
            shown = f'"{",".join(cells)}"' if cells else "nothing"
            raise CurveError(
                f'{path}:1: the header must be two headings with units, for instance "{EXAMPLE}", not {shown} (units: '
                f"{', '.join(TIME.units)}; {', '.join(COMPUTE_UNITS)})"
            )
    return np.array([TIME.units[units[0]], COMPUTE_UNITS[units[1]]])


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
    lines: list[list[str]], rows: np.ndarray, max_gap_seconds: float | None
) -> Iterator[tuple[int, str]]:
    """Line numbers of the file, which count from 1, with what is wrong there."""
    for number, (cells, (time, value)) in enumerate(zip(lines, rows, strict=True), 2):
        if len(cells) != 2 or math.isnan(time) or math.isnan(value):
            what = (
                "a gap" if not "".join(cells).strip() or "" in (cell.strip() for cell in cells) else "not two numbers"
            )
            yield number, f'"{",".join(cells)}" is {what}; each line holds a time and a value'
        elif value <= 0:
            yield number, f"compute {cells[1].strip()} must be above 0"
    for number, step in enumerate(np.diff(rows[:, 0]), 3):
        if step <= 0:
            yield number, f"time {lines[number - 2][0].strip()} does not come after the line before"
        elif max_gap_seconds is not None and step > max_gap_seconds:
            yield number, f"a gap of {step:g} s; at most {max_gap_seconds:g} s (max_gap)"
