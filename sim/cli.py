"""The command `powsim`: one call per command, no logic. Heavy modules are loaded by the command that needs them."""

from __future__ import annotations

import errno
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from sim import kernel_commands
from sim.errors import ExitStatus, UserError, did_you_mean, shorten
from sim.interrupts import finishing, receiving, tell_interrupt
from sim.options import File, Overrides
from sim.studies import compare_commands, detect_commands, diff_commands, verify_commands
from sim.studies.kinds import KINDS, AnyKind, add_commands, load_any, load_any_result, with_kind_flags
from sim.studies.run_commands import print_warnings
from sim.terminal import HEARTBEAT, replace_unknown_signs

INTERRUPTED = 130  # typer's own
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
app.command()(verify_commands.verify)
app.command()(detect_commands.detect)


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
    from sim.documents.yaml_tree import read_once
    from sim.process import COLLECTOR
    from sim.terminal import make_console

    with read_once(), COLLECTOR.held():
        kind, loaded = load_any(file, set_ or (), kind)
        warnings = kind.locate_warnings(loaded, file, set_ or ())
    make_console().print(f"{file}: fine: {loaded.name}, {kind.describe(loaded)}", soft_wrap=True)
    print_warnings(warnings)
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
    from sim.results import naming_damage

    kind, result = load_any_result(folder)
    with naming_damage(folder):
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
    replace_unknown_signs()
    command = " ".join(["powsim", *sys.argv[1:2]])
    with receiving() as received, HEARTBEAT.running(lambda seconds: f"{command}: at work for {seconds:.0f} s"):
        try:
            app(standalone_mode=True)
        except UserError as error:
            sys.exit(_say(str(error), error.exit_status))
        except MemoryError as error:
            sys.exit(_say(f"powsim: not enough memory: {error}".removesuffix(": "), ExitStatus.FAILED))
        except OSError as error:  # a full disk, a folder that is gone: the program failed, but not by a defect
            is_input = error.errno in (errno.ENAMETOOLONG, errno.ELOOP)
            sys.exit(_say(f"powsim: {error}", ExitStatus.INPUT if is_input else ExitStatus.FAILED))
        except KeyboardInterrupt as interrupt:
            received.rest()
            sys.exit(_say(tell_interrupt(interrupt), received.exit_status))
        except SystemExit as ended:  # typer's word for an interrupt, and for every other end
            if ended.code == INTERRUPTED:
                received.rest()
                sys.exit(_say(tell_interrupt(ended), received.exit_status))
            raise


def _say(text: str, status: int) -> int:
    with finishing(), suppress(OSError):  # the terminal may be gone
        typer.echo("\n".join(map(shorten, text.splitlines())), err=True)
    return int(status)


if __name__ == "__main__":
    main()
