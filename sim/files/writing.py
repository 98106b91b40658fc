"""The one way to write: beside the place, into a new file of our own, then renamed.

A reader never sees half of a file. Nothing is written through a link, since a folder may come from somebody else: the
file beside is opened exclusively under a name that nobody knows before, and a link in the place is refused by name.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from sim.files.gate import NO_FOLLOW, FileError

PART = ".part"
_NEW = os.O_CREAT | os.O_EXCL | os.O_RDWR | NO_FOLLOW | getattr(os, "O_BINARY", 0)


def replace_file(path: Path, write: Callable[[BinaryIO], object], *, synced: bool = False) -> None:
    """Let a file be written beside its place and rename it; `synced`: it is on disk when this returns.

    Raises FileError where something else than a file lies in its place, and OSError.
    """
    if refuse_link(path).is_dir():
        raise FileError(path, "is a folder in a file's place; remove it")
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}{PART}")
    try:
        with os.fdopen(os.open(beside, _NEW, 0o666), "w+b") as stream:
            write(stream)
            if synced:
                stream.flush()
                os.fsync(stream.fileno())
        beside.replace(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text file whole, see `replace_file`."""
    replace_file(path, lambda stream: stream.write(text.encode("utf-8")))


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON file for people: indented, in the order given."""
    write_text(path, dump_json(value))


def dump_json(value: Mapping[str, Any]) -> str:
    """Return the text that `write_json` writes."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def open_new(path: Path, flags: int = 0) -> int:
    """Open a file that is not there yet for writing, and return its descriptor. Raises FileExistsError."""
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | NO_FOLLOW | flags, 0o666)


def make_inside(folder: Path, name: str) -> Path:
    """Make a folder in a results folder, unless it is there. Raises FileError for a link or a file in its place."""
    inside = folder / name
    refuse_link(inside)
    inside.mkdir(exist_ok=True)
    return inside


def refuse_link(path: Path) -> Path:
    """Return the path; raise FileError where a link lies. A place without anything is fine."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return path
    if stat.S_ISLNK(mode):
        raise FileError(path, "is a link; nothing is written through links: remove it, or choose another folder")
    return path
