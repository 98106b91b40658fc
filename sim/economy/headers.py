"""Block headers of a real chain -> its compute, and its own difficulties beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from pydantic import Field

from sim.difficulty.compact_target import HASH_BITS, decode_compact
from sim.economy import curves
from sim.economy.base import CurveError, Floats, Steps, warn_of_end
from sim.economy.from_csv import COMPUTE, LATEST_SECONDS, find_outliers, read_lines, refuse
from sim.files.gate import show_path
from sim.units import TIME

SPACE = 2.0**HASH_BITS
EASIEST = 0xFFFF << 208  # the target of difficulty 1, as block explorers count it
PER_DIFFICULTY = SPACE / EASIEST
HIGHEST = 2**53  # every height below it is a float of its own
EXAMPLE = "height,time (s),bits"
WINDOW = 144
MOST_DIGITS = 20  # of a wrong number that are shown
IntArray = NDArray[np.int64]


class Headers(NamedTuple):
    """A chain's record, a value per block in the order of heights."""

    times: Floats
    """Timestamps, s; they may go back."""
    tries: Floats
    """Tries that the block took on average: 2^256 / target."""
    lines: IntArray
    """Where they stand in the file, counted from 1."""


@curves.register("headers")
@dataclass(frozen=True)
class FromHeaders:
    """The compute of a real chain, inferred from its block headers: `height,time (s),bits`, a line a block.

    The third column is `bits` (the compact target, 0x1d00ffff or as a whole number), `target` (0x… or as a whole
    number) or `difficulty` (as explorers count it: 1 is 2^32 tries). Timestamps may go back; time is read as the chain
    reads it, by the median of `median_of` of them, the block's own in their middle. So many blocks less one at the ends
    of a file serve the medians only. Law: compute is Σ tries / time over `window` blocks each, tries = 2^256 / target,
    and stays for as long; blocks without any time between them count with the next. Chance is a part of it, as 1 /
    √window. A lab races the chain's own difficulties beside its controllers on such a curve, each from the moment on
    when the chain had it. Heights that do not follow each other are refused with file, line and column, and so are
    values that no chain can have.
    """

    path: Annotated[str, Field(description="the file, seen from the lab file", examples=["headers.csv"])]
    window: Annotated[int, Field(ge=1, le=100_000, description="blocks whose compute is one step of the curve")] = (
        WINDOW
    )
    median_of: Annotated[int, Field(ge=1, le=1001, description="timestamps whose median is a block's time")] = 11

    def lay_out(self, horizon_seconds: float, generator: np.random.Generator) -> Steps:
        """Return the steps of the file, whatever the horizon."""
        clock, tries = self._read()
        edges = _choose_edges(clock, self.window)
        if len(edges) < 2:
            raise CurveError(f"{self.path}: no time passes between its headers: no compute can be inferred")
        values = np.add.reduceat(tries[1:], edges[:-1]) / np.diff(clock[edges])
        lines = read_headers(self.path).lines[edges[:-1] + self.median_of // 2]
        outliers = find_outliers(values, COMPUTE)
        refuse(
            Path(self.path),
            [(int(lines[index]), 1, f"compute {what} (nonces/s, from here on)") for index, what in outliers],
        )
        return Steps(clock[edges[:-1]], values)

    def read_own_difficulty(self) -> Steps:
        """Return the chain's own difficulty, tries per block, from the time of the block before it on."""
        clock, tries = self._read()
        is_kept = np.diff(clock) > 0
        return Steps(clock[:-1][is_kept], tries[1:][is_kept])

    def find_warnings(self, race_seconds: float) -> Iterator[str]:
        """Tell of timestamps that go back, and of a file that ends before the race."""
        headers = read_headers(self.path)
        back = np.flatnonzero(np.diff(headers.times) < 0)
        if back.size:
            place = f"{self.path}:{headers.lines[back[0] + 1]}"
            yield (
                f"{place}: {back.size} of its timestamps lie before the one above them, here the "
                f"first; time is read as the chain reads it, by the median of {self.median_of}"
            )
        steps = self.lay_out(race_seconds, np.random.default_rng(0))
        yield from warn_of_end(self.path, self._read()[0][-1], steps.values[-1], race_seconds)

    def _read(self) -> tuple[Floats, Floats]:
        """Return the time, s from the first one, and the tries of each block that has a median."""
        headers = read_headers(self.path)
        fewest = self.median_of + self.window
        if len(headers.times) < fewest:
            raise CurveError(f"{self.path}: {len(headers.times)} headers; at least {fewest}, for one step of compute")
        before = self.median_of // 2
        medians = np.median(sliding_window_view(headers.times, self.median_of), axis=1)
        clock = np.maximum.accumulate(medians)  # of headers that no chain with such a rule has, too
        return clock - clock[0], headers.tries[before : before + len(clock)]


def _choose_edges(clock: Floats, window: int) -> np.ndarray:
    """Return the blocks at which steps begin and end: `window` apart or more, each later than the one before."""
    edges = [0]
    for block in range(window, len(clock), window):
        if clock[block] > clock[edges[-1]]:
            edges.append(block)
    if len(edges) > 1:
        edges[-1] = len(clock) - 1  # the last step takes in what is left
    return np.array(edges)


def read_headers(file: str) -> Headers:
    """Return the record of a file; raises CurveError with every line that is wrong."""
    try:
        stat = Path(file).stat()
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise CurveError(f"{show_path(Path(file))}: cannot be read: {getattr(error, 'strerror', error)}") from error
    return _parse(file, (stat.st_mtime_ns, stat.st_size))


@lru_cache(maxsize=4)
def _parse(file: str, _version: tuple[int, int]) -> Headers:
    """Read a file once for all replications of a race, as long as it stays as it is."""
    path = Path(file)
    header, lines = read_lines(path)
    read = _read_header(path, header)
    rows: list[tuple[int, float, float]] = []
    mistakes: list[tuple[int, int, str]] = []
    before: int | None = None
    for number, cells in lines:
        try:
            rows.append(_read_line(cells, before, read))
            before = rows[-1][0]
        except _CellError as error:
            mistakes.append((number, sum(len(cell) + 1 for cell in cells[: error.column]) + 1, str(error)))
            before = None  # the next height is not compared with a wrong line's
    refuse(path, mistakes)
    _, times, tries = np.array(rows).T
    return Headers(times, tries, np.array([line.number for line in lines]))


class _CellError(ValueError):
    """A wrong cell; `column` counts from 0."""

    def __init__(self, column: int, message: str) -> None:
        super().__init__(message)
        self.column = column


def _read_header(path: Path, cells: list[str]) -> tuple[float, Callable[[str], float]]:
    """Return the seconds of a unit of time, and how the third column is read as tries."""
    names = [cell.strip() for cell in cells]
    unit = names[1].removeprefix("time (").removesuffix(")") if len(names) == 3 else ""
    is_known = len(names) == 3 and names[0] == "height" and names[1] == f"time ({unit})" and unit in TIME.units
    if not is_known or names[2] not in COLUMNS:
        shown = f'"{",".join(cells)}"' if cells else "nothing"
        what = f'the header must be "{EXAMPLE}", not {shown} (units: {", ".join(TIME.units)}; third column: '
        raise CurveError(f"{path}:1:1: {what}{', '.join(COLUMNS)})")
    return TIME.units[unit], COLUMNS[names[2]]


def _read_line(
    cells: list[str], before: int | None, read: tuple[float, Callable[[str], float]]
) -> tuple[int, float, float]:
    """Return height, time (s) and tries of a line. Raises _CellError."""
    if len(cells) != 3 or "" in (cell.strip() for cell in cells):
        raise _CellError(0, f'"{",".join(cells)}" is a gap; each line holds a height, a time and a target')
    try:
        height, time = int(cells[0]), float(cells[1]) * read[0]
    except ValueError:
        raise _CellError(0, f'"{",".join(cells[:2])}" is not a whole height and a time') from None
    if not 0 <= height < HIGHEST:
        raise _CellError(0, f"height {cells[0].strip()[:MOST_DIGITS]} is not from 0 to 2^53")
    if before is not None and height != before + 1:
        raise _CellError(0, f"height {height} does not follow {before}, the line before")
    if not abs(time) < LATEST_SECONDS:
        raise _CellError(1, f"time {cells[1].strip()} is not within {LATEST_SECONDS:g} s of 0")
    try:
        return height, time, read[1](cells[2].strip())
    except ValueError as error:
        raise _CellError(2, str(error)) from None


def _read_bits(cell: str) -> float:
    return SPACE / decode_compact(_read_whole(cell))


def _read_target(cell: str) -> float:
    if not 0 < (target := _read_whole(cell)) < 2**HASH_BITS:
        raise ValueError(f"target {cell} is not from 1 to 2^{HASH_BITS} - 1")
    return SPACE / target


def _read_difficulty(cell: str) -> float:
    try:
        difficulty = float(cell)
    except ValueError:
        difficulty = 0.0
    if not 1 / PER_DIFFICULTY <= difficulty <= EASIEST:
        raise ValueError(f"difficulty {cell} is not a number from 2^-32 to 2^224")
    return difficulty * PER_DIFFICULTY


def _read_whole(cell: str) -> int:
    try:
        return int(cell, 0)
    except ValueError:
        hint = f"; write 0x{cell} if it is hexadecimal" if set(cell.lower()) <= set("0123456789abcdef") else ""
        raise ValueError(f"{cell} is not a whole number{hint}") from None


COLUMNS: Mapping[str, Callable[[str], float]] = {
    "bits": _read_bits,
    "target": _read_target,
    "difficulty": _read_difficulty,
}
"""How each third column is read as the tries that a block takes."""
