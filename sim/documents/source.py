"""Read a text file; raise a clear error for folders, binaries and files that are too large."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from sim.errors import Mistake, ScenarioError, did_you_mean

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
        status = file.stat()
        if stat.S_ISDIR(status.st_mode):
            raise _refusal(file, f"is a folder, not {kind.noun} file." + did_you_mean("", _names(file, kind)))
        if not stat.S_ISREG(status.st_mode):
            raise _refusal(file, "is not a regular file")
        if status.st_size > MAX_FILE_BYTES:
            size, bound = status.st_size / 1e6, MAX_FILE_BYTES / 1e6
            raise _refusal(file, f"has {size:.1f} MB; {kind.noun} has at most {bound:.0f} MB")
        content = file.read_bytes()
    except FileNotFoundError:
        raise _refusal(file, _why_missing(file, kind)) from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise _refusal(file, f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return _decode(file, content, kind)


def _decode(file: Path, content: bytes, kind: FileKind) -> str:
    if b"\0" in content:
        raise _refusal(file, f"is a binary file; {kind.noun} is {kind.notation} text in UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        message = f"byte 0x{content[error.start]:02x} is not UTF-8; {kind.noun} is {kind.notation} text in UTF-8"
        raise ScenarioError([Mistake(str(file), line, column, "", message)]) from error


def _why_missing(file: Path, kind: FileKind) -> str:
    if not file.parent.is_dir():
        return f'there is no folder "{file.parent}"'
    return "there is no such file." + did_you_mean(file.name, _names(file.parent, kind))


def _names(folder: Path, kind: FileKind) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir() if entry.suffix in kind.endings]
    except OSError:  # a folder that may be entered but not listed: there is no name to suggest
        return []


def _refusal(file: Path, message: str) -> ScenarioError:
    return ScenarioError([Mistake(str(file), None, None, "", message)])
