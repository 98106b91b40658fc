"""`powsim lab`, and labs as a kind of study. Heavy modules are loaded where they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typing_extensions import override

from sim.errors import Mistake
from sim.options import RESULTS, File, Out, Overrides, Seed
from sim.studies.kind import Kind
from sim.studies.run_commands import print_warnings

if TYPE_CHECKING:
    from sim.race.lab_file import Lab
    from sim.scenario.overrides import Overrides as Given
    from sim.studies.lab import LabResult

RankBy = Annotated[str, typer.Option(metavar="MEASURE", help="measure that ranks the controllers")]
Baseline = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="controller from which differences are taken (default: the first)"),
]


def lab(
    file: File,
    seed: Seed = None,
    rank_by: RankBy = "tracking_error",
    baseline: Baseline = None,
    set_: Overrides = None,
    out: Out = None,
) -> None:
    """Race controllers against compute curves: a ranked table with paired intervals, and a results folder."""
    from sim.progress import show_steps
    from sim.race.lab_file import load_lab
    from sim.studies.lab import run_lab, tell_failed_races
    from sim.studies.lab_tables import TABLES, find_curves, print_answers, print_lengths
    from sim.studies.ranking_tables import print_ranking

    loaded = load_lab(file, set_ or (), seed)
    print_warnings(loaded.warnings)
    with show_steps(loaded.name, loaded.n_races) as report:
        result = run_lab(loaded, out=out, root=RESULTS, report=report, rank_by=rank_by, baseline=baseline)
    report_lab(result)
    print_ranking(result.rank(), name=result.name, profit_curves=find_curves(result.answers, "compute_swing"))
    print_lengths(result.answers)
    for line in tell_failed_races(result.answers):
        typer.echo(f"warning: {line}")
    for sign, table in TABLES.items():
        for curve in find_curves(result.answers, sign):
            print_answers(result.answers, curve, table.measures, title=f"{curve}: {table.title}")
    typer.echo(f"{loaded.n_races} races in {result.folder}; all measures in report.html and answers.parquet there")


def report_lab(result: LabResult) -> None:
    """Write a lab's figure and its page."""
    from sim.figures.lab_report import write_lab_report
    from sim.studies.lab_tables import find_curves
    from sim.studies.ranking_tables import describe_ranking, lay_out_ranks

    ranking = result.rank()
    notes = describe_ranking(ranking, find_curves(result.answers, "compute_swing"))
    write_lab_report(result.folder, result.name, lay_out_ranks(ranking), notes, result.answers, result.paths)


class LabKind(Kind["Lab", "LabResult"]):
    """A lab: races of controllers on curves of compute."""

    names, plural, keys = ("lab",), "labs", ("curves",)
    summary = "a lab, races of controllers"
    commands = (("lab", lab),)

    @override
    def load(self, path: Path, overrides: Given = ()) -> Lab:
        from sim.race.lab_file import load_lab

        return load_lab(path, overrides)

    @override
    def json_schema(self) -> dict[str, Any]:
        from sim.race.lab_file import lab_json_schema

        return lab_json_schema()

    @override
    def describe(self, loaded: Lab) -> str:
        return f"{len(loaded.controller_names)} controllers on {len(loaded.curve_names)} curves"

    @override
    def locate_warnings(self, loaded: Lab, path: Path, overrides: Given) -> Sequence[Mistake]:
        return loaded.warnings

    @override
    def load_result(self, folder: Path) -> LabResult:
        from sim.studies.lab import load_lab_result

        return load_lab_result(folder)

    @override
    def report(self, result: LabResult, folder: Path) -> None:
        report_lab(result)
