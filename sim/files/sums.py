"""Checksums against damage: a flipped bit, half a file, a file of another run. Against forgery they are none.

A results folder's `provenance.json` lists the SHA-256 of its other files under `files`, and its own, of everything else
in it, as its last entry `checksum`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sim.files.gate import FileError, MissingFileError, open_regular, read_text
from sim.files.writing import dump_json, write_text

FILES, CHECKSUM = "files", "checksum"
MOST_JSON_BYTES = 100_000_000
CHUNK_BYTES = 1 << 20
LINE_DIGITS = 16
JsonObject = dict[str, Any]


def compute_sum(file: Path) -> str:
    """Return the SHA-256 of a file in a results folder, as hex. Raises FileError, also where there is none."""
    digest = hashlib.sha256()
    try:
        with open_regular(file, follows=False) as stream:
            while part := stream.read(CHUNK_BYTES):
                digest.update(part)
    except FileNotFoundError:
        raise MissingFileError(file, "there is no such file, and provenance.json lists it") from None
    except OSError as error:
        raise FileError(file, f"cannot be read: {error.strerror or error}") from None
    return digest.hexdigest()


def sum_bytes(content: bytes) -> str:
    """Return the checksum of a file with this content."""
    return hashlib.sha256(content).hexdigest()


def sum_files(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the checksums of those of these files that the folder has, by name."""
    return {name: compute_sum(folder / name) for name in names if (folder / name).is_file()}


def check_file(folder: Path, name: str, listed: Mapping[str, str]) -> None:
    """Raise FileError where a file is not the one that the provenance lists; one that it does not list passes."""
    if name in listed and compute_sum(folder / name) != listed[name]:
        raise FileError(folder / name, "is damaged: its SHA-256 is not the one that provenance.json has of it")


def write_checked_json(file: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON file with a checksum over its own content as its last entry."""
    write_text(file, dump_json({**value, CHECKSUM: _sum_json(value)}))


def _sum_json(value: Mapping[str, Any]) -> str:
    content = json.dumps({key: each for key, each in value.items() if key != CHECKSUM}, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def read_json(file: Path) -> JsonObject:
    """Return the object in a JSON file of a results folder. Raises FileError for everything else."""
    text = read_text(file, MOST_JSON_BYTES, follows=False)
    try:
        found = json.loads(text, object_pairs_hook=_refuse_twins)
    except (ValueError, RecursionError) as error:
        raise FileError(file, f"is damaged: no JSON ({error})") from None
    if not isinstance(found, dict):
        raise FileError(file, "is damaged: it should hold a JSON object")
    return found


def _refuse_twins(pairs: list[tuple[str, Any]]) -> JsonObject:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def read_checked_json(file: Path) -> JsonObject:
    """Return the object in a JSON file that `write_checked_json` wrote, without its checksum.

    An older version of the code wrote neither checksum nor `files`. Raises FileError.
    """
    found = read_json(file)
    if (CHECKSUM in found or FILES in found) and found.get(CHECKSUM) != _sum_json(found):
        raise FileError(file, f"is damaged: its content does not fit its `{CHECKSUM}`")
    listed = found.get(FILES, {})
    if not isinstance(listed, dict) or not all(isinstance(each, str) for each in listed.values()):
        raise FileError(file, f"is damaged: `{FILES}` should list checksums by file")
    found.pop(CHECKSUM, None)
    return found


def sum_line(text: str) -> str:
    """Return a line for a journal: a checksum and the text, without the line's end."""
    return f"{hashlib.sha256(text.encode()).hexdigest()[:LINE_DIGITS]} {text}"


def read_line(line: bytes) -> str | None:
    """Return the text of a journal's line; None where the line is damaged or torn."""
    try:
        text = line[LINE_DIGITS + 1 :].decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if sum_line(text).encode() == line else None
