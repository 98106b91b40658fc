"""`powsim compare`: which differences between variants are more than chance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim.errors import UserError

if TYPE_CHECKING:
    from sim.execution.table import SweepResult

Folder = Annotated[Path, typer.Argument(help="results folder of a sweep", show_default=False)]
Other = Annotated[Path | None, typer.Argument(help="second sweep over the same points", show_default=False)]
Baseline = Annotated[int | None, typer.Option(help="with one folder: point that the others are compared with", min=0)]
Measures = Annotated[list[str] | None, typer.Option("--measure", help="only this measure; repeatable")]
Common = Annotated[bool, typer.Option("--common", help="leave out points and replications that only one side has")]
Level = Annotated[float, typer.Option(help="level of the intervals", min=0.5, max=0.999999)]
Csv = Annotated[Path | None, typer.Option(help="write the whole table to this file as well")]


def compare(
    folder: Folder,
    other: Other = None,
    baseline: Baseline = None,
    measure: Measures = None,
    common: Common = False,
    level: Level = 0.95,
    csv: Csv = None,
) -> None:
    """Print paired differences with their intervals: of two sweeps, or of one sweep's points from a baseline point."""
    from sim.execution.table import shorten_mappings
    from sim.files.writing import replace_file
    from sim.results import naming_damage
    from sim.studies.compare import compare as compare_sweeps
    from sim.studies.compare import compare_points
    from sim.studies.sweep_tables import print_comparison, print_ends

    if other is not None and baseline is not None:
        raise UserError("--baseline names a point of one sweep: it goes with one folder, not with two")
    sweeps = [_open(each) for each in (folder, other) if each is not None]
    sweep = sweeps[0]
    if other is None:
        with naming_damage(folder):
            found = compare_points(sweep, baseline, measures=measure, common=common, level=level)
        title = f"{folder}: differences from {'its first point' if baseline is None else f'point {baseline}'}"
    else:
        with naming_damage(folder), naming_damage(other):
            found = compare_sweeps(*sweeps, measures=measure, common=common, level=level)
        title = f"{other} - {folder}"
    if csv is not None:
        replace_file(csv, lambda stream: stream.write(found.to_csv(index=False).encode("utf-8")))
    for each in sweeps:
        print_ends(each)
    print_comparison(shorten_mappings(found, sweep.axes), title=title)


def _open(folder: Path) -> SweepResult:
    """Load a finished sweep; it is named by its folder, for two sweeps of one file have one name."""
    from sim.execution.table import load_sweep

    found = load_sweep(folder)
    if not found.is_finished:
        raise UserError(f"{folder}: the sweep is not finished; `powsim sweep FILE --resume {folder}` does the rest")
    return replace(found, name=str(folder))
