"""`powsim run`, and scenarios as a kind of study. Heavy modules are loaded where they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typing_extensions import override

from sim.errors import Mistake
from sim.options import RESULTS, File, Out, Overrides, Seed
from sim.studies.kind import Kind

if TYPE_CHECKING:
    from sim.results import Result
    from sim.scenario import Scenario
    from sim.scenario.overrides import Overrides as Given


def run(file: File, seed: Seed = None, set_: Overrides = None, out: Out = None) -> None:
    """Run a scenario: progress, a table, and a results folder with frames, figures and a report."""
    from sim.figures.report import write_report
    from sim.figures.table import print_result
    from sim.runner import run_into_folder
    from sim.scenario import load_scenario, locate_doubts

    scenario = load_scenario(file, overrides=set_ or (), seed=seed)
    print_doubts(locate_doubts(scenario, file, set_ or ()))
    result, folder = run_into_folder(scenario, out=out, root=RESULTS, progress=True)
    write_report(result, folder)
    print_result(result, folder)


def print_doubts(doubts: Sequence[Mistake]) -> None:
    """Warn on standard error of settings that are valid and probably a mistake."""
    for doubt in doubts:
        typer.echo(f"warning: {doubt}", err=True)


class ScenarioKind(Kind["Scenario", "Result"]):
    """A scenario: one run."""

    names, plural, keys = ("scenario",), "scenarios", ()
    summary = "a scenario, one run"
    commands = (("run", run),)

    @override
    def load(self, path: Path, overrides: Given = ()) -> Scenario:
        from sim.scenario import load_scenario

        return load_scenario(path, overrides)

    @override
    def json_schema(self) -> dict[str, Any]:
        from sim.scenario import scenario_json_schema

        return scenario_json_schema()

    @override
    def describe(self, loaded: Scenario) -> str:
        n_hosts = sum(group.count for group in loaded.hosts)
        return f"{loaded.epochs} epochs, {n_hosts} hosts in {len(loaded.hosts)} groups"

    @override
    def locate_doubts(self, loaded: Scenario, path: Path, overrides: Given) -> Sequence[Mistake]:
        from sim.scenario import locate_doubts

        return locate_doubts(loaded, path, overrides)

    @override
    def is_folder(self, folder: Path) -> bool:
        from sim.results import SCENARIO_FILE

        return (folder / SCENARIO_FILE).is_file()

    @override
    def load_result(self, folder: Path) -> Result:
        from sim.results import load_result

        return load_result(folder)

    @override
    def report(self, result: Result, folder: Path) -> None:
        from sim.figures.report import write_report

        write_report(result, folder)
