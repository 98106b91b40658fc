"""Finished runs -> `runs.parquet` and `timings.parquet`: the same bytes, whatever the order in which runs ended."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sim.errors import UserError
from sim.execution.store import RUNS_FILE, SWEEP_FILE, TIMINGS_FILE, Row, read_journal
from sim.execution.sweep_file import Sweep, load_sweep_file
from sim.metrics.measures import MEASURES
from sim.results import read_provenance, replace_file
from sim.units import BIT_RATE, SIZE, TIME, QuantityError, parse_quantity

TIMING_COLUMNS = {
    "run_id": pa.string(),
    "wall_seconds": pa.float64(),
    "machine": pa.string(),
    "attempts": pa.int64(),
    "ended_utc": pa.string(),
}


@dataclass(frozen=True)
class SweepResult:
    """A sweep's runs, one row each: what was varied (`axes`), what was measured (`measures`), `error` where it failed.

    An unfinished sweep has the rows of what is finished so far.
    """

    name: str
    runs: pd.DataFrame
    axes: tuple[str, ...]
    measures: tuple[str, ...]
    timings: pd.DataFrame
    folder: Path
    is_finished: bool


def load_sweep(folder: str | PathLike[str]) -> SweepResult:
    """Load a sweep's folder, finished or not; raises `UserError` where it is not one.

    The tables of a finished sweep are read as they stand, also those of an older version of the code.
    """
    path = Path(folder)
    if not (path / SWEEP_FILE).is_file():
        raise UserError(f"{path}: not the folder of a sweep: no {SWEEP_FILE} in it")
    is_finished = (path / RUNS_FILE).is_file()
    runs, timings = _read_tables(path) if is_finished else _read_unfinished(path)
    made = read_provenance(path)
    measures = tuple(measure for measure in MEASURES if measure in runs.column_names)
    return SweepResult(
        made["name"], runs.to_pandas(), tuple(made["axes"]), measures, timings.to_pandas(), path, is_finished
    )


def _read_tables(folder: Path) -> tuple[pa.Table, pa.Table]:
    try:
        return pq.read_table(folder / RUNS_FILE), pq.read_table(folder / TIMINGS_FILE)
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{folder}: its tables cannot be read: {error}") from None


def _read_unfinished(folder: Path) -> tuple[pa.Table, pa.Table]:
    rows = sort_rows(read_journal(folder))
    return build_runs(load_sweep_file(folder / SWEEP_FILE), rows), build_timings(rows)


def write_tables(folder: Path, sweep: Sweep, rows: Sequence[Row]) -> None:
    """Write both tables; the runs last, for their file says that the sweep is finished."""
    ordered = sort_rows(rows)
    for name, table in ((TIMINGS_FILE, build_timings(ordered)), (RUNS_FILE, build_runs(sweep, ordered))):
        replace_file(folder / name, partial(pq.write_table, table))


def sort_rows(rows: Sequence[Row]) -> list[Row]:
    """Points in order, the replications of each in order."""
    return sorted(rows, key=lambda row: (row.point, row.replication))


def build_runs(sweep: Sweep, rows: Sequence[Row]) -> pa.Table:
    """One row a run: its identity, a column per axis, a column per measure (NaN where there is none), its error."""
    columns: dict[str, pa.Array] = {
        "run_id": pa.array([row.run_id for row in rows], pa.string()),
        **{
            name: pa.array([getattr(row, name) for row in rows], pa.int64())
            for name in ("point", "replication", "seed")
        },
    }
    for index, axis in enumerate(sweep.axes):
        values = [point.values[index] for point in sweep.points]
        made = _make_axis(values)
        columns[axis] = pa.array([made[row.point] for row in rows], _find_type(made))
    for measure in MEASURES:
        columns[measure] = pa.array([row.measures.get(measure, float("nan")) for row in rows], pa.float64())
    columns["error"] = pa.array([row.error for row in rows], pa.string())
    return pa.table(columns)


def build_timings(rows: Sequence[Row]) -> pa.Table:
    """Where and how long each run took, and how often it was tried: different in every execution."""
    return pa.table(
        {name: pa.array([getattr(row, name) for row in rows], kind) for name, kind in TIMING_COLUMNS.items()}
    )


def shorten_mappings(frame: pd.DataFrame, axes: Sequence[str]) -> pd.DataFrame:
    """Return the frame with values of axes that are mappings as a person says them: "sma window=5".

    What all of them have in common is left out, so that different values stay different.
    """
    return frame.assign(**{axis: frame[axis].map(_name_mappings(frame[axis].unique().tolist())) for axis in axes})


def _name_mappings(values: Sequence[Any]) -> dict[Any, Any]:
    mappings = {text: _flatten(json.loads(text)) for text in values if isinstance(text, str) and text[:1] == "{"}
    common = set.intersection(*(set(items.items()) for items in mappings.values())) if len(mappings) > 1 else set()
    names = {}
    for text, items in mappings.items():
        own = (f"{key}={value}" for key, value in items.items() if key != "kind" and (key, value) not in common)
        names[text] = " ".join([str(items.get("kind", "")), *own]).strip()
    return {value: names.get(value, value) for value in values}


def _flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """All leaves by their dotted paths; lists as texts."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        inner = _flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {}
        found |= inner or {prefix + key: value if isinstance(value, int | float | str) else json.dumps(value)}
    return found


def _make_axis(values: Sequence[Any]) -> list[Any]:
    """Return an axis' values as one column can hold them: numbers, truth values, or else texts.

    Quantities of one dimension become numbers in its base unit (s, B, bit/s), so that they can be drawn and averaged.
    """
    if (quantities := _read_quantities(values)) is not None:
        return quantities
    kinds = {type(value) for value in values}
    if kinds <= {int} or kinds <= {bool} or kinds <= {str}:
        return list(values)
    if kinds <= {int, float}:
        return [float(value) for value in values]
    return [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in values]


def _read_quantities(values: Sequence[Any]) -> list[Any] | None:
    for dimension in (TIME, SIZE, BIT_RATE):
        try:
            return [parse_quantity(value, dimension) for value in values]
        except QuantityError:
            continue
    return None


def _find_type(values: Sequence[Any]) -> pa.DataType:
    kinds: dict[type, pa.DataType] = {int: pa.int64(), bool: pa.bool_(), float: pa.float64(), str: pa.string()}
    return kinds[type(values[0])]
