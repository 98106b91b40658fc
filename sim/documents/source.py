"""Read a text file that a person wrote; every mistake of the file as a whole is one mistake at its place."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sim.errors import Mistake, ScenarioError, did_you_mean
from sim.files.gate import NO_FOLDER, FileError, MissingFileError, decode, read_bytes, show_path

MAX_FILE_BYTES = 1_000_000  # a scenario is written by hand; more is some other file


@dataclass(frozen=True)
class FileKind:
    """A kind of text file, in words for people, and the endings of such files' names."""

    noun: str
    notation: str
    endings: tuple[str, ...]


SCENARIO = FileKind("a scenario", "YAML", (".yaml", ".yml"))
INVENTORY = FileKind("an inventory", "CSV", (".csv",))
REGION_TABLE = FileKind("a region table", "YAML", (".yaml", ".yml"))
DISTANCES = FileKind("a set of distances", "JSON", (".json",))


def read_source(path: str | os.PathLike[str], kind: FileKind = SCENARIO) -> str:
    """Return the file's text (UTF-8, with or without byte-order mark); raise ScenarioError."""
    file = Path(path)
    try:
        content = read_bytes(file, MAX_FILE_BYTES, kind.noun)
        return decode(file, content, f"{kind.noun} is {kind.notation} text in UTF-8")
    except FileError as error:
        mistake = Mistake(show_path(file), error.line, error.column, "", _explain(file, error, kind))
        raise ScenarioError([mistake]) from None


def _explain(file: Path, error: FileError, kind: FileKind) -> str:
    """Return the reason, with the names that may have been meant."""
    if isinstance(error, MissingFileError):
        return _why_missing(file, kind)
    if error.reason == NO_FOLDER:
        return f"is a folder, not {kind.noun} file." + did_you_mean("", _names(file, kind))
    return error.reason


def _why_missing(file: Path, kind: FileKind) -> str:
    if not file.parent.is_dir():
        return f'there is no folder "{file.parent}"'
    return "there is no such file." + did_you_mean(file.name, _names(file.parent, kind))


def _names(folder: Path, kind: FileKind) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir() if entry.suffix in kind.endings]
    except OSError:  # a folder that may be entered but not listed: there is no name to suggest
        return []
