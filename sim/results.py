"""A run's result in memory, and the results folder on disk.

`results/<scenario>/<UTC time>-<hash>/` holds `scenario.yaml` (resolved) and `provenance.json` from before the run
starts; then one Parquet file a frame and `summary.json`. Every file is written beside its place and renamed.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from sim.errors import UserError
from sim.metrics.columns import FRAMES

if TYPE_CHECKING:
    from sim.metrics.frames import Frames

SCENARIO_FILE, PROVENANCE_FILE, SUMMARY_FILE = "scenario.yaml", "provenance.json", "summary.json"
HASH_DIGITS = 8
JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Result:
    """What a run left: frames by name (also as attributes), a summary, the resolved scenario, the provenance."""

    scenario_yaml: str
    provenance: JsonObject
    summary: JsonObject = field(default_factory=dict)
    frames: Frames = field(default_factory=dict)

    def __getattr__(self, name: str) -> pd.DataFrame:
        frames = self.__dict__.get("frames", {})
        if name in frames:
            return frames[name]
        raise AttributeError(f"a result has no {name!r}; its frames are {', '.join(sorted(frames))}")

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
        scenario_yaml=(path / SCENARIO_FILE).read_text(encoding="utf-8"),
        provenance=json.loads((path / PROVENANCE_FILE).read_text(encoding="utf-8")),
        summary=json.loads(summary.read_text(encoding="utf-8")) if summary.is_file() else {},
        frames={name: pd.read_parquet(file) for name, file in files.items() if file.is_file()},
    )


def open_folder(scenario_name: str, scenario_yaml: str, out: Path | None, root: Path) -> Path:
    """Make the folder of a new run: `out`, or root/<scenario>/<UTC time>-<hash>. Nothing is ever overwritten."""
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
    """Whether a file is what a program leaves that was killed before it had described its run: nothing is lost."""
    return name.startswith(".") or name == PROVENANCE_FILE


class Status(StrEnum):
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
    started, facts = time.perf_counter(), {**provenance, "status": Status.RUNNING}
    seconds_before = facts.pop("wall_seconds", 0.0)
    write_json(folder / PROVENANCE_FILE, facts)
    status = Status.FINISHED
    try:
        yield facts
    except BaseException as error:
        status = Status.INTERRUPTED if isinstance(error, KeyboardInterrupt) else Status.FAILED
        raise
    finally:
        if facts["status"] == Status.RUNNING:
            facts["status"] = status
        facts.setdefault("wall_seconds", round(seconds_before + time.perf_counter() - started, 3))
        write_json(folder / PROVENANCE_FILE, facts)


def read_provenance(folder: Path) -> JsonObject:
    """Return what a results folder says of its origin; raises `UserError` where it says nothing."""
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
