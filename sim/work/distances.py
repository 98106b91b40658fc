"""Distances on disk: what the kernel has computed once serves a run that goes on, or a second run of the same seeds.

A folder holds files of lines, each with a checksum; every program that computes starts a file of its own. A line has
the distances of one call, and `of`: the kernel's code, the model, numerics, and what bits depend on in this machine. A
line that is damaged, torn or of another kernel is passed over, and its distances are computed again. So is one answer
in a thousand, which must have the same bits.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sim.errors import UserError
from sim.files.gate import FileError, open_regular
from sim.files.sums import read_line, sum_line
from sim.files.writing import open_new

ENDING = ".jsonl"
CHECKED_EVERY = 1000
DISTANCES_FOLDER = "distances"  # of a run, until it is finished
Request = tuple[str, int]
"""(public key, nonce)"""


@dataclass(frozen=True)
class Origin:
    """Everything that the bits of a distance depend on, beside its public key and nonce."""

    block_hash: str
    of: str
    """A digest of the kernel, the model, its numerics and this machine."""


@dataclass
class _Place:
    """A line in a file."""

    file: Path
    offset: int
    length: int


@dataclass
class DistanceStore:
    """The distances in a folder, and a file for new ones. Only those of network seeds in use are in memory."""

    folder: Path
    n_answered: int = 0
    """Distances that were not computed because they lay here."""
    n_damaged: int = 0
    """Lines that were passed over since they are damaged."""
    _lines: dict[Origin, list[_Place]] = field(default_factory=dict)
    _file: int | None = None

    def __post_init__(self) -> None:
        """Find the lines of earlier programs. Raises FileError for a file that is none."""
        for file in sorted(self.folder.glob(f"*{ENDING}")):
            for place, line in _walk(file):
                self._note(place, line)

    def _note(self, place: _Place, line: bytes) -> None:
        origin = _read_origin(line)
        if origin is None:
            self.n_damaged += 1
        else:
            self._lines.setdefault(origin, []).append(place)

    def load(self, origin: Origin) -> dict[Request, float]:
        """Return all distances of one origin."""
        found: dict[Request, float] = {}
        for place in self._lines.get(origin, ()):
            with open_regular(place.file, follows=False) as stream:
                stream.seek(place.offset)
                text = read_line(stream.read(place.length))
            for key, own in json.loads(text or "{}").get("distances", {}).items():
                found.update(((key, int(nonce)), float(value)) for nonce, value in own.items())
        return found

    def keep(self, origin: Origin, distances: Mapping[Request, float]) -> None:
        """Write new distances; raises OSError where the disk is full."""
        by_key: dict[str, dict[int, float]] = {}
        for (key, nonce), value in distances.items():
            by_key.setdefault(key, {})[nonce] = value
        content = {"block_hash": origin.block_hash, "of": origin.of, "distances": by_key}
        data = f"{sum_line(json.dumps(content, separators=(',', ':')))}\n".encode()
        if self._file is None:
            self._file = self._open()
        while data:
            data = data[os.write(self._file, data) :]

    def _open(self) -> int:
        self.folder.mkdir(parents=True, exist_ok=True)
        numbers = [int(file.stem) for file in self.folder.glob(f"*{ENDING}") if file.stem.isdecimal()]
        number = max(numbers, default=0) + 1
        while True:
            try:
                return open_new(self.folder / f"{number:04d}{ENDING}", os.O_APPEND)
            except FileExistsError:  # of a program that started at the same time
                number += 1

    def close(self) -> None:
        """Close the file of new distances."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def check_store(folder: Path) -> None:
    """Make a folder of a person's choice; raises UserError where it cannot be made, or holds what cannot be read."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        DistanceStore(folder)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"work.cache: {folder} cannot hold distances: {reason}") from None
    except FileError as error:
        raise UserError(f"work.cache: {error}") from None


def remove_store(folder: Path) -> None:
    """Remove a run's distances, with nothing else; its folder too, if nothing else lies there."""
    for file in folder.glob(f"*{ENDING}"):
        file.unlink()
    with suppress(OSError):
        folder.rmdir()


def compare_again(folder: Path, request: Request, stored: float, computed: float) -> None:
    """Raise UserError where a stored distance is not the one that was computed again."""
    if stored != computed:
        raise UserError(
            f"{folder}: the distance of nonce {request[1]} of {request[0]} is {stored!r} there, and computed again "
            f"{computed!r}: remove the folder"
        )


def _walk(file: Path) -> Iterator[tuple[_Place, bytes]]:
    """Yield the lines of a file with their places, without their ends; what a kill tore is no line."""
    try:
        with open_regular(file, follows=False) as stream:
            offset = 0
            for line in stream:
                if line.endswith(b"\n"):
                    yield _Place(file, offset, len(line) - 1), line[:-1]
                offset += len(line)
    except OSError as error:
        raise FileError(file, f"cannot be read: {error.strerror or error}") from None


def _read_origin(line: bytes) -> Origin | None:
    try:
        content = json.loads(read_line(line) or "")
        return Origin(content["block_hash"], content["of"])
    except (ValueError, LookupError, TypeError):
        return None
