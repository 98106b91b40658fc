"""`powsim diff`: where the decisions of two runs part first; and the check behind `powsim run --expect`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim.errors import ExitStatus, UserError

if TYPE_CHECKING:
    from sim.metrics.outcome import Parting
    from sim.results import Result

FEWEST_DIGITS = 8

Expected = Annotated[
    str | None,
    typer.Option("--expect", metavar="HASH", help="exit with 4 unless the outcome hash is, or begins with, this"),
]
First = Annotated[Path, typer.Argument(help="results folder of a run", show_default=False)]
Second = Annotated[Path, typer.Argument(help="results folder of another run", show_default=False)]


def diff(first: First, second: Second) -> None:
    """Tell where the decisions of two runs part first; exit status 4 if they do."""
    from sim.metrics.outcome import find_partings
    from sim.results import naming_damage
    from sim.terminal import make_console

    console = make_console()
    one, other = _load(first), _load(second)
    with naming_damage(first), naming_damage(second):
        partings = find_partings(one.frames, other.frames)
    if one.scenario_yaml != other.scenario_yaml:
        console.print("the two folders hold different scenarios", soft_wrap=True)
    if not partings:
        same = one.provenance.get("trace_hash") == other.provenance.get("trace_hash")
        more = "and so is every time and distance" if same else "times or distances differ"
        console.print(f"every decision is the same, {more}", soft_wrap=True)
        return
    for number, parting in enumerate(partings):
        lead = "decisions part first" if number == 0 else "then"
        console.print(f"{lead} {describe_parting(parting)}", soft_wrap=True)
    raise SystemExit(ExitStatus.DIFFERENT)


def describe_parting(parting: Parting) -> str:
    """Say where two runs part: by which height, in which epoch, at which host, in what."""
    place = f"by block {parting.height}"
    if "epoch" in parting.row:
        place += f", epoch {parting.row['epoch']}"
    if parting.host:
        place += f", {parting.host}"
    if "node_id" in parting.row:
        place += f", ML node {parting.row['node_id']}"
    if any(None in pair for pair in parting.columns.values()):
        return f"{place}: only one run has this row of {parting.frame}"
    changes = (f"{name} {one} and {other}" for name, (one, other) in parting.columns.items())
    return f"{place}: {parting.frame}, {', '.join(changes)}"


def _load(folder: Path) -> Result:
    from sim.metrics.outcome import DECISIONS
    from sim.results import load_result

    result = load_result(folder)
    missing = [name for name in (*DECISIONS, "difficulty") if name not in result.frames]
    if missing:
        raise UserError(f"{folder}: no {missing[0]}.parquet in it, so that its decisions cannot be compared")
    return result


def check_expected(expected: str | None) -> None:
    """Raise UserError for a text that begins no hash."""
    if expected is not None and not re.fullmatch(rf"[0-9a-f]{{{FEWEST_DIGITS},64}}", expected):
        raise UserError(
            f'--expect "{expected}": it must be {FEWEST_DIGITS} to 64 hexadecimal digits of an outcome hash'
        )


def compare_with_expected(result: Result, expected: str | None) -> None:
    """End with status 4 where the outcome is another one than was expected."""
    found = result.provenance["outcome_hash"]
    if expected is not None and not found.startswith(expected):
        typer.echo(f"the outcome hash is {found[: max(16, len(expected))]}, and --expect says {expected}", err=True)
        raise SystemExit(ExitStatus.DIFFERENT)
