"""`powsim tune`, and searches as a kind of study. Heavy modules are loaded where they are needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typing_extensions import override

from sim.options import RESULTS, File, Out, Overrides, Resume, Seed, Workers
from sim.studies.kind import Kind

if TYPE_CHECKING:
    from sim.race.tune_file import Tune
    from sim.scenario.overrides import Overrides as Given
    from sim.studies.tune import TuneResult

Trials = Annotated[int | None, typer.Option(help="points to try instead of the file's number", min=1)]


def tune(
    file: File,
    trials: Trials = None,
    seed: Seed = None,
    workers: Workers = None,
    out: Out = None,
    resume: Resume = None,
    set_: Overrides = None,
) -> None:
    """Search a controller's parameters for an objective: the winner on fresh random numbers, and a results folder."""
    from pow.devices import get_n_cpus
    from sim.progress import show_steps
    from sim.race.tune_file import load_tune
    from sim.studies.points import KNOWN_MEASURES
    from sim.studies.tune import count_points, run_tune
    from sim.studies.tune_tables import print_tune

    overrides = [*(set_ or ()), *([] if trials is None else [f"trials={trials}"])]
    loaded = load_tune(file, KNOWN_MEASURES, overrides, seed)
    with show_steps(loaded.name, count_points(loaded)) as report:
        result = run_tune(
            loaded, out=out, root=RESULTS, n_workers=workers or get_n_cpus(), report=report, resume=resume
        )
    report_tune(result)
    print_tune(result)


def report_tune(result: TuneResult) -> None:
    """Write a search's figures and its page."""
    from sim.figures.tune_report import write_tune_report

    write_tune_report(result.folder, result.summary, result.tables)


class SearchKind(Kind["Tune", "TuneResult"]):
    """A search: the parameters of a controller that serve an objective best."""

    names, plural, keys = ("search", "tune"), "searches", ("objective",)
    summary = "a search for parameters"
    commands = (("tune", tune),)

    @override
    def load(self, path: Path, overrides: Given = ()) -> Tune:
        from sim.race.tune_file import load_tune
        from sim.studies.points import KNOWN_MEASURES

        return load_tune(path, KNOWN_MEASURES, overrides)

    @override
    def json_schema(self) -> dict[str, Any]:
        from sim.race.tune_file import tune_json_schema

        return tune_json_schema()

    @override
    def describe(self, loaded: Tune) -> str:
        return f"{loaded.config.trials} trials of {loaded.kind}, varied: {', '.join(loaded.config.parameters)}"

    @override
    def is_folder(self, folder: Path) -> bool:
        from sim.studies.tune import TUNE_FILE

        return (folder / TUNE_FILE).is_file()

    @override
    def load_result(self, folder: Path) -> TuneResult:
        from sim.studies.tune import load_tune_result

        return load_tune_result(folder)

    @override
    def report(self, result: TuneResult, folder: Path) -> None:
        report_tune(result)
