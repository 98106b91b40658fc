"""A sweep's results folder while it runs: finished runs are on disk, whatever happens next.

Finished chunks are appended to a journal, `journal/<number>.jsonl`: one line a run, written and synced as a whole. A
kill can tear only the last line of a program's file; it is not read, and the run is done again. Every program
that works on the folder starts a file of its own, so no file of an earlier one is ever changed. Frames that are kept of
a run lie beside these files, and are whole before the run's line is written.

A line begins with a checksum over the rest of it, which has the checksums of the frames that are kept. A line that is
damaged, or tells of no run of this sweep, is refused by name: no value of it is ever taken.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sim.errors import UserError
from sim.files.gate import FileError, read_bytes
from sim.files.lock import Claim
from sim.files.sums import FILES, check_file, read_line, sum_bytes, sum_line, write_checked_json
from sim.files.writing import make_inside, open_new, refuse_link, replace_file, write_text
from sim.results import PROVENANCE_FILE, StudyStatus, naming_damage, read_provenance, read_stored_text

SWEEP_FILE, RUNS_FILE = "sweep.yaml", "runs.parquet"
TIMINGS_FILE, MISSING_FILE = "timings.parquet", "missing.parquet"
JOURNAL, ENDING = "journal", ".jsonl"
MOST_JOURNAL_BYTES = 10_000_000_000
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
    frames: dict[str, str] = field(default_factory=dict)
    """Checksums of the frames that are kept of it, by name."""
    status: str = StudyStatus.FINISHED
    """How it ended: finished, halted or failed."""
    tries: dict[str, int] = field(default_factory=dict)
    """How many events a share counts, by measure."""


Check = Callable[[FinishedRun], str | None]
"""Why a line tells of no run of the study; None where it does."""


class Store:
    """An open sweep folder, which belongs to this program alone until `close`."""

    def __init__(self, claim: Claim) -> None:
        """The store lets go of the claim when it is closed."""
        self.folder = claim.folder
        self._claim = claim
        self._journal: int | None = None

    def read_rows(self, check: Check) -> list[FinishedRun]:
        """Return the runs that earlier programs finished; one that two of them finished is there once."""
        return read_journal(self.folder, check)

    def append(self, rows: Sequence[FinishedRun], packed: Mapping[str, Mapping[str, bytes]]) -> None:
        """Put finished runs on disk, with the frames kept by run and name; raises OSError where the disk is full."""
        if self._journal is None:
            self._journal = self._open_journal()
        lines = []
        for row in rows:
            frames = packed[row.run_id]
            for name, data in frames.items():
                _write_synced(_name_packed(self.folder, row, name), data)
            sums = {name: sum_bytes(data) for name, data in frames.items()}
            lines.append(sum_line(json.dumps({**asdict(row), "frames": sums}, ensure_ascii=False)))
        text = "".join(f"{line}\n" for line in lines).encode()
        while text:
            text = text[os.write(self._journal, text) :]
        os.fsync(self._journal)

    def remove_journal(self) -> None:
        """Remove the journal when its runs stand in the table."""
        self.close_journal()
        refuse_link(self.folder / JOURNAL)
        for pattern in ("*.parquet", ".*.part", f"*{ENDING}"):
            for file in (self.folder / JOURNAL).glob(pattern):
                file.unlink()
        with contextlib.suppress(OSError):  # a file of the user's lies there
            (self.folder / JOURNAL).rmdir()

    def close(self) -> None:
        """Let go of the folder."""
        self.close_journal()
        self._claim.close()

    def close_journal(self) -> None:
        """Close this program's file; the folder stays claimed."""
        if self._journal is not None:
            os.close(self._journal)
            self._journal = None

    def _open_journal(self) -> int:
        folder = make_inside(self.folder, JOURNAL)
        number = max(map(_get_number, folder.glob(f"*{ENDING}")), default=0) + 1
        return open_new(folder / f"{number:04d}{ENDING}", os.O_APPEND)


def _get_number(file: Path) -> int:
    """Return the number of a journal's file; 0 for a name that powsim did not give."""
    return int(file.stem) if file.stem.isascii() and file.stem.isdigit() else 0


def _name_packed(folder: Path, row: FinishedRun, name: str) -> Path:
    return folder / JOURNAL / f"{row.run_id}.{name}.parquet"


def read_packed(folder: Path, row: FinishedRun, name: str) -> bytes:
    """Return a frame that is kept of a run of an unfinished sweep. Raises FileError where it is damaged."""
    refuse_link(folder / JOURNAL)
    file = _name_packed(folder, row, name)
    data = read_bytes(file, MOST_JOURNAL_BYTES, follows=False)
    if name in row.frames and sum_bytes(data) != row.frames[name]:
        raise FileError(file, "is damaged: its SHA-256 is not the one that the journal has of it")
    return data


def _write_synced(path: Path, data: bytes) -> None:
    """Write a file whole, and wait until it is on disk: a line of the journal is going to say that it is there."""
    replace_file(path, lambda stream: stream.write(data), synced=True)


def read_journal(folder: Path, check: Check = lambda row: None) -> list[FinishedRun]:
    """Return the runs in a folder's journal, each once. Raises FileError for a line that is damaged or does not fit."""
    rows: dict[str, FinishedRun] = {}
    refuse_link(folder / JOURNAL)
    for file in sorted((folder / JOURNAL).glob(f"*{ENDING}")):
        for number, row in _read_rows(file):
            if (why := check(row)) is not None:
                raise FileError(file, f"{why}; remove the line, or the file", number, 1)
            rows.setdefault(row.run_id, row)
    return list(rows.values())


def read_damage(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield each line of a journal, by file and number, and each frame beside it, with what is wrong or nothing."""
    for file in sorted((folder / JOURNAL).glob(f"*{ENDING}")):
        try:
            lines = read_bytes(file, MOST_JOURNAL_BYTES, follows=False).split(b"\n")[:-1]
        except FileError as error:
            yield file.name, str(error)
            continue
        for number, line in enumerate(lines, start=1):
            place, name = f"{file}:{number}", f"{JOURNAL}/{file.name}:{number}"
            if (text := read_line(line)) is None:
                yield name, f"{place}: the journal is damaged here"
                continue
            yield name, ""
            row = FinishedRun(**json.loads(text))
            for frame in row.frames:
                yield f"{JOURNAL}/{row.run_id}.{frame}.parquet", _find_trouble(folder, row, frame)


def _find_trouble(folder: Path, row: FinishedRun, name: str) -> str:
    try:
        read_packed(folder, row, name)
    except FileError as error:
        return str(error)
    return ""


def _read_rows(file: Path) -> Iterator[tuple[int, FinishedRun]]:
    """Yield the runs of a journal's file with their lines; what a kill tore has no line's end, and is none."""
    lines = read_bytes(file, MOST_JOURNAL_BYTES, follows=False).split(b"\n")
    for number, line in enumerate(lines[:-1], start=1):
        try:
            yield number, FinishedRun(**json.loads(read_line(line) or ""))
        except (ValueError, TypeError):
            message = "the journal is damaged here; remove the line to do the run again"
            raise FileError(file, message, number, 1) from None


def create(claim: Claim, text: str, provenance: dict[str, Any]) -> Store:
    """Begin a sweep in an empty folder: its file and provenance are there before anything runs."""
    running = {**provenance, "status": StudyStatus.RUNNING, FILES: {SWEEP_FILE: sum_bytes(text.encode())}}
    write_checked_json(claim.folder / PROVENANCE_FILE, running)
    write_text(claim.folder / SWEEP_FILE, text)  # last: it makes the folder one that can be resumed
    return Store(claim)


def reopen(folder: Path, text: str, provenance: dict[str, Any]) -> Store:
    """Open a folder to go on; raises UserError unless it holds this very sweep, made by this very code."""
    if not (folder / SWEEP_FILE).is_file():
        raise UserError(f"--resume {folder}: not the folder of a sweep: no {SWEEP_FILE} in it")
    store = Store(Claim(folder))
    try:
        _check_same(folder, text, provenance)
    except BaseException:
        store.close()
        raise
    return store


def _check_same(folder: Path, text: str, provenance: dict[str, Any]) -> None:
    before = read_provenance(folder)
    check_file(folder, SWEEP_FILE, before.get(FILES, {}))
    with naming_damage(folder):
        old, new = (_describe_code(made) for made in (before, provenance))
    differences = [
        *_differ(old, new),
        *_differ(read_stored_text(folder / SWEEP_FILE).splitlines(), text.splitlines()),
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
