"""One scenario -> one result: builds the world, lets it run, turns its records into frames."""

from __future__ import annotations

import gc
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sim.files.writing import write_text
from sim.metrics.frames import build_frames
from sim.metrics.outcome import compute_outcome_hash
from sim.metrics.summary import summarise
from sim.nodes.agent import StrategyError
from sim.progress import Progress, no_progress, terminal_progress
from sim.provenance import get_provenance
from sim.results import SCENARIO_FILE, Result, StudyStatus, keep_status, open_folder
from sim.scenario.load import Source, dump_scenario, load_scenario
from sim.scenario.schema import Scenario, WorkConfig
from sim.work import works
from sim.world import build_world

REHEARSED_EPOCHS = 2
RARE_COLLECTIONS = (200_000, 50, 100)
"""New objects before the young ones are looked through, such looks before the middle-aged, those before all."""


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
    with open_folder(scenario.name, text, out, root) as held:
        folder, provenance = held.folder, get_provenance(scenario.seed)
        write_text(folder / SCENARIO_FILE, text)
        with keep_status(folder, provenance, SCENARIO_FILE) as facts:
            try:
                result = simulate(scenario, provenance, terminal_progress if progress else no_progress)
            except (Interrupted, StrategyError) as stop:
                stop.finished.save(folder)
                facts.update(stop.finished.provenance)
                raise
            result.save(folder)
            facts.update(result.provenance)
    return result, folder


class Interrupted(KeyboardInterrupt):
    """Ctrl-C: carries the result of the finished part."""

    def __init__(self, finished: Result) -> None:
        super().__init__("interrupted")
        self.finished = finished


def check_work(config: WorkConfig) -> None:
    """Raise UserError where this machine cannot compute the model, before anything is written."""
    works.build(config.kind).check(config.settings)


@contextmanager
def _collect_rarely() -> Generator[None]:
    """Look for unreachable cycles rarely: a run makes few, and looking for them in all it holds takes 7 % and more."""
    before = gc.get_threshold()
    gc.set_threshold(*RARE_COLLECTIONS)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def simulate(scenario: Scenario, provenance: Mapping[str, Any], progress: Progress) -> Result:
    """Run a loaded scenario; `Interrupted` on Ctrl-C and `StrategyError` carry the finished part."""
    started = time.perf_counter()
    with (
        _collect_rarely(),
        works.build(scenario.work.kind).open(scenario.work.settings) as work,
        progress(scenario) as report,
    ):
        world = build_world(scenario, work, lambda ended: report(ended, world.context.recorder))
        status, failure = StudyStatus.FINISHED, None
        try:
            world.run()
        except KeyboardInterrupt:
            status = StudyStatus.INTERRUPTED
        except StrategyError as error:
            status, failure = StudyStatus.FAILED, error
        frames = build_frames(world.context.recorder)
        summary = summarise(frames, world.warnings)
        if status is StudyStatus.FINISHED and not world.is_complete:
            status = StudyStatus.HALTED
            summary["warnings"].append(
                f"the chain halted for good after block {world.context.ledger.height}, at "
                f"{max(frames['blocks']['time_seconds'], default=0.0):g} s; epochs after it are missing"
            )
        result = Result(
            scenario,
            provenance={
                **provenance,
                "status": status,
                "trace_hash": world.context.recorder.trace_hash,
                "outcome_hash": compute_outcome_hash(frames),
                "wall_seconds": round(time.perf_counter() - started, 3),
                "work": work.describe(),
                "network": world.network_facts,
            },
            summary=summary,
            frames=frames,
        )
    if status is StudyStatus.INTERRUPTED:
        raise Interrupted(result)
    if failure is not None:
        failure.finished = result
        raise failure
    return result


def rehearse(scenario: Scenario) -> None:
    """Run at most two epochs and ask every strategy everything twice; raises StrategyError where answers differ."""
    short = scenario.model_copy(update={"epochs": min(scenario.epochs, REHEARSED_EPOCHS)})
    check_work(short.work)
    with works.build(short.work.kind).open(short.work.settings) as work:
        build_world(short, work, lambda ended: None, is_rehearsed=True).run()
