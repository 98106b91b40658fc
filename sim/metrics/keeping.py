"""Frames that are written while a run goes on, so that a run of any length takes bounded memory.

Every few epochs the frames of what is in memory are built. Rows of epochs that nothing can change any more are written,
and the records behind them forgotten, but for a few epochs at which later rows look back. Where an old row may still
change (a transaction without time to live that no block has taken), or rows of later epochs stand before it, nothing
is written yet: the files have the same rows in the same order as if all had been held.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sim.files.tables import read_frame
from sim.files.writing import PART, open_new, refuse_link
from sim.metrics.columns import FRAMES
from sim.metrics.frames import LOST, Frames, build_frames, count_deliveries
from sim.metrics.recorder import Recorder

EPOCHS_AT_ONCE, ROWS_AT_ONCE = 16, 2_000
OPEN_EPOCHS = 4
"""Rows of the last epochs may change: the reward of an epoch can be claimed in the three after it."""
CONTEXT_EPOCHS = 2
"""At so many written epochs later rows look back."""
WHOLE = ("faults", "propagation")
"""Frames without an epoch, written in the end."""


@dataclass
class _File:
    """One frame's file, beside its place until the run is over."""

    place: Path
    beside: Path
    stream: BinaryIO
    writer: pq.ParquetWriter
    waiting: pa.Table
    """Rows that are not many enough yet."""

    def write(self, frame: pd.DataFrame, *, is_last: bool = False) -> None:
        """Write rows when there are many: a writer keeps notes on every group of rows until its file is closed."""
        new = pa.Table.from_pandas(frame, self.writer.schema, preserve_index=False)
        self.waiting = pa.concat_tables([self.waiting, new]).combine_chunks()
        if is_last or len(self.waiting) >= ROWS_AT_ONCE:
            self.writer.write_table(self.waiting)
            self.waiting = self.writer.schema.empty_table()


class FrameFiles:
    """The files of a run's frames."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, _File] = {}
        self._written = -1
        """Last epoch whose rows are written; epoch 0 lies before the first P."""

    def take(self, recorder: Recorder, epoch: int) -> None:
        """Write what is final when an epoch has ended, and forget it; called at the end of each."""
        last = epoch - OPEN_EPOCHS
        if last - self._written < EPOCHS_AT_ONCE:
            return
        frames = build_frames(recorder)
        if all(_is_final(name, frame, last) for name, frame in frames.items() if name not in WHOLE):
            self._write({name: frame for name, frame in frames.items() if name not in WHOLE}, last)
            _forget(recorder, last - CONTEXT_EPOCHS)

    def finish(self, recorder: Recorder) -> StoredFrames:
        """Write the rest, and put the files into their places."""
        frames = build_frames(recorder)
        self._write({name: frame for name, frame in frames.items() if name not in WHOLE}, None)
        for name in WHOLE:
            self._get(name, frames[name]).write(frames[name], is_last=True)
        for file in self._files.values():
            file.writer.close()
            file.stream.close()
            refuse_link(file.place)
            file.beside.replace(file.place)
        self._files.clear()
        return StoredFrames(self._folder)

    def close(self) -> None:
        """Remove files that are not in their places: the run did not come so far."""
        for file in self._files.values():
            file.stream.close()
            with suppress(OSError):
                file.beside.unlink()
        self._files.clear()

    def _write(self, frames: Frames, last: int | None) -> None:
        """Write rows of the epochs after the last written one, up to `last`."""
        for name, frame in frames.items():
            new = frame["epoch"] > self._written
            own = new if last is None else new & (frame["epoch"] <= last)
            self._get(name, frame).write(frame[own], is_last=last is None)
        if last is not None:
            self._written = last

    def _get(self, name: str, frame: pd.DataFrame) -> _File:
        if name not in self._files:
            place = self._folder / f"{name}.parquet"
            beside = place.with_name(f".{place.name}.{secrets.token_hex(6)}{PART}")
            stream = os.fdopen(open_new(beside), "wb")
            schema = pa.Schema.from_pandas(frame, preserve_index=False)
            self._files[name] = _File(place, beside, stream, pq.ParquetWriter(stream, schema), schema.empty_table())
        return self._files[name]


def _forget(recorder: Recorder, last: int) -> None:
    recorder.settled_deliveries = count_deliveries(recorder, recorder.find_messages(last))
    recorder.forget(last)


def _is_final(name: str, frame: pd.DataFrame, last: int) -> bool:
    """Whether the rows of all epochs up to `last` stand before those of later ones, and none of them can change."""
    is_old = frame["epoch"] <= last
    is_open = name == "transactions" and (frame.loc[is_old, "fate"] == LOST).any()
    return not is_open and bool(is_old.is_monotonic_decreasing)


class StoredFrames(Mapping[str, pd.DataFrame]):
    """Frames in a folder; each is read when it is asked for, and the last one is held."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._last: tuple[str, pd.DataFrame] | None = None

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return a frame; raises KeyError for a name that is none."""
        if name not in FRAMES:
            raise KeyError(name)
        if self._last is None or self._last[0] != name:
            self._last = None  # one at a time
            self._last = name, read_frame(self.folder / f"{name}.parquet")
        return self._last[1]

    def __iter__(self) -> Iterator[str]:
        """Yield the names of all frames."""
        return iter(FRAMES)

    def __len__(self) -> int:
        """Return how many frames there are."""
        return len(FRAMES)
