"""What `powsim detect` prints: a table, or JSON, or a CSV file beside its figure."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sim.studies.detect import KEYS, MORE_KEYS, Chances, Design, as_row, list_varying
from sim.terminal import format_value, make_table, print_table

Points = Sequence[tuple[Design, Chances | None]]
Found = Sequence[Mapping[str, float | int]]
"""Further cells of each row, from runs; empty: none."""
ORDER = ("version", "scheme", *(key for key in (*MORE_KEYS, *KEYS) if key not in ("version", "scheme")))


def list_rows(points: Points, found: Found = (), more: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Return a mapping a point. `more`: keys beyond the usual ones; None: those in which the points differ."""
    further = list_varying([design for design, _ in points], MORE_KEYS) if more is None else more
    rows = [as_row(design, chances, further) for design, chances in points]
    for row in rows:
        if row["accepted"] is None:
            row["sample"] = None  # no sample does what is wanted
    return [{**row, **extra} for row, extra in zip(rows, found or [{}] * len(rows), strict=True)]


def print_json(points: Points, found: Found = ()) -> None:
    """Print a list of rows."""
    print(json.dumps(list_rows(points, found), indent=2))


def print_points(points: Points, found: Found = ()) -> None:
    """Print what all points share as a title, and below it a table of the rest."""
    designs = [design for design, _ in points]
    varying = list_varying(designs, ORDER) or ["fabricated"]
    if any(chances is None for _, chances in points) and "sample" not in varying:
        varying.append("sample")
    rows = list_rows(points, found, MORE_KEYS)
    headings = [*varying, *list(rows[0])[len(KEYS) + len(MORE_KEYS) :]]
    table = make_table([heading.replace("_", " ") for heading in headings])
    for row in rows:
        table.add_row(*("none" if row[key] is None else format_value(row[key]) for key in headings))
    print_table(describe_shared(designs, varying), table)


def describe_shared(designs: Sequence[Design], varying: Sequence[str]) -> str:
    """Say what is the same at all points."""
    first, shared = as_row(designs[0], None, MORE_KEYS), []
    for key in ORDER:
        is_off = key in ("silent", "colluding", "slots", "claim", "validators") and not first[key]
        if key not in varying and not is_off:
            shared.append(str(first[key]) if key in ("version", "scheme") else f"{key} {format_value(first[key])}")
    if not {"scheme", "distance"} & set(varying):
        shared.append(f"an invented entry passes with {designs[0].pass_chance:.3g}")
    return ", ".join(shared)


def write_csv(points: Points, path: Path, found: Found = ()) -> None:
    """Write all that is known of every point."""
    rows = list_rows(points, found, MORE_KEYS)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
