"""One scenario -> one result: builds the world, lets it run, turns its records into frames."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sim.errors import ExitStatus, UserError
from sim.files.lock import Claim
from sim.files.sums import FILES, check_file
from sim.files.writing import refuse_link, write_text
from sim.interrupts import finishing
from sim.metrics.frames import Frames, build_frames
from sim.metrics.keeping import FrameFiles
from sim.metrics.outcome import compute_outcome_hash
from sim.metrics.records import EpochEnded
from sim.metrics.summary import summarise
from sim.nodes.agent import StrategyError
from sim.process import COLLECTOR
from sim.progress import Progress, Standing, no_progress, terminal_progress
from sim.provenance import get_provenance
from sim.results import (
    PROVENANCE_FILE,
    SCENARIO_FILE,
    Result,
    StudyStatus,
    keep_status,
    open_folder,
    read_provenance,
    read_stored_text,
)
from sim.scenario.load import Source, dump_scenario, load_scenario, parse_scenario
from sim.scenario.schema import Scenario, WorkConfig
from sim.work import works
from sim.work.base import WorkSettings
from sim.work.distances import DISTANCES_FOLDER, remove_store
from sim.world import World, build_world

REHEARSED_EPOCHS = 2


def run(
    scenario: Source,
    *,
    seed: int | None = None,
    overrides: Mapping[str, object] | None = None,
    progress: bool = False,
) -> Result:
    """Run a scenario and return its result without writing anything."""
    loaded = load_scenario(scenario, overrides or {}, seed)
    check_work(loaded.work)
    return simulate(loaded, get_provenance(loaded.seed), terminal_progress if progress else no_progress)


def run_into_folder(scenario: Scenario, *, out: Path | None, root: Path, progress: bool) -> tuple[Result, Path]:
    """Run a scenario and leave its results folder; an interrupted run saves its finished part."""
    check_work(scenario.work)
    text = dump_scenario(scenario)
    with open_folder(scenario.name, text, out, root) as claim:
        write_text(claim.folder / SCENARIO_FILE, text)
        return _run_claimed(scenario, claim.folder, progress), claim.folder


def resume_run(folder: Path, given: Scenario | None = None, *, progress: bool = False) -> Result:
    """Run an unfinished run's folder from its start, with the distances that were computed; the bytes are the same.

    `given`: the scenario that it should be. Raises UserError for another one, and where nothing is left to do.
    """
    with Claim(check_resumable(folder)):
        text = read_stored_text(folder / SCENARIO_FILE)
        made = read_provenance(folder) if os.path.lexists(folder / PROVENANCE_FILE) else {}
        check_file(folder, SCENARIO_FILE, made.get(FILES, {}))
        if made.get("status") in (StudyStatus.FINISHED, StudyStatus.HALTED):
            raise UserError(f"--resume {folder}: the run is {made['status']}; nothing is left to do")
        if given is not None and dump_scenario(given) != text:
            raise UserError(f"--resume {folder}: its {SCENARIO_FILE} is another scenario, or has another seed")
        scenario = parse_scenario(text, str(folder / SCENARIO_FILE))
        check_work(scenario.work)
        return _run_claimed(scenario, folder, progress)


def check_resumable(folder: Path) -> Path:
    """Return the folder; raises UserError where no run began in it."""
    if not (folder / SCENARIO_FILE).is_file():
        raise UserError(f"--resume {folder}: not the folder of a run: no {SCENARIO_FILE} in it")
    return folder


def _run_claimed(scenario: Scenario, folder: Path, progress: bool) -> Result:
    """Run a scenario into its folder, in which distances are kept until it is finished."""
    provenance = get_provenance(scenario.seed)
    cache = None if scenario.work.cache else refuse_link(folder / DISTANCES_FOLDER)
    with keep_status(folder, provenance, SCENARIO_FILE) as facts:
        try:
            result = simulate(scenario, provenance, terminal_progress if progress else no_progress, cache, folder)
        except (Interrupted, StrategyError, RunFailedError) as stop:
            if stop.finished is not None:
                with finishing():
                    stop.finished.save(folder)
                facts.update(stop.finished.provenance)
            raise
        result.save(folder)
        facts.update(result.provenance)
    if cache is not None:
        remove_store(cache)
    return result


class RunFailedError(UserError):
    """Something raised in the middle of a run, a plug-in most likely; the scenario was in order, hence status 1."""

    exit_status = ExitStatus.FAILED
    finished: Any = None
    """The result up to the error, for callers in this process; None where the run had not begun."""

    def __reduce__(self) -> tuple[type[RunFailedError], tuple[str]]:
        """Cross a process border without the result."""
        return (type(self), (str(self),))


class Interrupted(KeyboardInterrupt):
    """Ctrl-C: carries the result of the finished part."""

    def __init__(self, finished: Result) -> None:
        super().__init__("interrupted")
        self.finished = finished


def check_work(config: WorkConfig) -> None:
    """Raise UserError where this machine cannot compute the model, before anything is written."""
    works.build(config.kind).check(config.settings)


def simulate(
    scenario: Scenario,
    provenance: Mapping[str, Any],
    progress: Progress,
    cache: Path | None = None,
    folder: Path | None = None,
) -> Result:
    """Run a loaded scenario, its kernel's distances kept in `cache`, its frames in `folder` if it asks for that.

    `Interrupted` on Ctrl-C, `StrategyError` and `RunFailedError` carry the finished part.
    """
    started = time.perf_counter()
    world: World | None = None

    def look() -> Standing | None:
        if world is None:
            return None
        context = world.context
        return Standing(context.env.now, context.ledger.height, context.consensus.n_rounds)

    with (
        COLLECTOR.held(),
        works.build(scenario.work.kind).open(_keep_in(scenario.work, cache)) as work,
        progress(scenario, look) as report,
        _open_frames(scenario, folder) as files,
    ):
        with _plugins_blamed("the network cannot be laid out"):

            def end_epoch(epoch: EpochEnded) -> None:
                report(epoch, built.context.recorder)
                if files is not None:
                    files.take(built.context.recorder, epoch.epoch)

            world = built = build_world(scenario, work, end_epoch)
        ended = _let_run(world)
        with finishing():
            made = {**provenance, "work": work.describe(), "network": world.network_facts}
            recorder = world.context.recorder
            frames = build_frames(recorder) if files is None else files.finish(recorder)
            result = _gather(scenario, world, made, ended, frames, started)
    if isinstance(ended, KeyboardInterrupt):
        raise Interrupted(result) from ended
    if ended is not None:
        ended.finished = result
        raise ended
    return result


@contextmanager
def _open_frames(scenario: Scenario, folder: Path | None) -> Generator[FrameFiles | None]:
    if folder is None or scenario.metrics.keep == "memory":
        yield None
        return
    with closing(FrameFiles(folder)) as files:
        yield files


def _keep_in(config: WorkConfig, cache: Path | None) -> WorkSettings:
    return config.settings if cache is None else replace(config.settings, cache=cache)


def _let_run(world: World) -> KeyboardInterrupt | StrategyError | RunFailedError | None:
    """Let time pass; return the interrupt or the failure that ended it early."""
    try:
        with _plugins_blamed(lambda: f"the run failed after block {world.context.ledger.height}"):
            world.run()
    except (KeyboardInterrupt, StrategyError, RunFailedError) as error:
        return error
    return None


@contextmanager
def _plugins_blamed(what: str | Callable[[], str]) -> Generator[None]:
    """Turn an exception of a plug-in, which may be of any type, into one message; one for people stays as it is."""
    try:
        yield
    except (UserError, OSError, MemoryError):
        raise
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        told = f"{type(error).__name__}: {error}".removesuffix(": ")
        lead = what if isinstance(what, str) else what()
        raise RunFailedError(f"{lead}: {told} ({last.filename}, line {last.lineno})") from error


def _gather(
    scenario: Scenario,
    world: World,
    provenance: Mapping[str, Any],
    ended: BaseException | None,
    frames: Frames,
    started: float,
) -> Result:
    """Return the result of a run that has ended, as far as it came."""
    summary = summarise(frames, world.warnings)
    status = StudyStatus.FINISHED
    if ended is not None:
        status = StudyStatus.INTERRUPTED if isinstance(ended, KeyboardInterrupt) else StudyStatus.FAILED
    elif not world.is_complete:
        status = StudyStatus.HALTED
        last_seconds = max(frames["blocks"]["time_seconds"], default=0.0)
        summary["warnings"].append(
            f"the chain halted after block {world.context.ledger.height}, at {last_seconds:g} s, and was given up: "
            f"{world.why_halted}; epochs after it are missing"
        )
    cause = ended.__cause__ if isinstance(ended, RunFailedError) else None
    facts = {} if cause is None else {"error": str(ended), "traceback": traceback.format_exception(cause)}
    return Result(
        scenario,
        provenance={
            **{name: value for name, value in provenance.items() if name not in ("work", "network")},
            "status": status,
            "trace_hash": world.context.recorder.trace_hash,
            "outcome_hash": compute_outcome_hash(frames),
            "wall_seconds": round(time.perf_counter() - started, 3),
            **{name: provenance[name] for name in ("work", "network")},
            **facts,
        },
        summary=summary,
        frames=frames,
    )


def rehearse(scenario: Scenario) -> None:
    """Run at most two epochs and ask every strategy everything twice; raises StrategyError where answers differ."""
    short = scenario.model_copy(update={"epochs": min(scenario.epochs, REHEARSED_EPOCHS)})
    check_work(short.work)
    with works.build(short.work.kind).open(short.work.settings) as work, _plugins_blamed("the rehearsal failed"):
        build_world(short, work, lambda ended: None, is_rehearsed=True).run()
