"""The command `powsim`: one call per command, no logic. Heavy modules are loaded by the command that needs them."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sim import kernel_commands
from sim.errors import UserError
from sim.options import RESULTS, File, Out, Overrides, Seed
from sim.studies import compare_commands, lab_commands, search_commands, sweep_commands

USER_ERROR, INTERRUPTED = 2, 130

app = typer.Typer(
    help="Simulate a whole decentralized proof-of-work network whose work is an AI computation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(kernel_commands.app, name="kernel")
AsSweep = Annotated[bool, typer.Option("--sweep", help="sweep files")]
AsLab = Annotated[bool, typer.Option("--lab", help="lab files, whatever the file looks like")]
AsTune = Annotated[bool, typer.Option("--tune", help="tune files, whatever the file looks like")]


class Kind(StrEnum):
    """What `powsim list` can list."""

    CONTROLLERS = "controllers"
    CURVES = "curves"
    PRICES = "prices"
    STRATEGIES = "strategies"
    MEASURES = "measures"
    TOPOLOGIES = "topologies"
    GPUS = "gpus"
    SCENARIOS = "scenarios"


@app.command()
def run(file: File, seed: Seed = None, set_: Overrides = None, out: Out = None) -> None:
    """Run a scenario: progress, a table, and a results folder with frames, figures and a report."""
    from sim.figures.report import write_report
    from sim.figures.table import print_result
    from sim.runner import run_into_folder
    from sim.scenario import load_scenario

    scenario = load_scenario(file, overrides=set_ or (), seed=seed)
    _tell_doubts(scenario, file, set_)
    result, folder = run_into_folder(scenario, out=out, root=RESULTS, progress=True)
    write_report(result, folder)
    print_result(result, folder)


@app.command()
def check(file: File, set_: Overrides = None, lab: AsLab = False, tune: AsTune = False) -> None:
    """Check a scenario, sweep, lab or tune file without running it; prints every mistake with its place."""
    from sim.studies.files import choose_kind, load_any, print_checked

    found = load_any(file, set_ or (), choose_kind(lab=lab, tune=tune))
    print_checked(found, file)
    _tell_doubts(found, file, set_)


def _tell_doubts(found: object, file: Path, set_: list[str] | None) -> None:
    """Say once what is allowed and yet hardly meant."""
    from sim.scenario import Scenario, locate_doubts

    if isinstance(found, Scenario):
        for doubt in locate_doubts(found, file, set_ or ()):
            typer.echo(f"warning: {doubt}", err=True)


@app.command()
def schema(sweep: AsSweep = False, lab: AsLab = False, tune: AsTune = False) -> None:
    """Print the JSON Schema of scenario files, or of another kind of file (for editors)."""
    import json

    from sim.studies.files import FileKind, choose_kind, get_json_schema

    kind = choose_kind(sweep=sweep, lab=lab, tune=tune) or FileKind.SCENARIO
    typer.echo(json.dumps(get_json_schema(kind), indent=2))


@app.command(name="list")
def list_(kind: Annotated[Kind | None, typer.Argument(help="what to list (default: everything)")] = None) -> None:
    """List controllers, compute curves, prices, strategies, measures, topologies, GPU profiles and scenarios."""
    from sim.studies.listing import print_listing

    for each in Kind if kind is None else [kind]:
        print_listing(each.value)


@app.command()
def report(folder: Annotated[Path, typer.Argument(help="results folder", show_default=False)]) -> None:
    """Draw the figures and the HTML report of a results folder again: of a run, a sweep, a lab or a search."""
    from sim.execution.table import is_sweep_folder, load_sweep
    from sim.figures.report import write_report
    from sim.results import load_result
    from sim.studies.lab import is_lab_folder, load_lab_result
    from sim.studies.tune import is_tune_folder, load_tune_result

    if is_sweep_folder(folder):
        sweep_commands.report_sweep(load_sweep(folder))
    elif is_lab_folder(folder):
        lab_commands.report_lab(load_lab_result(folder))
    elif is_tune_folder(folder):
        search_commands.report_tune(load_tune_result(folder))
    else:
        write_report(load_result(folder), folder)
    typer.echo(folder / "report.html")


app.command()(sweep_commands.sweep)
app.command()(compare_commands.compare)
app.command()(lab_commands.lab)
app.command()(search_commands.tune)


@app.command()
def theory(
    quick: Annotated[bool, typer.Option("--quick", help="smaller samples: seconds instead of a minute")] = False,
) -> None:
    """Hold the simulator against theory and published tables; exit status 1 if a row fails."""
    from sim.theory import compute_rows
    from sim.theory.table import print_theory

    if not print_theory(compute_rows(quick=quick)):
        raise SystemExit(1)


def main() -> None:
    """Run the command; turn what the user got wrong into one message and exit status 2."""
    try:
        app(standalone_mode=True)
    except UserError as error:
        typer.echo(str(error), err=True)
        sys.exit(USER_ERROR)
    except OSError as error:  # a full disk, a folder that is gone: the program failed, but not by a defect
        typer.echo(f"powsim: {error}", err=True)
        sys.exit(1)
    except SystemExit as ended:  # typer's word for Ctrl-C, and for every other end
        if ended.code == INTERRUPTED:
            typer.echo("interrupted; what was finished is in the results folder", err=True)
        raise


if __name__ == "__main__":
    main()
