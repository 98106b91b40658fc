"""A folder belongs to one program at a time: it is claimed before anything else happens in it."""

from __future__ import annotations

import os
import platform
import stat
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from sim.errors import UserError
from sim.files.gate import NO_FOLLOW, FileError, show_path
from sim.files.writing import refuse_link

try:
    import fcntl
except ImportError:  # a system that locks files in another way
    fcntl = None  # type: ignore[assignment]

LOCK_FILE = ".lock"
MOST_BYTES = 200


class Claim:
    """A folder that this program holds, or this thread of it, until `close`; a context manager."""

    def __init__(self, folder: Path) -> None:
        """Raises UserError while another one holds it, and FileError where a link or the like is in the way."""
        self.folder = folder
        self._lock: int | None = _acquire(folder)

    def __enter__(self) -> Claim:
        """Return the claim."""
        return self

    def __exit__(self, *raised: object) -> None:
        """Let go of the folder."""
        self.close()

    def close(self) -> None:
        """Let go of the folder; a second time it does nothing."""
        if self._lock is None:
            return
        with suppress(OSError):  # the folder may be gone; some systems remove no open file
            (self.folder / LOCK_FILE).unlink()
        os.close(self._lock)
        self._lock = None


def _acquire(folder: Path) -> int:
    """Lock a folder and return the lock. The system lets go of it when this program ends, even by a kill."""
    refuse_link(folder)
    while True:
        lock = _open(folder / LOCK_FILE)
        try:
            _lock(folder, lock)
            if _is_in_place(folder / LOCK_FILE, lock):
                break
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)  # the program before removed this file when it ended
    started = datetime.now(UTC).isoformat(timespec="seconds")
    os.ftruncate(lock, 0)
    os.write(lock, f"process {os.getpid()} on {platform.node()}, started {started},".encode())
    return lock


def _open(file: Path) -> int:
    """Open the lock's file, a new one or one that a killed program left; nothing else, for it is written into."""
    refuse_link(file)
    lock = os.open(file, os.O_CREAT | os.O_RDWR | NO_FOLLOW | getattr(os, "O_NONBLOCK", 0), 0o666)
    found = os.fstat(lock)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(lock)
        raise FileError(file, "is no lock: a file of another name, or none at all; remove it")
    return lock


def _lock(folder: Path, lock: int) -> None:
    try:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            _lock_bytes(lock)
    except OSError:
        holder = os.pread(lock, MOST_BYTES, 0).decode(errors="replace").strip() if hasattr(os, "pread") else ""
        told = holder if holder.isprintable() and holder else "another program"
        raise UserError(f"{show_path(folder)}: {told} works in this folder; wait for its end, or end it") from None


def _lock_bytes(lock: int) -> None:
    """Lock as Windows does; a system that has neither way runs without this protection."""
    with suppress(ImportError):
        import msvcrt

        msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]


def _is_in_place(file: Path, lock: int) -> bool:
    """Whether the locked file is the one that other programs will find."""
    try:
        return os.path.samestat(file.lstat(), os.fstat(lock))
    except FileNotFoundError:
        return False
