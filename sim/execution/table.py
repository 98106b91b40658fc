"""Finished runs -> `runs.parquet`, `missing.parquet`, `timings.parquet`: the same bytes in any order of ending."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from sim.errors import UserError
from sim.execution.kept import Read, join_frames, to_frame, write_joined
from sim.execution.store import (
    JOURNAL,
    MISSING_FILE,
    RUNS_FILE,
    SWEEP_FILE,
    TIMINGS_FILE,
    FinishedRun,
    read_journal,
    read_packed,
)
from sim.execution.sweep_file import Sweep, find_stranger, load_sweep_file
from sim.files.sums import FILES, check_file
from sim.files.tables import read_frame, write_table
from sim.files.writing import make_inside, replace_file
from sim.metrics.frame_access import HasFrames
from sim.metrics.measures import FAILED, TRIES, Law, Measure, run_measures
from sim.results import FRAMES_FOLDER, MOST_ROWS, StudyStatus, naming_damage, read_provenance
from sim.units import BIT_RATE, SIZE, TIME, QuantityError, parse_quantity

RUN_COLUMNS = {
    **{"run_id": pa.string(), "point": pa.int64(), "replication": pa.int64(), "seed": pa.int64()},
    **{"status": pa.string(), "error": pa.string(), "trace_hash": pa.string()},  # behind those of axes and measures
}
MOST_NAMED = 10  # points in one line
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


@dataclass(frozen=True, repr=False)
class SweepResult(HasFrames):
    """A sweep's tables. An unfinished sweep has the rows of the runs that have finished so far.

    The frames that it keeps are attributes: `result.epochs` has the rows of all runs that did not fail, with the
    columns `point` and `replication` before them. They are read when they are asked for.
    """

    name: str
    runs: pd.DataFrame
    """One row a run: its axes and measures, `status`, `error` where it failed, `trace_hash`."""
    axes: tuple[str, ...]
    """Columns of `runs` that hold the axes' values."""
    measures: Mapping[str, Measure]
    """Columns of `runs` that hold measures, with unit, law and meaning."""
    missing: pd.DataFrame
    """One row per run and measure without a value: the `reason`, and `is_failure` where the measure is to blame."""
    timings: pd.DataFrame
    """One row a run: where and how long it ran."""
    is_finished: bool
    kept: tuple[str, ...]
    """Names of the frames that are kept."""
    read: Callable[[str], pd.DataFrame]
    """From the name of a kept frame to the frame."""
    folder: Path | None = None
    """Where all of it lies; None where the sweep was run without a folder."""

    def frame_names(self) -> tuple[str, ...]:
        """Return the names of the frames that are kept."""
        return self.kept

    def get_frame(self, name: str) -> pd.DataFrame:
        """Return a kept frame by its name; raises AttributeError where the sweep does not keep it."""
        if name not in self.kept:
            kept = f"it keeps {', '.join(self.kept)}" if self.kept else "it keeps none"
            raise AttributeError(f"sweep {self.name} did not keep the frame {name!r}; {kept} (`keep: [{name}]` does)")
        return self.read(name)

    def __repr__(self) -> str:
        kept = f"; frames: {', '.join(self.kept)}" if self.kept else ""
        return f"<SweepResult of {self.name}: {self._describe()}{kept}>"

    def _repr_html_(self) -> str:
        """The page in a notebook: how far the sweep came, which runs failed, and the first of its runs."""
        failed = [
            *tell_halts(self.runs),
            *(f"{count} runs failed: {error}" for error, count in self.runs["error"].value_counts().items()),
            *tell_failed_measures(self.missing, len(self.runs)),
        ]
        told = "".join(f"<p>{html.escape(line)}</p>" for line in failed)
        runs = self.runs.drop(columns=["run_id", "seed", "status", "error", "trace_hash"], errors="ignore")
        kept = ", ".join(f"<code>{html.escape(name)}</code>" for name in self.kept)
        lead = f"<b>{html.escape(self.name)}</b>: {html.escape(self._describe())}"
        table = runs.dropna(axis="columns", how="all").to_html(max_rows=MOST_ROWS, index=False)
        return f"<p>{lead}</p>{told}{table}" + (f"<p>Frames: {kept}</p>" if kept else "")

    def _describe(self) -> str:
        where = "" if self.folder is None else f", in {self.folder}"
        varied = f", varied: {', '.join(self.axes)}" if self.axes else ""
        n_points, status = self.runs["point"].nunique(), "" if self.is_finished else " so far"
        return f"{len(self.runs)} runs{status} at {n_points} points{varied}{where}"


def load_sweep(folder: str | PathLike[str]) -> SweepResult:
    """Load a sweep's folder, finished or not; raises `UserError` where it is not one.

    The tables of a finished sweep are read as they stand, also those of an older version of the code.
    """
    path = Path(folder)
    if not (path / SWEEP_FILE).is_file():
        raise UserError(f"{path}: not the folder of a sweep: no {SWEEP_FILE} in it")
    made = read_provenance(path)
    with naming_damage(path):
        return _load(path, made)


def _load(path: Path, made: Mapping[str, Any]) -> SweepResult:
    listed, is_finished = made.get(FILES, {}), has_tables(path, made)
    check_file(path, SWEEP_FILE, listed)
    measures, kept = {measure.name: measure for measure in _read_measures(made)}, tuple(made.get("keep", ()))
    if is_finished:
        runs, timings, missing = _read_tables(path, listed)
        read = partial(_read_joined, path, listed)
    else:
        sweep = load_sweep_file(path / SWEEP_FILE)
        rows = sort_rows(read_journal(path, partial(find_stranger, sweep, made.get("source_version", ""))))
        runs, timings, missing = (table.to_pandas() for table in _build_tables(sweep, rows, measures))
        read = partial(_join, rows, partial(read_packed, path))
    known = {name: measure for name, measure in measures.items() if name in runs.columns}
    return SweepResult(
        made["name"], runs, tuple(made["axes"]), known, missing, timings, is_finished, kept, read, folder=path
    )


def has_tables(folder: Path, made: Mapping[str, Any]) -> bool:
    """Whether the tables in a sweep's folder are all there; a kill may come before the provenance vouches for them."""
    if RUNS_FILE in made.get(FILES, {}):
        return True
    return (folder / RUNS_FILE).is_file() and (FILES not in made or not (folder / JOURNAL).is_dir())


def build_result(sweep: Sweep, rows: Sequence[FinishedRun], measures: Iterable[Measure], read: Read) -> SweepResult:
    """Return the result of a sweep that has no folder; `read` gives the frames that were kept of its runs."""
    by_name, ordered = {measure.name: measure for measure in measures}, sort_rows(rows)
    runs, timings, missing = (table.to_pandas() for table in _build_tables(sweep, ordered, by_name))
    join = partial(_join, ordered, read)
    return SweepResult(
        sweep.name, runs, sweep.axes, by_name, missing, timings, is_finished=True, kept=sweep.config.keep, read=join
    )


def _join(rows: Sequence[FinishedRun], read: Read, name: str) -> pd.DataFrame:
    return to_frame(join_frames(rows, name, read))


def _read_joined(folder: Path, listed: Mapping[str, str], name: str) -> pd.DataFrame:
    file = f"{FRAMES_FOLDER}/{name}.parquet"
    check_file(folder, file, listed)
    return read_frame(folder / file)


def _read_measures(provenance: Mapping[str, Any]) -> Iterator[Measure]:
    """Yield the measures that a sweep took; an older version of the code took all of its own and did not list them."""
    if "measures" not in provenance:
        yield from run_measures.choose()
    for each in provenance.get("measures", ()):
        yield Measure(each["name"], each["unit"], Law(each["law"]), each["meaning"])


def _read_tables(folder: Path, listed: Mapping[str, str]) -> tuple[pd.DataFrame, ...]:
    for file in (RUNS_FILE, TIMINGS_FILE, MISSING_FILE):
        check_file(folder, file, listed)
    runs = read_frame(folder / RUNS_FILE, ("run_id", "point", "replication", "error"))
    if "status" not in runs.columns:  # older versions of the code wrote none
        runs["status"] = np.where(runs["error"].isna(), StudyStatus.FINISHED, StudyStatus.FAILED)
    timings = read_frame(folder / TIMINGS_FILE)
    if not os.path.lexists(folder / MISSING_FILE):  # older versions of the code wrote none
        return runs, timings, build_missing([]).to_pandas()
    return runs, timings, read_frame(folder / MISSING_FILE, MISSING_COLUMNS)


def _build_tables(sweep: Sweep, ordered: Sequence[FinishedRun], measures: Iterable[str]) -> tuple[pa.Table, ...]:
    return build_runs(sweep, ordered, measures), build_timings(ordered), build_missing(ordered)


def write_tables(folder: Path, sweep: Sweep, rows: Sequence[FinishedRun], measures: Iterable[str]) -> None:
    """Write all tables and kept frames; the runs last, for their file says that the sweep is finished."""
    ordered = sort_rows(rows)
    for name in sweep.config.keep:
        tables = join_frames(ordered, name, partial(read_packed, folder))
        inside = make_inside(folder, FRAMES_FOLDER)
        replace_file(inside / f"{name}.parquet", partial(write_joined, tables=tables))
    runs, timings, missing = _build_tables(sweep, ordered, measures)
    for file, table in ((TIMINGS_FILE, timings), (MISSING_FILE, missing), (RUNS_FILE, runs)):
        write_table(folder / file, table)


def sort_rows(rows: Sequence[FinishedRun]) -> list[FinishedRun]:
    """Points in order, the replications of each in order."""
    return sorted(rows, key=lambda row: (row.point, row.replication))


def build_runs(sweep: Sweep, rows: Sequence[FinishedRun], measures: Iterable[str]) -> pa.Table:
    """One row a run: identity, a column per axis, a column per measure (NaN where it is missing), error, trace hash."""
    table, found = pa.Table.from_pylist([vars(row) for row in rows], pa.schema(RUN_COLUMNS)), {}
    measures = list(measures)
    for index, axis in enumerate(sweep.axes):
        found[axis] = pa.array(_make_axis([point.values[index] for point in sweep.points])).take(table["point"])
    for measure in measures:
        found[measure] = pa.array([row.measures.get(measure, float("nan")) for row in rows], pa.float64())
    for measure in measures:
        if any(measure in row.tries for row in rows):
            counts = [row.tries.get(measure) for row in rows]
            found[f"{measure}{TRIES}"] = pa.array(counts, pa.int64())
    for name, column in found.items():
        table = table.add_column(table.num_columns - 3, name, column)
    return table


def build_missing(rows: Sequence[FinishedRun]) -> pa.Table:
    """One row per run and missing measure, with the reason; runs that failed as a whole are left out."""
    found = [
        {
            **vars(row),
            "measure": measure,
            "reason": reason.removeprefix(FAILED),
            "is_failure": reason.startswith(FAILED),
        }
        for row in rows
        for measure, reason in row.missing.items()
    ]
    return pa.Table.from_pylist(found, pa.schema(MISSING_COLUMNS))


def build_timings(rows: Sequence[FinishedRun]) -> pa.Table:
    """Where and how long each run took, and how often it was tried: different in every execution."""
    return pa.Table.from_pylist([vars(row) for row in rows], pa.schema(TIMING_COLUMNS))


def tell_halts(runs: pd.DataFrame) -> Iterator[str]:
    """Yield a line where the chains of some runs were given up."""
    if n_halted := int((runs["status"] == StudyStatus.HALTED).sum()):
        yield f"{n_halted} of {len(runs)} runs halted; no mean has them in it"


def tell_alike(runs: pd.DataFrame) -> Iterator[str]:
    """Yield a line for the points of which all runs are one and the same: their replications say nothing of chance."""
    finished = runs[runs["status"] == StudyStatus.FINISHED].dropna(subset="trace_hash")
    by_point = finished.groupby("point")["trace_hash"].agg(["nunique", "size"])
    alike = by_point.index[(by_point["nunique"] == 1) & (by_point["size"] > 1)].tolist()
    if alike:
        shown = ", ".join(map(str, alike[:MOST_NAMED])) + (", ..." if len(alike) > MOST_NAMED else "")
        yield f"point {shown}: all runs are alike to the bit, so that nothing in them is left to chance"


def tell_failed_measures(missing: pd.DataFrame, n_runs: int) -> Iterator[str]:
    """Yield a line per measure and reason of values that are missing by a defect of the measure."""
    failed = missing[missing["is_failure"]]
    for (measure, reason), rows in failed.groupby(["measure", "reason"], sort=False):
        yield f"measure {measure} is missing in {len(rows)} of {n_runs} runs: {reason}"


def shorten_mappings(frame: pd.DataFrame, axes: Sequence[str]) -> pd.DataFrame:
    """Return the frame with values of axes that are mappings as a person says them: "sma window=5".

    Parts that all values have in common are left out, so that different values stay different.
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
