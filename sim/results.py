"""A run's result in memory, and the results folder on disk.

`results/<scenario>/<UTC time>-<hash>/` holds `scenario.yaml` (resolved) and `provenance.json` from before the run
starts; then one Parquet file a frame and `summary.json`. Every file is written beside its place and renamed.
"""

from __future__ import annotations

import hashlib
import html
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from sim.errors import UserError
from sim.interrupts import finishing, note_kept
from sim.metrics.columns import FRAMES
from sim.metrics.frame_access import HasFrames
from sim.scenario.load import dump_scenario
from sim.scenario.schema import Scenario

if TYPE_CHECKING:
    from sim.metrics.frames import Frames

SCENARIO_FILE, PROVENANCE_FILE, SUMMARY_FILE = "scenario.yaml", "provenance.json", "summary.json"
HASH_DIGITS = 8
MOST_ROWS = 10  # of a table in a notebook
JsonObject = dict[str, Any]


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
        sizes = ", ".join(f"<code>{name}</code> ({len(frame)})" for name, frame in self.frames.items())
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
        for name, frame in self.frames.items():
            write_parquet(path / f"{name}.parquet", frame)
        write_json(path / SUMMARY_FILE, self.summary)
        write_json(path / PROVENANCE_FILE, self.provenance)  # last: its status says that the rest is there
        return path


def load_result(folder: str | os.PathLike[str]) -> Result:
    """Load a results folder; raises `UserError` where it is not one."""
    path = Path(folder)
    missing = [name for name in (SCENARIO_FILE, PROVENANCE_FILE) if not (path / name).is_file()]
    if missing:
        raise UserError(f"{path}: not a results folder: no {' and no '.join(missing)} in it")
    summary = path / SUMMARY_FILE
    files = {name: path / f"{name}.parquet" for name in FRAMES}
    return Result(
        (path / SCENARIO_FILE).read_text(encoding="utf-8"),
        provenance=json.loads((path / PROVENANCE_FILE).read_text(encoding="utf-8")),
        summary=json.loads(summary.read_text(encoding="utf-8")) if summary.is_file() else {},
        frames={name: pd.read_parquet(file) for name, file in files.items() if file.is_file()},
    )


def open_folder(scenario_name: str, scenario_yaml: str, out: Path | None, root: Path) -> Path:
    """Make the folder of a new run: `out`, or root/<scenario>/<UTC time>-<hash>. No folder is ever overwritten."""
    digest = hashlib.sha256(scenario_yaml.encode()).hexdigest()[:HASH_DIGITS]
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    wanted = out or root / scenario_name / f"{stamp}-{digest}"
    folder, number = wanted, 1
    while True:
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            if out is not None:
                if folder.is_dir() and all(_is_scaffold(file.name) for file in folder.iterdir()):
                    return folder
                raise UserError(f"--out {out}: exists already; results are never overwritten") from None
            number += 1
            folder = wanted.with_name(f"{wanted.name}-{number}")
        except OSError as error:
            raise UserError(f"cannot make the results folder {folder}: {error.strerror}") from None


def _is_scaffold(name: str) -> bool:
    """Whether a program that is killed before it has described its run leaves such a file; it holds no result."""
    return name.startswith(".") or name == PROVENANCE_FILE


class StudyStatus(StrEnum):
    """How far a run or a study came, as its `provenance.json` says. A program that was killed leaves `running`."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    HALTED = "halted"
    """The run ended early because its chain never agreed on another block."""


@contextmanager
def keep_status(folder: Path, provenance: Mapping[str, Any]) -> Iterator[JsonObject]:
    """Write the provenance before the work starts, and again with how it ended and how long it took.

    Yields the facts of the second one: the body may add some, and may set `status` where it knows better than that the
    work is finished. The seconds of a study that is resumed add up.
    """
    started, facts = time.perf_counter(), {**provenance, "status": StudyStatus.RUNNING}
    seconds_before = facts.pop("wall_seconds", 0.0)
    write_json(folder / PROVENANCE_FILE, facts)
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
            write_json(folder / PROVENANCE_FILE, facts)


def read_provenance(folder: Path) -> JsonObject:
    """Return the provenance in a results folder; raises `UserError` where there is none."""
    file = folder / PROVENANCE_FILE
    if not file.is_file():
        raise UserError(f"{folder}: not a results folder: no {PROVENANCE_FILE} in it")
    found: JsonObject = json.loads(file.read_text(encoding="utf-8"))
    return found


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let a file be written beside its place and rename it, so that a reader never sees half of it."""
    beside = path.with_name(f".{path.name}.part")
    write(beside)
    beside.replace(path)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole, see `replace_file`."""
    replace_file(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def write_json(path: Path, value: JsonObject) -> None:
    """Write a JSON file for people: indented, in the order given."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_parquet(path: Path, frame: pd.DataFrame) -> None:
    """Write a frame whole, see `replace_file`."""
    replace_file(path, lambda beside: frame.to_parquet(beside, index=False))
