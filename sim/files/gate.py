"""The gate: a name -> the bytes of a regular file of a bounded size, or one sentence why it is no such file."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from sim.errors import UserError

MEGABYTE = 1e6
COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
"""First bytes of files that unpack to any size."""
WIDE = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
NO_FOLDER = "is a folder, not a file"
_KINDS = {
    stat.S_ISDIR: NO_FOLDER,
    stat.S_ISFIFO: "is a pipe, not a file",
    stat.S_ISSOCK: "is a socket, not a file",
    stat.S_ISCHR: "is a device, not a file",
    stat.S_ISBLK: "is a device, not a file",
}
_NEVER_WAIT = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


class FileError(UserError):
    """A file that cannot be read as what it should be; `reason` follows the file's name in a sentence."""

    def __init__(self, file: Path, reason: str, line: int | None = None, column: int | None = None) -> None:
        self.file, self.reason, self.line, self.column = file, reason, line, column
        place = show_path(file) if line is None else f"{show_path(file)}:{line}:{column}"
        super().__init__(f"{place}: {reason}")

    def __reduce__(self) -> tuple[type[FileError], tuple[Path, str, int | None, int | None]]:
        """Cross a process border whole: exceptions pickle by their arguments."""
        return (type(self), (self.file, self.reason, self.line, self.column))


class MissingFileError(FileError):
    """There is no such file."""


def show_path(path: Path) -> str:
    """Return a path as one printable line: a name may hold any character."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in str(path))


def read_bytes(file: Path, most_bytes: int, noun: str = "such a file", *, follows: bool = True) -> bytes:
    """Return the content of a regular file; never waits for a pipe, and reads no more than the bound.

    `follows`: whether a link is followed, as for a name that the user gave. Raises FileError.
    """
    try:
        with open_regular(file, follows=follows) as stream:
            size = os.fstat(stream.fileno()).st_size
            bound = f"{noun} has at most {most_bytes / MEGABYTE:.0f} MB"
            if size > most_bytes:
                raise FileError(file, f"has {size / MEGABYTE:.1f} MB; {bound}")
            content = stream.read(most_bytes + 1)
            if content is None:  # some of the system's own files wait for what comes, and have no size
                raise FileError(file, "has nothing to read yet: it is no ordinary file")
            if len(content) > most_bytes:
                raise FileError(file, f"has more than it said; {bound}")
            return content
    except FileNotFoundError:
        raise MissingFileError(file, "there is no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise FileError(file, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None


def read_text(file: Path, most_bytes: int, noun: str = "such a file", *, follows: bool = True) -> str:
    """Return a text file's content, UTF-8 with or without byte-order mark. Raises FileError as `read_bytes` does."""
    return decode(file, read_bytes(file, most_bytes, noun, follows=follows), f"{noun} is text in UTF-8")


def decode(file: Path, content: bytes, wanted: str) -> str:
    """Return the text of a file; raises FileError for what is compressed, binary or in another encoding."""
    for start, name in COMPRESSED.items():
        if content.startswith(start):
            raise FileError(file, f"is compressed ({name}): unpack it first; {wanted}")
    for start, name in WIDE.items():
        if content.startswith(start):
            raise FileError(file, f"is text in {name}; {wanted}")
    if b"\0" in content:
        raise FileError(file, f"is a binary file; {wanted}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise FileError(file, f"byte 0x{content[error.start]:02x} is not UTF-8; {wanted}", line, column) from None


def open_regular(file: Path, *, follows: bool = True) -> BinaryIO:
    """Open a regular file for reading. Raises FileError for anything else, and OSError where there is none."""
    _check_kind(file, (file.stat() if follows else file.lstat()).st_mode)  # before: to open a device may act
    opened = os.open(file, _NEVER_WAIT | (0 if follows else NO_FOLLOW))
    stream = os.fdopen(opened, "rb")
    try:
        _check_kind(file, os.fstat(opened).st_mode)
    except FileError:
        stream.close()
        raise
    return stream


def _check_kind(file: Path, mode: int) -> None:
    if stat.S_ISLNK(mode):
        raise FileError(file, "is a link; a results folder has none, and links in it are not followed")
    for is_kind, told in _KINDS.items():
        if is_kind(mode):
            raise FileError(file, told)
