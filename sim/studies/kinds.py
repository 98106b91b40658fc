"""All kinds of studies. A new one is one line in `KINDS`, or an object that another package names as an entry point.

Every command that takes a file or a folder of any kind loops over `KINDS`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim import shipped
from sim.errors import ScenarioError, UserError
from sim.studies.kind import Kind
from sim.studies.lab_commands import LabKind
from sim.studies.run_commands import ScenarioKind
from sim.studies.search_commands import SearchKind
from sim.studies.sweep_commands import SweepKind

if TYPE_CHECKING:
    from sim.documents.document import Document
    from sim.scenario.overrides import Overrides

ENTRY_POINTS = "powsim.kinds"
AnyKind = Kind[Any, Any]
Command = Callable[..., None]


def _load_outside() -> Iterator[AnyKind]:
    """Yield the kinds of other packages; one that cannot be loaded must not stop commands that have no use for it."""
    for each in entry_points(group=ENTRY_POINTS):
        try:
            yield each.load()
        except Exception as error:
            typer.echo(f'warning: cannot load the kind "{each.name}" ({each.value}): {error}', err=True)


KINDS: tuple[AnyKind, ...] = (*_load_outside(), SearchKind(), SweepKind(), LabKind(), ScenarioKind())
"""In the order in which a file's keys are looked for: a search has a lab's or a scenario's keys as well."""


def find_kind(path: Path) -> AnyKind:
    """Return the kind that a file looks like, by its keys; raises ScenarioError where it is no YAML."""
    return _tell_kind(_read(path))


def load_any(path: Path, overrides: Overrides = (), kind: AnyKind | None = None) -> tuple[AnyKind, Any]:
    """Return a file's kind (the given one, or the one that it looks like) and its checked content."""
    if kind is None:
        kind = find_kind(path)
    try:
        return kind, kind.load(path, overrides)
    except ScenarioError as error:
        raise explain(error, kind, path) from None


def explain(error: ScenarioError, kind: AnyKind, path: Path) -> ScenarioError:
    """Return the error; for a file of another kind than was asked for, one that names its kind."""
    try:
        document = _read(path)
    except ScenarioError:
        return error
    looks = _tell_kind(document)
    if looks is kind or not looks.keys:
        return error
    key = next(key for key in looks.keys if key in document.tree)
    told = f"this file describes {looks.summary}: `powsim {looks.commands[0][0]}` runs it"
    return ScenarioError([document.places[(key,)].mistake(told, (key,))])


def load_any_result(folder: Path) -> tuple[AnyKind, Any]:
    """Return the kind of a results folder and its results; raises UserError for any other folder."""
    for kind in KINDS:
        if kind.is_folder(folder):
            return kind, kind.load_result(folder)
    raise UserError(f"{folder}: not a results folder")


def list_files(kind: AnyKind) -> list[tuple[str, str]]:
    """Return the files of one kind in `./scenarios` and those that come with powsim, each with its first comment."""
    return [(str(file), _get_first_comment(file)) for file in shipped.list_files() if _guess_kind(file) is kind]


def _guess_kind(file: Path) -> AnyKind:
    try:
        return find_kind(file)
    except ScenarioError:  # a broken file is listed as well: `powsim check` reports its mistakes
        return KINDS[-1]


def _get_first_comment(file: Path) -> str:
    from sim.documents.source import read_source

    try:
        first = read_source(file).partition("\n")[0].strip()
    except ScenarioError:
        return ""
    return first.removeprefix("#").strip() if first.startswith("#") else ""


def add_commands(app: typer.Typer) -> None:
    """Register the commands of every kind; one that is given a file of another kind says which command runs it."""
    for kind in KINDS:
        for name, command in kind.commands:
            app.command(name)(_explained(kind, command))


def _explained(kind: AnyKind, command: Command) -> Command:
    @functools.wraps(command)
    def run(file: Path | None, **options: Any) -> None:
        try:
            command(file, **options)
        except ScenarioError as error:
            raise error if file is None else explain(error, kind, file) from None

    return run


def with_kind_flags(command: Command) -> Command:
    """Give a command an option for every kind (--sweep, --lab, ...); it is called with the chosen `kind`, or None."""
    flags = {name: kind for kind in reversed(KINDS) for name in kind.names}

    @functools.wraps(command)
    def choose(**given: Any) -> None:
        chosen = [name for name in flags if given.pop(name)]
        if len(chosen) > 1:
            raise UserError(f"--{' and --'.join(chosen)}: a file is of one kind")
        command(**given, kind=flags[chosen[0]] if chosen else None)

    signature = inspect.signature(command, eval_str=True)
    own = [parameter for parameter in signature.parameters.values() if parameter.name != "kind"]
    added = [_make_flag(name, kind.summary) for name, kind in flags.items()]
    choose.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    choose.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *added)}
    del choose.__wrapped__  # the options are those of this signature
    return choose


def _make_flag(name: str, summary: str) -> inspect.Parameter:
    option = Annotated[bool, typer.Option(f"--{name}", help=f"the file describes {summary}, whatever it looks like")]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=option)


def _read(path: Path) -> Document:
    from sim.documents.yaml_tree import read_document

    return read_document(path)


def _tell_kind(document: Document) -> AnyKind:
    tree = document.tree if isinstance(document.tree, dict) else {}
    return next(kind for kind in KINDS if not kind.keys or any(key in tree for key in kind.keys))
