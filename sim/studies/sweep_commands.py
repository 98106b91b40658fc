"""`powsim sweep`, and sweeps as a kind of study. Heavy modules are loaded where they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typing_extensions import override

from sim.errors import ExitStatus, Mistake
from sim.options import File, Out, Overrides, Resume, Workers
from sim.studies.kind import Kind

if TYPE_CHECKING:
    import pandas as pd

    from sim.execution.sweep_file import Sweep
    from sim.execution.table import SweepResult
    from sim.scenario.overrides import Overrides as Given

Scheduler = Annotated[str | None, typer.Option(metavar="ADDRESS", help="dask scheduler, e.g. tcp://node1:8786")]
SchedulerFile = Annotated[Path | None, typer.Option(metavar="FILE", help="file that the dask scheduler wrote")]
Slurm = Annotated[Path | None, typer.Option(metavar="FILE", help="start workers as SLURM jobs, options in FILE (YAML)")]
MOST_LOOKED_AT = 100  # points whose settings are looked at for doubts
DryRun = Annotated[bool, typer.Option("--dry-run", help="only check, count and time a few runs; nothing is written")]


def sweep(
    file: File,
    workers: Workers = None,
    scheduler: Scheduler = None,
    scheduler_file: SchedulerFile = None,
    slurm: Slurm = None,
    out: Out = None,
    resume: Resume = None,
    dry_run: DryRun = False,
    set_: Overrides = None,
) -> None:
    """Run every point of a sweep: progress, a table, and a results folder with one row a run."""
    from sim.execution.driver import run_sweep, try_sweep
    from sim.execution.where import WorkerChoice

    where = WorkerChoice(workers, scheduler, scheduler_file, slurm)
    if dry_run:
        from sim.studies.sweep_tables import print_pilot

        print_pilot(try_sweep(file, where, set_ or ()))
        return
    result = run_sweep(file, where, out=out, resume=resume, overrides=set_ or (), progress=True)

    summary = report_sweep(result)
    # Only now: modules that draw and print take a second to load, and workers should not wait for them.
    from sim.figures.sweep_report import select_headlines
    from sim.studies.sweep_tables import print_ends, print_failures, print_summary

    print_summary(select_headlines(summary), title=f"{result.name}: headlines that differ between points")
    print_ends(result)
    print_failures(result)
    if status := _find_status(set(result.runs["status"])):
        raise SystemExit(status)


def _find_status(ends: set[str]) -> ExitStatus:
    """A sweep of which no run finished has failed, or halted."""
    if "finished" in ends:
        return ExitStatus.DONE
    return ExitStatus.FAILED if "failed" in ends else ExitStatus.HALTED


def report_sweep(result: SweepResult) -> pd.DataFrame:
    """Write a sweep's figures and its page; return its estimates."""
    from sim.execution.table import shorten_mappings
    from sim.figures.sweep_report import write_sweep_report
    from sim.studies.compare import summarise_sweep

    summary = shorten_mappings(summarise_sweep(result), result.axes)
    write_sweep_report(result, summary)
    return summary


def find_sweep_warnings(sweep: Sweep, path: Path) -> list[Mistake]:
    """Settings of points that are valid and probably a mistake, each with the first point that has it."""
    from sim.scenario.schema import Scenario
    from sim.scenario.warnings import find_warnings

    found: dict[str, Mistake] = {}
    for number, point in enumerate(sweep.points[:MOST_LOOKED_AT]):
        for problem in find_warnings(Scenario.model_validate_json(point.scenario_json)):
            told = Mistake(str(path), None, None, f"point {number}", str(problem))
            found.setdefault(".".join(map(str, problem.loc)), told)
    return list(found.values())


class SweepKind(Kind["Sweep", "SweepResult"]):
    """A sweep: a scenario at many points, several runs each."""

    names, plural, keys = ("sweep",), "sweeps", ("sweep",)
    summary = "a sweep, many runs"
    commands = (("sweep", sweep),)

    @override
    def load(self, path: Path, overrides: Given = ()) -> Sweep:
        from sim.execution.sweep_file import load_sweep_file
        from sim.metrics.measures import run_measures

        return load_sweep_file(path, overrides, run_measures.names())

    @override
    def json_schema(self) -> dict[str, Any]:
        from sim.execution.sweep_schema import sweep_json_schema

        return sweep_json_schema()

    @override
    def describe(self, loaded: Sweep) -> str:
        return f"{len(loaded.points)} points, varied: {', '.join(loaded.axes)}"

    @override
    def locate_warnings(self, loaded: Sweep, path: Path, overrides: Given) -> Sequence[Mistake]:
        return find_sweep_warnings(loaded, path)

    @override
    def load_result(self, folder: Path) -> SweepResult:
        from sim.execution.table import load_sweep

        return load_sweep(folder)

    @override
    def report(self, result: SweepResult, folder: Path) -> pd.DataFrame:
        return report_sweep(result)
