"""Progress of a run: one line an epoch, and a moving bar in a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from sim.metrics.recorder import Recorder
from sim.metrics.records import EpochEnded, MLNodeFinished
from sim.protocol.blocks.records import ParticipantJudged
from sim.protocol.proofs.votes import Reason
from sim.scenario.schema import Scenario

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import ProgressColumn

ReportEpoch = Callable[[EpochEnded, Recorder], None]
Progress = Callable[[Scenario], AbstractContextManager[ReportEpoch]]


@contextmanager
def no_progress(_: object) -> Iterator[Callable[..., None]]:
    """Say nothing, of a run or of a study."""
    yield lambda *_: None


@contextmanager
def open_bar(*columns: ProgressColumn) -> Iterator[tuple[Bar, Console]]:
    """A moving bar on standard error, so that tables on standard output stay clean; only in a terminal."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield bar, console


@contextmanager
def terminal_progress(scenario: Scenario) -> Iterator[ReportEpoch]:
    """A line an epoch, and a bar in a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with open_bar(*columns) as (bar, console):
        task = bar.add_task(f"{scenario.name}: epochs", total=scenario.epochs)
        previous = time.perf_counter()

        def report(ended: EpochEnded, recorder: Recorder) -> None:
            nonlocal previous
            now = time.perf_counter()
            console.print(_describe(ended, recorder, now - previous, scenario.epochs), highlight=False, soft_wrap=True)
            previous = now
            bar.advance(task)

        yield report


@contextmanager
def show_steps(name: str, n_steps: int) -> Iterator[Callable[[str], None]]:
    """A bar in a terminal only; call the yielded function with the name of each step."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

    with open_bar(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()) as (bar, _):
        task = bar.add_task(name, total=n_steps)
        yield lambda step: bar.update(task, advance=1, description=f"{name}: {step}")


def _describe(ended: EpochEnded, recorder: Recorder, wall_seconds: float, n_epochs: int) -> str:
    nodes = [row for row in recorder.rows(MLNodeFinished) if row.epoch == ended.epoch]
    judged = [
        row for row in recorder.rows(ParticipantJudged) if row.epoch == ended.epoch and row.reason != Reason.NO_CLAIM
    ]
    n_accepted = sum(row.is_accepted for row in judged)
    minutes, seconds = divmod(round(ended.end_seconds), 60)
    return (
        f"epoch {ended.epoch}/{n_epochs} · {minutes} min {seconds:02d} s simulated · "
        f"{sum(row.tried for row in nodes)} nonces tried, {sum(row.valid for row in nodes)} valid · "
        f"{n_accepted} accepted, {len(judged) - n_accepted} rejected · "
        f"{ended.computed / max(wall_seconds, 1e-9):.0f} nonces/s"
    )
