"""Tables on disk: Parquet files that were written here, read as if they were somebody else's."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pow.devices import get_available_bytes
from sim.files.gate import FileError, MissingFileError, open_regular
from sim.files.sums import sum_bytes
from sim.files.writing import replace_file

SEAL = b"powsim_checksum"
CELL_BYTES = 8  # of a column in memory, at least: encodings hold a million equal values in a few bytes on disk


def write_parquet(path: Path, frame: pd.DataFrame) -> None:
    """Write a frame whole, see `replace_file`."""
    replace_file(path, lambda stream: frame.to_parquet(stream, index=False))


def write_sealed(path: Path, frame: pd.DataFrame) -> None:
    """Write a frame whole, with a checksum of its own: a study goes on with it before its provenance lists it."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    seal = {SEAL: _sum_table(table).encode()}
    write_table(path, table.replace_schema_metadata({**(table.schema.metadata or {}), **seal}))


def _sum_table(table: pa.Table) -> str:
    """Return a checksum over a small table's values, its columns' names and types."""
    return sum_bytes(repr((list(map(str, table.schema)), table.to_pydict())).encode())


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table whole."""
    replace_file(path, lambda stream: pq.write_table(table, stream))


def read_frame(file: Path, columns: Iterable[str] = ()) -> pd.DataFrame:
    """Return a Parquet file of a results folder; raises FileError where it is none, or lacks one of the columns."""
    return _convert(file, read_table(file, columns))


def read_table(file: Path, columns: Iterable[str] = ()) -> pa.Table:
    """Return a Parquet file of a results folder as a table; raises FileError as `read_frame` does."""
    try:
        with open_regular(file, follows=False) as stream:
            table = decode_table(file, stream)
    except FileNotFoundError:
        raise MissingFileError(file, "there is no such file") from None
    except OSError as error:
        raise FileError(file, f"cannot be read: {error.strerror or error}") from None
    lacking = [name for name in columns if name not in table.column_names]
    if lacking:
        raise FileError(file, f"is damaged, or another version's: it has no column {', '.join(lacking)}")
    return table


def decode_table(file: Path, stream: BinaryIO | io.BytesIO) -> pa.Table:
    """Return the table in an open Parquet file; `file` names it in errors. Raises FileError."""
    try:
        opened = pq.ParquetFile(stream)
        _check_size(file, opened.metadata)
        table = opened.read()
        table.validate(full=True)
        seal = (table.schema.metadata or {}).get(SEAL)
        if seal is not None and seal != _sum_table(table).encode():
            raise FileError(file, "is damaged: its content does not fit its checksum")
    except FileError:
        raise
    except Exception as error:  # readers of damaged bytes raise errors of every kind
        first = str(error).strip().partition("\n")[0] or type(error).__name__
        raise FileError(file, f"is damaged: no Parquet file that can be read ({first})") from None
    return table


def _check_size(file: Path, metadata: Any) -> None:
    """Raise FileError for a table that would not fit into memory, before it is unpacked."""
    said = sum(metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups))
    n_bytes = max(said, metadata.num_rows * metadata.num_columns * CELL_BYTES)
    free = get_available_bytes()
    if free is not None and n_bytes > free:
        told = f"{metadata.num_rows} rows and {metadata.num_columns} columns take {n_bytes / 1e9:.1f} GB or more"
        raise FileError(file, f"{told}; this machine has {free / 1e9:.1f} GB free")


def _convert(file: Path, table: pa.Table) -> pd.DataFrame:
    try:
        frame: pd.DataFrame = table.to_pandas()
    except Exception as error:  # notes for pandas in a damaged file may say anything
        first = str(error).strip().partition("\n")[0] or type(error).__name__
        raise FileError(file, f"is damaged: no data frame ({first})") from None
    return frame
