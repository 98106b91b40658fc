"""Progress of a sweep, on standard error: runs finished, failed and left, their rate, the estimated end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sim.execution.loop import Report, RunTally
from sim.progress import open_bar
from sim.terminal import HEARTBEAT, LINE_SECONDS


@contextmanager
def sweep_progress(name: str) -> Iterator[Report]:
    """A moving bar in a terminal; elsewhere a line every few seconds."""
    from rich.progress import BarColumn, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=30), TextColumn("{task.fields[told]}"))
    with open_bar(*columns) as (bar, console):
        task = bar.add_task(name, total=None, told="")
        started = time.perf_counter()
        last, latest = started, RunTally(0, 0, 0, 0, 0)

        def report(tally: RunTally) -> None:
            nonlocal last, latest
            now = time.perf_counter()
            told = describe(tally, now - started)
            latest = tally
            bar.update(task, total=tally.n_runs, completed=tally.n_finished, told=told)
            is_due = now - last >= LINE_SECONDS or tally.n_finished == tally.n_runs
            if not console.is_terminal and is_due:
                last = now
                console.print(f"{name}: {told}", highlight=False, soft_wrap=True)
                HEARTBEAT.note_line()

        def tell() -> str:
            if console.is_terminal:  # where the bar moves
                return ""
            return f"{name}: {describe(latest, time.perf_counter() - started) if latest.n_runs else 'workers start'}"

        with HEARTBEAT.telling(tell):
            yield report


def describe(tally: RunTally, seconds: float) -> str:
    """One line on how far a sweep is, `seconds` after this program began."""
    n_left = tally.n_runs - tally.n_finished
    parts = [f"{tally.n_finished} of {tally.n_runs} runs finished", f"{tally.n_failed} failed", f"{n_left} left"]
    if tally.n_halted:
        parts.insert(2, f"{tally.n_halted} halted")
    if tally.n_new and seconds > 0:
        rate = tally.n_new / seconds
        parts.append(f"{rate:.3g} runs/s")
        if n_left:
            end = datetime.now() + timedelta(seconds=n_left / rate)
            parts.append(f"ends about {end:%H:%M:%S} (in {format_duration(n_left / rate)})")
    return " · ".join(parts)


def format_duration(seconds: float) -> str:
    """Seconds as a person says them: 45 s, 12 min, 3 h 20 min."""
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"
