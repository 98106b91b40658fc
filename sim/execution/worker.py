"""What happens in a worker process: a chunk of run specifications -> an outcome each."""

from __future__ import annotations

import ctypes
import platform
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sim.errors import UserError
from sim.execution.sweep_file import RunSpec
from sim.metrics.measures import compute_measures
from sim.progress import no_progress
from sim.provenance import get_source_version
from sim.runner import simulate
from sim.scenario import Scenario

N_THREADS = 1  # processes are what shares out the processors
DELIVERY_SECONDS = 0.001


class TimeLimitError(Exception):
    """A run took longer than the sweep allows."""


class VersionError(UserError):
    """A worker has other code than the program that sent it runs."""


@dataclass(frozen=True)
class Outcome:
    """A run's measures or its error; where and how long it ran, which no result depends on."""

    run_id: str
    measures: dict[str, float] = field(default_factory=dict)
    error: str | None = None
    wall_seconds: float = 0.0
    machine: str = ""


def execute_chunk(chunk: Sequence[RunSpec], time_limit: float | None, code_version: str) -> list[Outcome]:
    """Execute the runs one after the other. A run that fails is an outcome with its error; raises VersionError."""
    if (own := get_source_version()) != code_version:
        raise VersionError(
            f"versions differ: this program is {code_version}, the worker on {platform.node()} has {own}; "
            "install the same powsim on both"
        )
    return [execute(spec, time_limit) for spec in chunk]


def execute(spec: RunSpec, time_limit: float | None) -> Outcome:
    """Execute one run; `time_limit` in seconds."""
    started = time.perf_counter()
    measures: dict[str, float] = {}
    error: str | None = None
    try:
        with limited(time_limit):
            measures = _measure(spec)
    except TimeLimitError:
        error = f"TimeLimitError: took longer than the time limit of {time_limit:g} s"
    except Exception as failure:
        error = describe_failure(failure)
    return Outcome(spec.run_id, measures, error, time.perf_counter() - started, platform.node())


def build_scenario(spec: RunSpec) -> Scenario:
    """Return the scenario that a run simulates."""
    scenario = Scenario.model_validate_json(spec.scenario_json)
    work = scenario.work.model_copy(update={"threads": N_THREADS})
    return scenario.model_copy(update={"seed": spec.seed, "work": work})


def describe_failure(failure: BaseException) -> str:
    """Return the error's type and text: the same text wherever it happens."""
    return f"{type(failure).__name__}: {failure}".strip().removesuffix(":")


def _measure(spec: RunSpec) -> dict[str, float]:
    return compute_measures(simulate(build_scenario(spec), {}, no_progress).frames)


@contextmanager
def limited(seconds: float | None) -> Iterator[None]:
    """Raise TimeLimitError in this thread when the time is over, at the next step of Python code.

    Not a signal: a cluster's workers compute in threads, where no signal arrives.
    """
    if seconds is None:
        yield
        return
    thread = threading.get_ident()
    lock = threading.Lock()
    is_over = is_sent = False

    def stop() -> None:
        nonlocal is_sent
        with lock:
            if not is_over:
                is_sent = True
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(TimeLimitError))

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        yield
        with lock:
            is_over = True
        while is_sent:  # sent between the last step and the lock: it arrives here, not in the next run
            time.sleep(DELIVERY_SECONDS)
    finally:
        timer.cancel()
