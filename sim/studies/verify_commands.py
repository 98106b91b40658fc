"""`powsim verify`: which files of a results folder are as they were written, and whether the run gives them again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.errors import ExitStatus, UserError

if TYPE_CHECKING:
    from sim.results import Result

Folder = Annotated[Path, typer.Argument(help="results folder of any kind", show_default=False)]
Again = Annotated[bool, typer.Option("--again", help="run a finished run again, and compare its decisions as well")]
DRAWN = (".html", ".png")


@dataclass(frozen=True)
class Finding:
    """One file, or one line of a journal; `trouble` is empty where it is as it was written."""

    what: str
    trouble: str = ""


def verify(folder: Folder, again: Again = False) -> None:
    """Tell which files of a results folder are intact; exit status 4 if one is not."""
    from sim.results import read_provenance
    from sim.terminal import make_console

    console = make_console()
    made = read_provenance(folder)
    found = list(find_all(folder, made))
    damaged = [each for each in found if each.trouble]
    for each in damaged:
        console.print(each.trouble, soft_wrap=True)
    intact = len(found) - len(damaged)
    console.print(f"{folder} ({made.get('status', 'unknown')}): {intact} of {len(found)} intact", soft_wrap=True)
    for line in _list_uncovered(folder, found):
        console.print(line, soft_wrap=True)
    if damaged:
        raise SystemExit(ExitStatus.DIFFERENT)
    if again:
        _run_again(folder, made, console)


def find_all(folder: Path, made: dict[str, Any]) -> Iterator[Finding]:
    """Yield a finding for each file that the provenance lists, and for each line of a journal; raises UserError where
    there is no checksum at all.
    """
    from sim.execution.store import JOURNAL, read_damage
    from sim.files.sums import FILES, check_file

    if FILES not in made:
        raise UserError(f"{folder}: its provenance has no checksums: an older version of powsim made it")
    yield Finding("provenance.json")
    for name in made[FILES]:
        yield _look(name, lambda name=name: check_file(folder, name, made[FILES]))
    if (folder / JOURNAL).is_dir():
        for what, trouble in read_damage(folder):
            yield Finding(what, trouble)


def _look(name: str, check: Any) -> Finding:
    from sim.files.gate import FileError

    try:
        check()
    except FileError as error:
        return Finding(name, str(error))
    return Finding(name)


def _list_uncovered(folder: Path, found: list[Finding]) -> Iterator[str]:
    """Tell of files without a checksum: pages and figures, data that a killed program left, and those of others."""
    known = {each.what for each in found}
    files = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if not file.is_dir()}
    others = sorted(name for name in files - known if not name.startswith((".", "journal/")))
    drawn = [name for name in others if name.endswith(DRAWN)]
    if drawn:
        yield f"{len(drawn)} pages and figures have no checksum; `powsim report` draws them again"
    for name in others:
        if name not in drawn:
            yield f"{folder / name}: has no checksum"


def _run_again(folder: Path, made: dict[str, Any], console: Any) -> None:
    """Run the folder's scenario once more and compare; ends with status 4 where a decision differs."""
    from sim.metrics.outcome import find_partings
    from sim.results import StudyStatus, load_result
    from sim.runner import check_work, simulate
    from sim.scenario.load import parse_scenario
    from sim.studies.diff_commands import describe_parting

    if made.get("status") not in (StudyStatus.FINISHED, StudyStatus.HALTED) or "outcome_hash" not in made:
        raise UserError(f"{folder}: --again: only a run that came to its end can be run again and compared")
    before = load_result(folder)
    scenario = parse_scenario(before.scenario_yaml, str(folder / "scenario.yaml"))
    check_work(scenario.work)
    after = simulate(scenario, before.provenance, _get_progress())
    if after.provenance["outcome_hash"] != before.provenance["outcome_hash"]:
        partings = find_partings(before.frames, after.frames)
        told = describe_parting(partings[0]) if partings else "the frames agree, the outcome hash does not"
        console.print(f"the run was done again and decides otherwise: {told}", soft_wrap=True)
        raise SystemExit(ExitStatus.DIFFERENT)
    console.print(_tell_agreement(before, after), soft_wrap=True)


def _get_progress() -> Any:
    from sim.progress import terminal_progress

    return terminal_progress


def _tell_agreement(before: Result, after: Result) -> str:
    if before.provenance["trace_hash"] == after.provenance["trace_hash"]:
        return "the run was done again: every decision, time and distance is the same"
    return "the run was done again: every decision is the same; times or distances differ, as between machines"
