"""What a study's folder says of its end: finished, interrupted or failed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sim.results import PROVENANCE_FILE, write_json


@contextmanager
def keep_status(folder: Path, provenance: Mapping[str, Any]) -> Iterator[None]:
    """Write the provenance before the work starts, and again with how it ended and how long it took."""
    started = time.perf_counter()

    def write(status: str) -> None:
        wall = {} if status == "running" else {"wall_seconds": round(time.perf_counter() - started, 3)}
        write_json(folder / PROVENANCE_FILE, {**provenance, "status": status, **wall})

    write("running")
    try:
        yield
    except BaseException as error:
        write("interrupted" if isinstance(error, KeyboardInterrupt) else "failed")
        raise
    write("finished")
