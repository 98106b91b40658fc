"""`powsim tune`: one call per step, no logic. Heavy modules are loaded by the command that needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sim.options import RESULTS, File, Out, Overrides, Resume, Seed, Workers

if TYPE_CHECKING:
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
