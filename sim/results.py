"""A run's result in memory, and the results folder on disk.

`results/<scenario>/<UTC time>-<hash>/` holds `scenario.yaml` (resolved) and `provenance.json` from before the run
starts; then one Parquet file a frame and `summary.json`. Every file is written beside its place and renamed.
"""

from __future__ import annotations

import hashlib
import html
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from sim.errors import UserError
from sim.files.gate import FileError, read_text
from sim.files.lock import LOCK_FILE, Claim
from sim.files.sums import FILES, JsonObject, check_file, read_checked_json, read_json, sum_files, write_checked_json
from sim.files.tables import read_frame, write_parquet
from sim.files.writing import refuse_link, write_json, write_text
from sim.interrupts import finishing, note_kept
from sim.metrics.columns import FRAMES
from sim.metrics.frame_access import HasFrames
from sim.metrics.keeping import StoredFrames
from sim.scenario.load import dump_scenario
from sim.scenario.schema import Scenario

if TYPE_CHECKING:
    from sim.metrics.frames import Frames

SCENARIO_FILE, PROVENANCE_FILE, SUMMARY_FILE = "scenario.yaml", "provenance.json", "summary.json"
HASH_DIGITS = 8
MOST_ROWS = 10  # of a table in a notebook
MOST_TEXT_BYTES = 100_000_000  # of a resolved scenario, which a person did not write
DATA = (".parquet", ".json", ".yaml")  # endings of files that hold a result; others are drawn from these
FRAMES_FOLDER = "frames"


@dataclass(frozen=True, repr=False)
class Result(HasFrames):
    """A run's results. Every frame is an attribute as well: `result.epochs` is `result.frames["epochs"]`."""

    scenario: Scenario | str
    """The resolved scenario; its text where the result was loaded."""
    provenance: JsonObject
    summary: JsonObject = field(default_factory=dict)
    """The run in a few numbers, and warnings."""
    frames: Frames = field(default_factory=dict)

    @cached_property
    def scenario_yaml(self) -> str:
        """The resolved scenario as a file that runs again to the same result."""
        return self.scenario if isinstance(self.scenario, str) else dump_scenario(self.scenario)

    @property
    def name(self) -> str:
        """Name of the scenario."""
        if isinstance(self.scenario, str):
            return self.scenario.partition("\n")[0].removeprefix("name:").strip()
        return self.scenario.name

    def frame_names(self) -> tuple[str, ...]:
        """Return the names of the frames that are there."""
        return tuple(self.frames)

    def get_frame(self, name: str) -> pd.DataFrame:
        """Return a frame by its name; raises AttributeError where it is not there."""
        if name in self.frames:
            return self.frames[name]
        raise AttributeError(f"a result has no {name!r}; its frames are {', '.join(sorted(self.frames))}")

    def __repr__(self) -> str:
        return f"<Result of {self.name}: {self._describe()}; frames: {', '.join(self.frames)}>"

    def _repr_html_(self) -> str:
        """The page in a notebook: how the run ended, its warnings, its epochs and the sizes of its frames."""
        warnings = "".join(f"<p>warning: {html.escape(text)}</p>" for text in self.summary.get("warnings", ()))
        epochs = self.frames["epochs"].to_html(max_rows=MOST_ROWS, index=False) if "epochs" in self.frames else ""
        sizes = ", ".join(f"<code>{html.escape(name)}</code> ({len(frame)})" for name, frame in self.frames.items())
        lead = f"<b>{html.escape(self.name)}</b>: {html.escape(self._describe())}"
        return f"<p>{lead}</p>{warnings}{epochs}<p>Frames, with their rows: {sizes}</p>"

    def _describe(self) -> str:
        status = self.provenance.get("status", "unknown")
        return f"{self.summary.get('n_epochs', 0)} epochs, {status}, seed {self.provenance.get('seed')}"

    def save(self, folder: str | Path) -> Path:
        """Write everything into a folder, which is made if needed; files of an earlier save are replaced."""
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        write_text(path / SCENARIO_FILE, self.scenario_yaml)
        if not (isinstance(self.frames, StoredFrames) and self.frames.folder == path):
            for name, frame in self.frames.items():
                write_parquet(path / f"{name}.parquet", frame)
        write_json(path / SUMMARY_FILE, self.summary)
        write_provenance(path, self.provenance, list_data(path))  # last: its status says that the rest is there
        return path


def load_result(folder: str | os.PathLike[str]) -> Result:
    """Load a results folder; raises `UserError` where it is not one, and for each file that is damaged."""
    path = Path(folder)
    missing = [name for name in (SCENARIO_FILE, PROVENANCE_FILE) if not os.path.lexists(path / name)]
    if missing:
        raise UserError(f"{path}: not a results folder: no {' and no '.join(missing)} in it")
    provenance = read_provenance(path)
    listed = provenance.pop(FILES, {})
    frames = {name: f"{name}.parquet" for name in FRAMES}
    there = {name: file for name, file in frames.items() if file in listed or os.path.lexists(path / file)}
    for file in (SCENARIO_FILE, SUMMARY_FILE, *there.values()):
        check_file(path, file, listed)
    return Result(
        read_stored_text(path / SCENARIO_FILE),
        provenance=provenance,
        summary=read_json(path / SUMMARY_FILE) if os.path.lexists(path / SUMMARY_FILE) else {},
        frames={name: read_frame(path / file) for name, file in there.items()},
    )


def read_stored_text(file: Path) -> str:
    """Return a text file of a results folder. Raises FileError."""
    return read_text(file, MOST_TEXT_BYTES, follows=False)


def list_data(folder: Path) -> list[str]:
    """Return the names of a results folder's files that hold data, its provenance excepted, sorted."""
    found = [*folder.iterdir(), *(folder / FRAMES_FOLDER).glob("*")]
    names = [file.relative_to(folder).as_posix() for file in found if file.suffix in DATA and file.name[0] != "."]
    return sorted(name for name in names if name != PROVENANCE_FILE)


def open_folder(scenario_name: str, scenario_yaml: str, out: Path | None, root: Path) -> Claim:
    """Make the folder of a new run, `out` or root/<scenario>/<UTC time>-<hash>, and claim it for this program.

    No folder is ever overwritten. Raises UserError where it cannot be made, or is another program's.
    """
    digest = hashlib.sha256(scenario_yaml.encode()).hexdigest()[:HASH_DIGITS]
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    wanted = out or root / scenario_name / f"{stamp}-{digest}"
    folder, number = wanted, 1
    while (held := _claim_new(folder, is_chosen=out is not None)) is None:
        number += 1
        folder = wanted.with_name(f"{wanted.name}-{number}")
    return held


def _claim_new(folder: Path, *, is_chosen: bool) -> Claim | None:
    """Make a folder and claim it; one that a person chose may be there already, without any result in it."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        if not is_chosen:
            return None
        refuse_link(folder)
        _refuse_results(folder)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot make the results folder {folder}: {reason}") from None
    held = Claim(folder)
    try:
        _refuse_results(folder)  # of a program that has come and gone meanwhile
    except BaseException:
        held.close()
        raise
    return held


def _refuse_results(folder: Path) -> None:
    if not folder.is_dir() or not all(_is_scaffold(file.name) for file in folder.iterdir()):
        raise UserError(f"--out {folder}: exists already; results are never overwritten")


def _is_scaffold(name: str) -> bool:
    """Whether a program that is killed before it has described its run leaves such a file; it holds no result."""
    return name in (LOCK_FILE, PROVENANCE_FILE) or name.startswith(".")


class StudyStatus(StrEnum):
    """How far a run or a study came, as its `provenance.json` says. A program that was killed leaves `running`."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    HALTED = "halted"
    """The run ended early because its chain never agreed on another block."""


@contextmanager
def keep_status(folder: Path, provenance: Mapping[str, Any], study_file: str) -> Iterator[JsonObject]:
    """Write the provenance before the work starts, and again with how it ended and how long it took.

    Yields the facts of the second one: the body may add some, and may set `status` where it knows better than that the
    work is finished. The seconds of a study that is resumed add up. While the work goes on, checksums cover the file
    that says what is done, which never changes; in the end all data.
    """
    started, facts = time.perf_counter(), {**provenance, "status": StudyStatus.RUNNING}
    seconds_before = facts.pop("wall_seconds", 0.0)
    write_provenance(folder, facts, (study_file,))
    status = StudyStatus.FINISHED
    try:
        yield facts
    except BaseException as error:
        status = StudyStatus.FAILED
        if isinstance(error, KeyboardInterrupt):
            status = StudyStatus.INTERRUPTED
            note_kept(error, f"what was finished is in {folder}")
        raise
    finally:
        with finishing():
            if facts["status"] == StudyStatus.RUNNING:
                facts["status"] = status
            facts.setdefault("wall_seconds", round(seconds_before + time.perf_counter() - started, 3))
            write_provenance(folder, facts, list_data(folder))


def write_provenance(folder: Path, provenance: Mapping[str, Any], files: Iterable[str]) -> None:
    """Write the provenance with the checksums of these files."""
    write_checked_json(folder / PROVENANCE_FILE, {**provenance, FILES: sum_files(folder, files)})


def read_provenance(folder: Path) -> JsonObject:
    """Return the provenance in a results folder; raises `UserError` where there is none, or a damaged one."""
    file = folder / PROVENANCE_FILE
    if not os.path.lexists(file):
        raise UserError(f"{folder}: not a results folder: no {PROVENANCE_FILE} in it")
    found = read_checked_json(file)
    if not found:
        raise FileError(file, "is empty: it should say how a result was made")
    return found


@contextmanager
def naming_damage(folder: Path) -> Iterator[None]:
    """Turn a reader's error on data that carry no checksums into one message that names the folder.

    Data with checksums are as they were written, so that an error on them is a defect of the program.
    """
    try:
        yield
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        if is_sealed(folder):
            raise
        told = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        raise FileError(folder, f"its files are incomplete, damaged, or of another version ({told})") from error


def is_sealed(folder: Path) -> bool:
    """Whether a study came to an end in the folder, and left checksums of its data."""
    try:
        made = read_provenance(folder)
    except UserError:
        return False
    return FILES in made and made.get("status") != StudyStatus.RUNNING
