"""`powsim lab`: one call per step, no logic. Heavy modules are loaded by the command that needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sim.options import RESULTS, File, Out, Overrides, Seed

if TYPE_CHECKING:
    from sim.studies.lab import LabResult

RankBy = Annotated[str, typer.Option(metavar="MEASURE", help="measure that ranks the controllers; smaller is better")]


def lab(
    file: File, seed: Seed = None, rank_by: RankBy = "tracking_error", set_: Overrides = None, out: Out = None
) -> None:
    """Race controllers against compute curves: a ranked table with paired intervals, and a results folder."""
    from sim.progress import show_steps
    from sim.race.lab_file import load_lab
    from sim.studies.lab import check_rank_by, rank, run_lab
    from sim.studies.lab_tables import TABLES, find_curves, print_answers, print_ranking

    check_rank_by(rank_by)
    loaded = load_lab(file, set_ or (), seed)
    n_races = len(loaded.curve_names) * len(loaded.controller_names)
    with show_steps(loaded.name, n_races) as report:
        result = run_lab(loaded, out=out, root=RESULTS, report=report, rank_by=rank_by)
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
