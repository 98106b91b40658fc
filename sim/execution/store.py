"""A sweep's results folder while it runs: finished runs are on disk, whatever happens next.

Finished chunks are appended to a journal, `journal/<session>.jsonl`: one line a run, written and synced as a whole.
A kill can tear only the last line of a session's file; it is not read, and the run is done again. Every program
that works on the folder starts a file of its own, so no file of an earlier one is ever changed. Frames that are kept of
a run lie beside these files, and are whole before the run's line is written.
"""

from __future__ import annotations

import contextlib
import difflib
import fcntl
import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sim.errors import UserError
from sim.results import PROVENANCE_FILE, StudyStatus, read_provenance, replace_file, write_json, write_text

SWEEP_FILE, RUNS_FILE = "sweep.yaml", "runs.parquet"
TIMINGS_FILE, MISSING_FILE = "timings.parquet", "missing.parquet"
JOURNAL, KEPT, LOCK_FILE = "journal", "frames", ".lock"
MOST_DIFFERENCES = 20
IDENTITY = ("source_version", "python", "dependencies")


@dataclass(frozen=True)
class FinishedRun:
    """One finished run as the journal has it; `missing` has reasons by measure."""

    run_id: str
    point: int
    replication: int
    seed: int
    measures: dict[str, float]
    error: str | None
    wall_seconds: float
    machine: str
    attempts: int
    ended_utc: str
    missing: dict[str, str] = field(default_factory=dict)
    trace_hash: str | None = None


class Store:
    """An open sweep folder, which belongs to this program alone until `close`."""

    def __init__(self, folder: Path) -> None:
        """Raises UserError while another program has the folder open."""
        self.folder = folder
        self._lock = _acquire(folder)
        self._journal: int | None = None

    def read_rows(self) -> list[FinishedRun]:
        """Return the runs that earlier programs finished; one that two of them finished is there once."""
        return read_journal(self.folder)

    def append(self, rows: Sequence[FinishedRun], packed: Mapping[str, Mapping[str, bytes]]) -> None:
        """Put finished runs on disk, with the frames kept by run and name; raises OSError where the disk is full."""
        if self._journal is None:
            self._journal = self._open_journal()
        for row in rows:
            for name, data in packed[row.run_id].items():
                _write_synced(_name_packed(self.folder, row, name), data)
        text = "".join(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows).encode()
        while text:
            text = text[os.write(self._journal, text) :]
        os.fsync(self._journal)

    def remove_journal(self) -> None:
        """Remove the journal when its runs stand in the table."""
        self._close_journal()
        for pattern in ("*.jsonl", "*.parquet", ".*.part"):
            for file in (self.folder / JOURNAL).glob(pattern):
                file.unlink()
        with contextlib.suppress(OSError):  # a file of the user's lies there
            (self.folder / JOURNAL).rmdir()

    def close(self) -> None:
        """Let go of the folder."""
        self._close_journal()
        os.close(self._lock)

    def _close_journal(self) -> None:
        if self._journal is not None:
            os.close(self._journal)
            self._journal = None

    def _open_journal(self) -> int:
        folder = self.folder / JOURNAL
        folder.mkdir(exist_ok=True)
        number = len(list(folder.glob("*.jsonl"))) + 1
        return os.open(folder / f"{number:04d}.jsonl", os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o666)


def _name_packed(folder: Path, row: FinishedRun, name: str) -> Path:
    return folder / JOURNAL / f"{row.run_id}.{name}.parquet"


def read_packed(folder: Path, row: FinishedRun, name: str) -> bytes:
    """Return a frame that is kept of a run of an unfinished sweep."""
    return _name_packed(folder, row, name).read_bytes()


def _write_synced(path: Path, data: bytes) -> None:
    """Write a file whole, and wait until it is on disk: a line of the journal is going to say that it is there."""

    def write(beside: Path) -> None:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    replace_file(path, write)


def read_journal(folder: Path) -> list[FinishedRun]:
    """Return the runs in a folder's journal, each once."""
    rows: dict[str, FinishedRun] = {}
    for file in sorted((folder / JOURNAL).glob("*.jsonl")):
        for line in _whole_lines(file):
            rows.setdefault(line["run_id"], FinishedRun(**line))
    return list(rows.values())


def _whole_lines(file: Path) -> Iterator[dict[str, Any]]:
    lines = file.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        try:
            yield json.loads(line)
        except ValueError:  # a kill, a full disk or a power cut in the middle of the last write
            if number < len(lines) - 1:
                raise UserError(
                    f"{file}:{number}: the journal is damaged here; remove the line to run it again"
                ) from None
            return


def create(folder: Path, text: str, provenance: dict[str, Any]) -> Store:
    """Begin a sweep in an empty folder: its file and provenance are there before anything runs."""
    store = Store(folder)
    write_json(folder / PROVENANCE_FILE, {**provenance, "status": StudyStatus.RUNNING})
    write_text(folder / SWEEP_FILE, text)  # last: it makes the folder one that can be resumed
    return store


def reopen(folder: Path, text: str, provenance: dict[str, Any]) -> Store:
    """Open a folder to go on; raises UserError unless it holds this very sweep, made by this very code."""
    if not (folder / SWEEP_FILE).is_file():
        raise UserError(f"--resume {folder}: not the folder of a sweep: no {SWEEP_FILE} in it")
    store = Store(folder)
    try:
        _check_same(folder, text, provenance)
    except BaseException:
        store.close()
        raise
    return store


def _acquire(folder: Path) -> int:
    """Lock the folder. The system lets go of the lock when this program ends, even by a kill."""
    lock = os.open(folder / LOCK_FILE, os.O_CREAT | os.O_RDWR, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.read(lock, 200).decode(errors="replace").strip() or "another program"
        os.close(lock)
        raise UserError(f"{folder}: {holder} works in this folder; wait for its end, or end it") from None
    os.ftruncate(lock, 0)
    started = datetime.now(UTC).isoformat(timespec="seconds")
    os.pwrite(lock, f"process {os.getpid()} on {platform.node()}, started {started},".encode(), 0)
    return lock


def _check_same(folder: Path, text: str, provenance: dict[str, Any]) -> None:
    before = read_provenance(folder)
    old, new = (_describe_code(made) for made in (before, provenance))
    differences = [
        *_differ(old, new),
        *_differ((folder / SWEEP_FILE).read_text(encoding="utf-8").splitlines(), text.splitlines()),
    ]
    if differences:
        shown = differences[:MOST_DIFFERENCES]
        more = [f"  ... and {len(differences) - len(shown)} more"] if len(differences) > len(shown) else []
        lines = "\n".join([*(f"  {line}" for line in shown), *more])
        raise UserError(
            f"--resume {folder}: it holds another sweep, whose runs must not be mixed with this one's "
            f"(-: the folder's, +: this one):\n{lines}"
        )


def _describe_code(provenance: dict[str, Any]) -> list[str]:
    code = {key: provenance.get(key) for key in IDENTITY}
    packages = code.pop("dependencies") or {}
    measures = {"measures": ", ".join(measure["name"] for measure in provenance.get("measures", ()))}
    return [f"{name}: {version}" for name, version in {**code, **packages, **measures}.items()]


def _differ(before: Sequence[str], after: Sequence[str]) -> list[str]:
    lines = difflib.unified_diff(before, after, n=0, lineterm="")
    return [line for line in lines if line[:3] not in ("---", "+++") and not line.startswith("@@")]
