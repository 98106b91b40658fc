"""`powsim lab`: one call per step, no logic. Heavy modules are loaded by the command that needs them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sim.studies.lab import LabResult

File = Annotated[Path, typer.Argument(help="lab file (YAML): controllers and curves", show_default=False)]
Seed = Annotated[int | None, typer.Option(help="random seed instead of the file's", min=0)]
RankBy = Annotated[str, typer.Option(metavar="MEASURE", help="measure that ranks the controllers; smaller is better")]
Out = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="results folder (default: results/<name>/<time>-<hash>)")
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="change one key, e.g. --set replications=8")
]


def lab(
    file: File, seed: Seed = None, rank_by: RankBy = "tracking_error", set_: Overrides = None, out: Out = None
) -> None:
    """Race controllers against compute curves: a ranked table with paired intervals, and a results folder."""
    from sim.progress import show_steps
    from sim.scenario.lab import load_lab
    from sim.studies.lab import check_rank_by, rank, run_lab
    from sim.studies.lab_tables import TABLES, find_curves, print_answers, print_ranking

    check_rank_by(rank_by)
    loaded = load_lab(file, set_ or (), seed)
    n_races = len(loaded.curve_names) * len(loaded.controller_names)
    with show_steps(loaded.name, n_races) as report:
        result = run_lab(loaded, out=out, root=Path("results"), report=report, rank_by=rank_by)
    report_lab(result)
    ranked = rank(result.races, rank_by)
    print_ranking(ranked, loaded.controller_names[0], title=f"{result.name}: {rank_by}, best first")
    for sign, table in TABLES.items():
        for curve in find_curves(result.answers, sign):
            print_answers(result.answers, curve, table.measures, title=f"{curve}: {table.title}")
    typer.echo(f"{n_races} races in {result.folder}; all measures in report.html and answers.parquet there")


def report_lab(result: LabResult) -> None:
    """Write a lab's figure and its page."""
    from sim.figures.lab_report import write_lab_report
    from sim.studies.lab import rank

    ranked = rank(result.races, result.rank_by)
    write_lab_report(result.folder, result.name, ranked, result.answers, result.paths)
