"""Questions that people asked about the network of 2026, each answered by runs: docs/questions_of_2026.md.

`.venv/bin/python docs/questions.py [NAME ...]` prints the tables of the answers; `docs/refresh.py questions` puts
tables and figures into the page. A question is a file in scenarios/questions and two functions here: one reads the
answer's numbers from its runs, the other draws them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from question_delegations import draw_idle_delegate, read_idle_delegate
from question_failures import (
    draw_collateral,
    draw_overlap,
    draw_seven_failures,
    read_collateral,
    read_overlap,
    read_seven_failures,
)
from question_tests import draw_largest_excess, read_largest_excess, summarize_largest_excess
from question_votes import (
    draw_failing_guardians,
    draw_small_group,
    draw_staggered_upgrade,
    read_failing_guardians,
    read_small_group,
    read_staggered_upgrade,
)
from question_weights import (
    draw_late_burst,
    draw_rented_votes,
    read_late_burst,
    read_rented_votes,
    summarize_rented_votes,
)
from tables import write_table

import sim
from sim.figures.style import house_style

FOLDER = Path(__file__).resolve().parent.parent / "scenarios" / "questions"


@dataclass(frozen=True)
class Question:
    """How the runs of a question become its answer."""

    read: Callable[[Any], pd.DataFrame]
    """From the result of its file, a run or a sweep, to the answer's numbers: columns with units, as the page's."""
    draw: Callable[[Figure, pd.DataFrame], None]
    """Fill an empty figure with these numbers."""
    summarize: Callable[[pd.DataFrame], pd.DataFrame] = lambda numbers: numbers
    """From these numbers to the rows of the page's table."""


QUESTIONS = {
    "idle-delegate": Question(read_idle_delegate, draw_idle_delegate),
    "small-group": Question(read_small_group, draw_small_group),
    "rented-votes": Question(read_rented_votes, draw_rented_votes, summarize_rented_votes),
    "late-burst": Question(read_late_burst, draw_late_burst),
    "overlap": Question(read_overlap, draw_overlap),
    "seven-failures": Question(read_seven_failures, draw_seven_failures),
    "collateral": Question(read_collateral, draw_collateral),
    "largest-excess": Question(read_largest_excess, draw_largest_excess, summarize_largest_excess),
    "staggered-upgrade": Question(read_staggered_upgrade, draw_staggered_upgrade),
    "failing-guardians": Question(read_failing_guardians, draw_failing_guardians),
}


def answer(name: str) -> pd.DataFrame:
    """Run the file of a question; return its numbers."""
    file = FOLDER / f"{name}.yaml"
    if "\nsweep:" not in file.read_text(encoding="utf-8"):
        return QUESTIONS[name].read(sim.run(file))
    with TemporaryDirectory() as scratch:
        return QUESTIONS[name].read(sim.sweep(file, out=Path(scratch) / name, workers=0))


def draw(name: str, numbers: pd.DataFrame) -> Figure:
    """Draw the answer to a question."""
    with house_style():
        figure = Figure(figsize=(7.2, 3.9), layout="constrained")
        QUESTIONS[name].draw(figure, numbers)
    return figure


def write_numbers(name: str, numbers: pd.DataFrame) -> str:
    """Return the numbers of an answer as a table of the page."""
    numbers = QUESTIONS[name].summarize(numbers)
    rows = ([_write_cell(value) for value in row] for row in numbers.itertuples(index=False))
    return write_table(list(numbers.columns), rows)


def _write_cell(value: object) -> str:
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:.4g}"
    return {True: "yes", False: "no"}[bool(value)] if pd.api.types.is_bool(value) else str(value)


def write_answers(images: Path) -> Iterator[tuple[str, str]]:
    """Draw every answer into a folder of images; yield each question with its table."""
    for name in QUESTIONS:
        numbers = answer(name)
        draw(name, numbers).savefig(images / f"question_{name.replace('-', '_')}.png", dpi=150)
        yield name, write_numbers(name, numbers)


if __name__ == "__main__":
    for asked in sys.argv[1:] or QUESTIONS:
        print(f"{asked}\n\n{write_numbers(asked, answer(asked))}\n")
