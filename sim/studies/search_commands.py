"""`powsim search`, `powsim tune`, and searches as a kind of study. Heavy modules are loaded where they are needed."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typing_extensions import override

from sim.errors import Mistake, UserError
from sim.options import RESULTS, File, Out, Overrides, Resume, Seed, Workers
from sim.studies.kind import Kind
from sim.studies.run_commands import print_warnings

if TYPE_CHECKING:
    from sim.scenario.overrides import Overrides as Given
    from sim.studies.search import SearchResult
    from sim.studies.search_file import Search

Trials = Annotated[int | None, typer.Option(help="points to try instead of the file's number", min=1)]


def search(
    file: File,
    trials: Trials = None,
    seed: Seed = None,
    workers: Workers = None,
    out: Out = None,
    resume: Resume = None,
    set_: Overrides = None,
) -> None:
    """Search the keys of a scenario or of a lab for an objective: the winner on fresh random numbers, and a folder."""
    from pow.devices import get_n_cpus
    from sim.progress import show_steps
    from sim.studies.search import count_steps, run_search
    from sim.studies.search_file import load_search
    from sim.studies.search_tables import print_search

    if out is not None and resume is not None:
        raise UserError("--out begins a search and --resume goes on with one: choose one of them")
    loaded = load_search(file, set_ or (), seed, trials)
    print_warnings(loaded.subject.warnings)
    n_workers = get_n_cpus() if workers is None else workers
    with show_steps(loaded.name, count_steps(loaded)) as report:
        result = run_search(loaded, out=out, root=RESULTS, n_workers=n_workers, report=report, resume=resume)
    report_search(result)
    print_search(result)


@functools.wraps(search, assigned=("__module__", "__annotations__"))
def tune(*given: Any, **options: Any) -> None:
    """Search the parameters of a lab's controller; the same command as `powsim search`."""
    search(*given, **options)


def report_search(result: SearchResult) -> None:
    """Write a search's figures and its page."""
    from sim.figures.search_report import write_search_report
    from sim.studies.search_tables import list_warnings

    write_search_report(result.folder, result.summary, result.tables, list_warnings(result.summary))


class SearchKind(Kind["Search", "SearchResult"]):
    """A search: the keys of a scenario or of a lab that serve an objective best."""

    names, plural, keys = ("search", "tune"), "searches", ("search", "objective")
    summary = "a search for parameters"
    commands = (("search", search), ("tune", tune))

    @override
    def load(self, path: Path, overrides: Given = ()) -> Search:
        from sim.studies.search_file import load_search

        return load_search(path, overrides)

    @override
    def json_schema(self) -> dict[str, Any]:
        from sim.studies.search_schema import search_json_schema

        return search_json_schema()

    @override
    def describe(self, loaded: Search) -> str:
        return f"{loaded.config.trials} trials of {loaded.subject.title}, varied: {', '.join(loaded.domains)}"

    @override
    def locate_warnings(self, loaded: Search, path: Path, overrides: Given) -> Sequence[Mistake]:
        return loaded.subject.warnings

    @override
    def load_result(self, folder: Path) -> SearchResult:
        from sim.studies.search import load_search_result

        return load_search_result(folder)

    @override
    def report(self, result: SearchResult, folder: Path) -> None:
        report_search(result)
