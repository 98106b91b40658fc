"""Frames that a sweep keeps of every run: packed where the run ends, joined to one file a frame in the end."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sim.execution.store import Check, FinishedRun
from sim.files.tables import decode_table
from sim.metrics.frames import Frames

GROUP_ROWS = 100_000  # rows of a joined file that are held in memory at a time
Read = Callable[[FinishedRun, str], bytes]
"""From a run and the name of a frame to its bytes, as `pack_frames` made them."""


def pack_frames(frames: Frames, names: Sequence[str]) -> dict[str, bytes]:
    """Return the named frames, each as a Parquet file in memory: small enough to be sent home by every worker."""
    return {name: _pack(frames[name]) for name in names}


def _pack(frame: pd.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.to_parquet(file, index=False)
    return file.getvalue()


def join_frames(rows: Iterable[FinishedRun], name: str, read: Read) -> Iterator[pa.Table]:
    """Yield the rows of one frame over all runs that did not fail, with their `point` and `replication` before them.

    Tables of about GROUP_ROWS rows; none where every run failed.
    """
    parts: list[pa.Table] = []
    for row in rows:
        if row.error is None:
            parts.append(_unpack(read(row, name), row))
            if sum(part.num_rows for part in parts) >= GROUP_ROWS:
                yield pa.concat_tables(parts)
                parts = []
    if parts:
        yield pa.concat_tables(parts)


def _unpack(packed: bytes, row: FinishedRun) -> pa.Table:
    table = decode_table(Path(f"{row.run_id}.parquet"), io.BytesIO(packed))
    for place, (column, value) in enumerate((("point", row.point), ("replication", row.replication))):
        table = table.add_column(place, column, pa.array([value] * table.num_rows, pa.int64()))
    return table


def write_joined(stream: BinaryIO, tables: Iterator[pa.Table]) -> None:
    """Write a joined frame, group by group; a file without columns where every run failed."""
    first = next(tables, pa.table({}))
    with pq.ParquetWriter(stream, first.schema) as writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(table)


def to_frame(tables: Iterable[pa.Table]) -> pd.DataFrame:
    """Return joined tables as one data frame; an empty one where every run failed."""
    found = list(tables)
    return pa.concat_tables(found).to_pandas() if found else pd.DataFrame()


class MemoryStore:
    """In the place of a sweep's folder: finished runs are in memory, and lost with this program."""

    folder = None

    def __init__(self) -> None:
        self._packed: dict[tuple[str, str], bytes] = {}

    def read_rows(self, check: Check) -> list[FinishedRun]:
        """Return an empty list: no earlier program has left runs."""
        return []

    def append(self, rows: Sequence[FinishedRun], packed: Mapping[str, Mapping[str, bytes]]) -> None:
        """Hold the frames of finished runs, by run and name; their rows are held by the loop."""
        self._packed |= {(row.run_id, name): data for row in rows for name, data in packed[row.run_id].items()}

    def read_packed(self, row: FinishedRun, name: str) -> bytes:
        """Return a frame of a run."""
        return self._packed[row.run_id, name]

    def close(self) -> None:
        """Close no file: none is open."""
