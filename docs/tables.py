"""A Markdown table, as all made pages write it."""

from __future__ import annotations

from collections.abc import Iterator


def write_table(headings: list[str], rows: Iterator[list[str]] | list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
