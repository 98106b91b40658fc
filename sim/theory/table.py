"""The table of `powsim theory`, a line as soon as its row is known."""

from __future__ import annotations

from collections.abc import Iterable

from sim.terminal import make_console
from sim.theory.row import Row

LAYOUT = "{:<68} {:>12} {:>12} {:>10} {:>8}  {}"


def print_theory(rows: Iterable[Row]) -> bool:
    """Print each row as soon as it is known; return whether none failed."""
    console, passed = make_console(), True
    console.print(
        LAYOUT.format("quantity", "ours", "theory", "z or error", "bound", "verdict"), style="bold", soft_wrap=True
    )
    for row in rows:
        passed = passed and row.passed
        style = "" if row.passed else "bold red"
        line = LAYOUT.format(
            row.quantity, f"{row.ours:.6g}", f"{row.theory:.6g}", f"{row.score:.3g}", f"{row.bound:.2g}", row.verdict
        )
        console.print(line, style=style, soft_wrap=True)
    return passed
