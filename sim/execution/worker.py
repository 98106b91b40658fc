"""The work of a worker process: a chunk of run specifications -> an outcome each."""

from __future__ import annotations

import ctypes
import platform
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from sim.errors import UserError
from sim.execution.kept import pack_frames
from sim.execution.sweep_file import RunSpec
from sim.metrics.measures import RunMeasure, take_measures
from sim.progress import no_progress
from sim.provenance import get_source_version
from sim.results import StudyStatus
from sim.runner import RunFailedError, simulate
from sim.scenario.schema import Scenario

R = TypeVar("R")
N_THREADS = 1  # the processors are shared out by processes, not by threads
AGAIN_SECONDS = 5.0
"""After so long an error that did not end a run is sent again."""


class TimeLimitError(BaseException):
    """A run took longer than the sweep allows. No `except Exception` of a measure or a plug-in may catch it."""


class HaltedError(Exception):
    """The chain of a run halted for good where that is no answer."""


class VersionError(UserError):
    """A worker has other code than the program that sent it runs."""


@dataclass(frozen=True)
class Order:
    """The measures and frames that a sweep takes of each run; `time_limit` in seconds."""

    code_version: str
    measures: tuple[RunMeasure, ...]
    keep: tuple[str, ...] = ()
    """Frames."""
    time_limit: float | None = None
    refuses_halts: bool = False
    """Whether a run whose chain halts for good is an error."""


@dataclass(frozen=True)
class Outcome:
    """A run's measures or its error; where and how long it ran, which no result depends on."""

    run_id: str
    measures: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    """Reasons by measure."""
    tries: dict[str, int] = field(default_factory=dict)
    """How many events a share counts, by measure."""
    packed: dict[str, bytes] = field(default_factory=dict)
    """Frames that are kept, see `pack_frames`."""
    trace_hash: str | None = None
    error: str | None = None
    status: str = StudyStatus.FINISHED
    """How it ended: finished, halted or failed."""
    wall_seconds: float = 0.0
    machine: str = ""


def execute_chunk(chunk: Sequence[RunSpec], order: Order) -> list[Outcome]:
    """Execute the runs one after the other. A run that fails is an outcome with its error; raises VersionError."""
    if (own := get_source_version()) != order.code_version:
        raise VersionError(
            f"versions differ: this program is {order.code_version}, the worker on {platform.node()} has {own}; "
            "install the same powsim on both"
        )
    return [execute(spec, order) for spec in chunk]


def execute(spec: RunSpec, order: Order) -> Outcome:
    """Execute one run."""
    started = time.perf_counter()
    try:
        outcome = call_limited(order.time_limit, lambda: _simulate(spec, order))
    except TimeLimitError:
        error = f"TimeLimitError: took longer than the time limit of {order.time_limit:g} s"
        outcome = Outcome(spec.run_id, error=error, status=StudyStatus.FAILED)
    except Exception as failure:
        status = StudyStatus.HALTED if isinstance(failure, HaltedError) else StudyStatus.FAILED
        outcome = Outcome(spec.run_id, error=describe_failure(failure), status=status)
    return replace(outcome, wall_seconds=time.perf_counter() - started, machine=platform.node())


def _simulate(spec: RunSpec, order: Order) -> Outcome:
    result = simulate(build_scenario(spec), {}, no_progress)
    if order.refuses_halts and result.provenance["status"] == StudyStatus.HALTED:
        raise HaltedError(result.summary["warnings"][-1])
    measured = take_measures(result.frames, order.measures)
    packed = pack_frames(result.frames, order.keep)
    made = result.provenance
    values = (measured.values, measured.missing, measured.tries, packed, made["trace_hash"])
    return Outcome(spec.run_id, *values, status=made["status"])


def build_scenario(spec: RunSpec) -> Scenario:
    """Return the scenario that a run simulates."""
    scenario = Scenario.model_validate_json(spec.scenario_json)
    work = scenario.work.model_copy(update={"threads": N_THREADS})
    return scenario.model_copy(update={"seed": spec.seed, "work": work})


def describe_failure(failure: BaseException) -> str:
    """Return the error's type and text: the same text wherever it happens."""
    if isinstance(failure, RunFailedError) and failure.__cause__ is not None:
        failure = failure.__cause__
    return f"{type(failure).__name__}: {failure}".strip().removesuffix(":")


def call_limited(seconds: float | None, function: Callable[[], R]) -> R:
    """Call a function; raise TimeLimitError in it when the time is over, at the next step of Python code.

    Not a signal: a cluster's workers compute in threads, where no signal arrives. An error that arrives while Python
    clears something away (a finaliser, a generator that is dropped) is lost there, so that it is sent again. Not a
    context either: an error at the first step of its exit would leave the sender at work.
    """
    if seconds is None:
        return function()
    thread, lock, ended = ctypes.c_ulong(threading.get_ident()), threading.Lock(), threading.Event()
    is_sent = False
    send = ctypes.pythonapi.PyThreadState_SetAsyncExc

    def watch() -> None:
        nonlocal is_sent
        pause_seconds = seconds
        while not ended.wait(pause_seconds):
            with lock:
                if not ended.is_set():
                    is_sent = True
                    send(thread, ctypes.py_object(TimeLimitError))
            pause_seconds = AGAIN_SECONDS

    def end() -> None:
        with lock:
            ended.set()
            send(thread, None)  # what is sent and has not arrived must not arrive in the next run

    try:
        threading.Thread(target=watch, daemon=True).start()
        result = function()
    finally:
        try:
            end()
        except TimeLimitError:  # it arrives just here
            end()
    if is_sent:
        raise TimeLimitError
    return result
