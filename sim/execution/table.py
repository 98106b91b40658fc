"""Finished runs -> `runs.parquet` and `timings.parquet`: the same bytes, whatever the order in which runs ended."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sim.errors import UserError
from sim.execution.store import MISSING_FILE, RUNS_FILE, SWEEP_FILE, TIMINGS_FILE, Row, read_journal
from sim.execution.sweep_file import Sweep, load_sweep_file
from sim.metrics.measures import FAILED, Law, Measure, run_measures
from sim.results import read_provenance, replace_file
from sim.units import BIT_RATE, SIZE, TIME, QuantityError, parse_quantity

MISSING_COLUMNS = {
    **{"run_id": pa.string(), "point": pa.int64(), "replication": pa.int64()},
    **{"measure": pa.string(), "reason": pa.string(), "is_failure": pa.bool_()},
}
TIMING_COLUMNS = {
    "run_id": pa.string(),
    "wall_seconds": pa.float64(),
    "machine": pa.string(),
    "attempts": pa.int64(),
    "ended_utc": pa.string(),
}


@dataclass(frozen=True)
class SweepResult:
    """What a sweep found. An unfinished one has the rows of what is finished so far."""

    name: str
    runs: pd.DataFrame
    """One row a run: what was varied and measured, `error` where it failed, `trace_hash`."""
    axes: tuple[str, ...]
    """Columns of `runs` that hold what was varied."""
    measures: Mapping[str, Measure]
    """Columns of `runs` that hold what was measured, with unit, law and meaning."""
    missing: pd.DataFrame
    """One row per run and measure without a value: the `reason`, and `is_failure` where the measure is to blame."""
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
    made = read_provenance(path)
    measures = {measure.name: measure for measure in _read_measures(made)}
    is_finished = (path / RUNS_FILE).is_file()
    tables = _read_tables(path) if is_finished else _read_unfinished(path, measures)
    runs, timings, missing = (table.to_pandas() for table in tables)
    known = {name: measure for name, measure in measures.items() if name in runs.columns}
    return SweepResult(made["name"], runs, tuple(made["axes"]), known, missing, timings, path, is_finished)


def _read_measures(provenance: Mapping[str, Any]) -> Iterator[Measure]:
    """Yield the measures that a sweep took; an older version of the code took all of its own and did not list them."""
    if "measures" not in provenance:
        yield from run_measures.choose()
    for each in provenance.get("measures", ()):
        yield Measure(each["name"], each["unit"], Law(each["law"]), each["meaning"])


def _read_tables(folder: Path) -> tuple[pa.Table, ...]:
    try:
        runs, timings = pq.read_table(folder / RUNS_FILE), pq.read_table(folder / TIMINGS_FILE)
        is_there = (folder / MISSING_FILE).is_file()  # older versions of the code wrote none
        return runs, timings, pq.read_table(folder / MISSING_FILE) if is_there else build_missing([])
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{folder}: its tables cannot be read: {error}") from None


def _read_unfinished(folder: Path, measures: Iterable[str]) -> tuple[pa.Table, ...]:
    rows = sort_rows(read_journal(folder))
    return build_runs(load_sweep_file(folder / SWEEP_FILE), rows, measures), build_timings(rows), build_missing(rows)


def write_tables(folder: Path, sweep: Sweep, rows: Sequence[Row], measures: Iterable[str]) -> None:
    """Write all tables; the runs last, for their file says that the sweep is finished."""
    ordered = sort_rows(rows)
    tables = {
        TIMINGS_FILE: build_timings(ordered),
        MISSING_FILE: build_missing(ordered),
        RUNS_FILE: build_runs(sweep, ordered, measures),
    }
    for name, table in tables.items():
        replace_file(folder / name, partial(pq.write_table, table))


def sort_rows(rows: Sequence[Row]) -> list[Row]:
    """Points in order, the replications of each in order."""
    return sorted(rows, key=lambda row: (row.point, row.replication))


def build_runs(sweep: Sweep, rows: Sequence[Row], measures: Iterable[str]) -> pa.Table:
    """One row a run: identity, a column per axis, a column per measure (NaN where it is missing), error, trace hash."""
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
    for measure in measures:
        columns[measure] = pa.array([row.measures.get(measure, float("nan")) for row in rows], pa.float64())
    columns["error"] = pa.array([row.error for row in rows], pa.string())
    columns["trace_hash"] = pa.array([row.trace_hash for row in rows], pa.string())
    return pa.table(columns)


def build_missing(rows: Sequence[Row]) -> pa.Table:
    """One row per run and missing measure, with the reason; nothing of runs that failed as a whole."""
    found = [
        (row.run_id, row.point, row.replication, measure, reason.removeprefix(FAILED), reason.startswith(FAILED))
        for row in rows
        for measure, reason in row.missing.items()
    ]
    columns = zip(*found, strict=True) if found else ([] for _ in MISSING_COLUMNS)
    kinds = MISSING_COLUMNS.items()
    return pa.table({name: pa.array(column, kind) for (name, kind), column in zip(kinds, columns, strict=True)})


def build_timings(rows: Sequence[Row]) -> pa.Table:
    """Where and how long each run took, and how often it was tried: different in every execution."""
    return pa.table(
        {name: pa.array([getattr(row, name) for row in rows], kind) for name, kind in TIMING_COLUMNS.items()}
    )


def tell_failed_measures(missing: pd.DataFrame, n_runs: int) -> Iterator[str]:
    """Yield a line per measure and reason of values that are missing by a defect of the measure."""
    failed = missing[missing["is_failure"]]
    for (measure, reason), rows in failed.groupby(["measure", "reason"], sort=False):
        yield f"measure {measure} is missing in {len(rows)} of {n_runs} runs: {reason}"


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
