"""`powsim run`, and scenarios as a kind of study. Heavy modules are loaded where they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typing_extensions import override

from sim.errors import ExitStatus, Mistake, ScenarioError, UserError
from sim.options import RESULTS, OptionalFile, Out, Overrides, Resume, Seed
from sim.studies.diff_commands import Expected, check_expected, compare_with_expected
from sim.studies.kind import Kind

if TYPE_CHECKING:
    from sim.results import Result
    from sim.scenario.overrides import Overrides as Given
    from sim.scenario.schema import Scenario


Point = Annotated[int | None, typer.Option(help="FILE is a sweep: do one run of this point, as the sweep does it")]
Replication = Annotated[int | None, typer.Option(help="which run of the point (default: 0)")]


def run(
    file: OptionalFile = None,
    seed: Seed = None,
    point: Point = None,
    replication: Replication = None,
    set_: Overrides = None,
    out: Out = None,
    resume: Resume = None,
    expect: Expected = None,
) -> None:
    """Run a scenario: progress, a table, a results folder with a report; exit status 3 where its chain halts."""
    from sim.figures.report import write_report
    from sim.figures.table import print_result
    from sim.results import StudyStatus
    from sim.runner import resume_run, run_into_folder

    check_expected(expect)
    if out is not None and resume is not None:
        raise UserError("--out begins a run and --resume goes on with one: choose one of them")
    if file is None and (resume is None or seed is not None or set_ or point is not None or replication is not None):
        raise UserError("no FILE: only `powsim run --resume FOLDER` needs none, and then changes nothing")
    scenario = None if file is None else _load(file, point, replication, seed, set_)
    if resume is not None:
        result, folder = resume_run(resume, scenario, progress=True), resume
    else:
        assert scenario is not None
        result, folder = run_into_folder(scenario, out=out, root=RESULTS, progress=True)
    write_report(result, folder)
    print_result(result, folder)
    compare_with_expected(result, expect)
    if result.provenance["status"] == StudyStatus.HALTED:
        raise SystemExit(ExitStatus.HALTED)


def _load(file: Path, point: int | None, replication: int | None, seed: int | None, set_: list[str] | None) -> Scenario:
    from sim.scenario.load import load_scenario
    from sim.scenario.warnings import locate_warnings

    if point is not None or replication is not None:
        return _load_point(file, point, replication or 0, seed, set_)
    scenario = load_scenario(file, overrides=set_ or (), seed=seed)
    print_warnings(locate_warnings(scenario, file, set_ or ()))
    return scenario


def _load_point(file: Path, point: int | None, replication: int, seed: int | None, set_: list[str] | None) -> Scenario:
    from sim.execution.driver import load_point

    if point is None:
        raise UserError("--replication names a run of a sweep's point: it goes with --point")
    if seed is not None:
        raise UserError("--seed does not go with --point: the sweep's seed and --replication decide on the seed")
    try:
        return load_point(file, point, replication, set_ or ())
    except ScenarioError as error:
        raise UserError(str(error)) from None  # shown as it is, without the advice that another command runs sweeps


def print_warnings(warnings: Sequence[Mistake]) -> None:
    """Warn on standard error of settings that are valid and probably a mistake."""
    for warning in warnings:
        typer.echo(f"warning: {warning}", err=True)


class ScenarioKind(Kind["Scenario", "Result"]):
    """A scenario: one run."""

    names, plural, keys = ("scenario",), "scenarios", ()
    summary = "a scenario, one run"
    commands = (("run", run),)

    @override
    def load(self, path: Path, overrides: Given = ()) -> Scenario:
        from sim.scenario.load import load_scenario

        return load_scenario(path, overrides)

    @override
    def json_schema(self) -> dict[str, Any]:
        from sim.scenario.load import scenario_json_schema

        return scenario_json_schema()

    @override
    def describe(self, loaded: Scenario) -> str:
        n_hosts = sum(group.count for group in loaded.hosts)
        return f"{loaded.epochs} epochs, {n_hosts} hosts in {len(loaded.hosts)} groups"

    @override
    def locate_warnings(self, loaded: Scenario, path: Path, overrides: Given) -> Sequence[Mistake]:
        from sim.scenario.warnings import locate_warnings

        return locate_warnings(loaded, path, overrides)

    @override
    def load_result(self, folder: Path) -> Result:
        from sim.results import SUMMARY_FILE, load_result

        found = load_result(folder)
        if not found.summary:
            status = found.provenance.get("status", "unknown")
            why = "it goes on, or was killed before it was saved" if status == "running" else f"its status is {status}"
            raise UserError(f"{folder}: no {SUMMARY_FILE} in it: the run left no frames; {why}")
        return found

    @override
    def report(self, result: Result, folder: Path) -> None:
        from sim.figures.report import write_report

        write_report(result, folder)
