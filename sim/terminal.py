"""Tables and numbers in the terminal: one console, one kind of table, one way to write a value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

WIDTH_WITHOUT_TERMINAL = 140
TEXTS = ("measure", "by", "resolved", "controller", "curve")  # headings of columns that hold no numbers
DIGITS = 4
LARGEST_WHOLE = 1e9  # longer numbers are shown with an exponent


def make_console() -> Console:
    """Return a console on standard output: as wide as the terminal, or wide enough where there is none."""
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, width=WIDTH_WITHOUT_TERMINAL)


def make_table(headings: Sequence[str]) -> Table:
    """Return an empty table; columns of texts are set left, columns of numbers right."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="left" if heading in TEXTS else "right", overflow="fold")
    return table


def print_table(title: str, table: Table) -> None:
    """Print a table below its title, which is never broken."""
    console = make_console()
    console.print(title, soft_wrap=True)
    console.print(table)


def format_value(value: object) -> str:
    """Whole numbers whole, others with four digits, texts as they are."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if value.is_integer() and abs(value) < LARGEST_WHOLE else f"{value:.{DIGITS}g}"


def format_interval(low: float, high: float) -> str:
    """Both ends of an interval; `unknown` where one of them is not finite."""
    return f"[{format_value(low)}, {format_value(high)}]" if math.isfinite(low) and math.isfinite(high) else "unknown"
