"""Progress of a run: one line an epoch, and a moving bar in a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.metrics.recorder import Recorder
from sim.metrics.records import EpochEnded, MLNodeFinished
from sim.protocol.blocks.records import ParticipantJudged
from sim.protocol.proofs.votes import Reason
from sim.scenario.schema import Scenario
from sim.terminal import HEARTBEAT

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import ProgressColumn

ReportEpoch = Callable[[EpochEnded, Recorder], None]


@dataclass(frozen=True)
class Standing:
    """Where a run is: simulated seconds, the last block, and the rounds in which the next one was tried."""

    seconds: float
    height: int
    n_rounds: int


Look = Callable[[], Standing | None]
"""Gives where a run is; None before its network stands."""
Progress = Callable[[Scenario, Look], AbstractContextManager[ReportEpoch]]


@contextmanager
def no_progress(*_: object) -> Iterator[Callable[..., None]]:
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
def terminal_progress(scenario: Scenario, look: Look) -> Iterator[ReportEpoch]:
    """A line an epoch, one where nothing was to tell for some seconds, and a bar in a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with open_bar(*columns) as (bar, console), HEARTBEAT.telling(_StretchTeller(scenario.name, look)):
        task = bar.add_task(f"{scenario.name}: epochs", total=scenario.epochs)
        previous = time.perf_counter()

        def report(ended: EpochEnded, recorder: Recorder) -> None:
            nonlocal previous
            now = time.perf_counter()
            console.print(_describe(ended, recorder, now - previous, scenario.epochs), highlight=False, soft_wrap=True)
            previous = now
            HEARTBEAT.note_line()
            bar.advance(task)

        yield report


@contextmanager
def show_steps(name: str, n_steps: int) -> Iterator[Callable[[str], None]]:
    """A bar in a terminal, elsewhere a line now and then; call the yielded function with the name of each step."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

    with open_bar(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()) as (bar, console):
        task, n_done, last = bar.add_task(name, total=n_steps), 0, "begins"

        def step_on(step: str) -> None:
            nonlocal n_done, last
            n_done, last = n_done + 1, step
            bar.update(task, advance=1, description=f"{name}: {step}")

        with HEARTBEAT.telling(lambda: "" if console.is_terminal else f"{name}: {n_done} of {n_steps}: {last}"):
            yield step_on


class _StretchTeller:
    """The line on a run between two epochs' ends: how far it is, or for how long there was no block."""

    def __init__(self, name: str, look: Look) -> None:
        self._name, self._look = name, look
        self._height, self._since = -1, time.perf_counter()

    def __call__(self) -> str:
        standing, now = self._look(), time.perf_counter()
        if standing is None:
            return f"{self._name}: the network is laid out"
        is_new, before = standing.height != self._height, self._since
        if is_new:
            self._height, self._since = standing.height, now
        told = f"{self._name}: block {standing.height}, {_tell_time(standing.seconds)} simulated"
        if is_new:
            return told
        return f"{told}; no other block for {now - before:.0f} s, {standing.n_rounds} rounds for the next one so far"


def _describe(ended: EpochEnded, recorder: Recorder, wall_seconds: float, n_epochs: int) -> str:
    nodes = [row for row in recorder.rows(MLNodeFinished) if row.epoch == ended.epoch]
    judged = [
        row for row in recorder.rows(ParticipantJudged) if row.epoch == ended.epoch and row.reason != Reason.NO_CLAIM
    ]
    n_accepted = sum(row.is_accepted for row in judged)
    return (
        f"epoch {ended.epoch}/{n_epochs} · {_tell_time(ended.end_seconds)} simulated · "
        f"{sum(row.tried for row in nodes)} nonces tried, {sum(row.valid for row in nodes)} valid · "
        f"{n_accepted} accepted, {len(judged) - n_accepted} rejected · "
        f"{ended.computed / max(wall_seconds, 1e-9):.0f} nonces/s"
    )


def _tell_time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"
