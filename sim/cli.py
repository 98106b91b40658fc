"""The command `powsim`: one call per command, no logic. Heavy modules are loaded by the command that needs them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from sim import kernel_commands
from sim.errors import UserError, did_you_mean
from sim.options import File, Overrides
from sim.studies import compare_commands, diff_commands
from sim.studies.kinds import KINDS, AnyKind, add_commands, load_any, load_any_result, with_kind_flags
from sim.studies.run_commands import print_warnings

INTERRUPTED = 130
PLUG_INS = ("controllers", "curves", "prices", "strategies", "schemes", "works", "measures", "topologies", "gpus")

app = typer.Typer(
    help="Simulate a whole decentralized proof-of-work network whose work is an AI computation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(kernel_commands.app, name="kernel")
add_commands(app)
app.command()(compare_commands.compare)
app.command()(diff_commands.diff)


@app.command()
@with_kind_flags
def check(
    file: File,
    set_: Overrides = None,
    strategies: Annotated[
        bool, typer.Option("--strategies", help="run two epochs, asking every strategy everything twice")
    ] = False,
    kind: AnyKind | None = None,
) -> None:
    """Check a file of any kind without running it; prints every mistake with its place."""
    from sim.terminal import make_console

    kind, loaded = load_any(file, set_ or (), kind)
    make_console().print(f"{file}: fine: {loaded.name}, {kind.describe(loaded)}", soft_wrap=True)
    print_warnings(kind.locate_warnings(loaded, file, set_ or ()))
    if strategies:
        _check_strategies(loaded)


def _check_strategies(scenario: object) -> None:
    from sim.runner import rehearse
    from sim.scenario.schema import Scenario

    if not isinstance(scenario, Scenario):
        raise UserError("--strategies: only a scenario has strategies to check")
    rehearse(scenario)
    typer.echo("strategies: every answer in two epochs was the same when it was asked for again")


@app.command()
@with_kind_flags
def schema(kind: AnyKind | None = None) -> None:
    """Print the JSON Schema of scenario files, or of another kind of file (for editors)."""
    import json

    typer.echo(json.dumps((kind or KINDS[-1]).json_schema(), indent=2))


NAMES = (*PLUG_INS, "stacks", *(kind.plural for kind in reversed(KINDS)))


@app.command(name="list")
def list_(
    names: Annotated[list[str] | None, typer.Argument(help=f"{', '.join(NAMES)} (default: everything)")] = None,
) -> None:
    """List plug-ins (controllers, curves, ...) and the files of every kind that come with powsim."""
    from sim.studies.listing import print_listing

    wanted = names or NAMES
    for name in wanted:
        if name not in NAMES:
            raise UserError(f'no list of "{name}".{did_you_mean(name, NAMES)}')
    for name in wanted:
        print_listing(name)


@app.command()
def report(folder: Annotated[Path, typer.Argument(help="results folder", show_default=False)]) -> None:
    """Draw the figures and the HTML report of a results folder of any kind again."""
    kind, result = load_any_result(folder)
    kind.report(result, folder)
    typer.echo(folder / "report.html")


@app.command()
def theory(
    quick: Annotated[bool, typer.Option("--quick", help="smaller samples: seconds instead of a minute")] = False,
) -> None:
    """Hold the simulator against theory and published tables; exit status 1 if a row fails."""
    from sim.theory.rows import compute_rows
    from sim.theory.table import print_theory

    if not print_theory(compute_rows(quick=quick)):
        raise SystemExit(1)


def main() -> None:
    """Run the command; turn the user's mistakes into one message and exit status 2."""
    try:
        app(standalone_mode=True)
    except UserError as error:
        typer.echo(str(error), err=True)
        sys.exit(error.exit_status)
    except OSError as error:  # a full disk, a folder that is gone: the program failed, but not by a defect
        typer.echo(f"powsim: {error}", err=True)
        sys.exit(1)
    except SystemExit as ended:  # typer's word for Ctrl-C, and for every other end
        if ended.code == INTERRUPTED:
            typer.echo("interrupted; what was finished is in the results folder", err=True)
        raise


if __name__ == "__main__":
    main()
