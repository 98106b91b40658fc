"""A sweep's table of runs, read from its results folder."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import pandas as pd
import pyarrow as pa

from sim.errors import UserError
from sim.metrics.measures import MEASURES
from sim.studies.compare import RUN_COLUMNS

RUNS_FILE = "runs.parquet"


@dataclass(frozen=True)
class SweepTable:
    """The runs of a sweep and what their columns are."""

    name: str
    runs: pd.DataFrame
    axes: tuple[str, ...]
    measures: tuple[str, ...]


def read_sweep(folder: str | PathLike[str]) -> SweepTable:
    """Read `runs.parquet`: what is neither a column of every sweep nor a measure is an axis. Raises `UserError`."""
    file = Path(folder) / RUNS_FILE
    if not file.is_file():
        raise UserError(f"{folder}: not the folder of a finished sweep: no {RUNS_FILE} in it")
    try:
        runs = pd.read_parquet(file)
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{file}: cannot be read: {error}") from None
    measures = tuple(name for name in MEASURES if name in runs.columns)
    axes = tuple(str(column) for column in runs.columns if column not in (*RUN_COLUMNS, *MEASURES))
    return SweepTable(str(folder), runs, axes, measures)
