"""The protocol of kinds of studies: how their files look, are read and run, and how their results are shown."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sim.errors import Mistake

if TYPE_CHECKING:
    from sim.scenario.overrides import Overrides

Loaded = TypeVar("Loaded")
Result = TypeVar("Result")


class Kind(Protocol[Loaded, Result]):
    """One kind of study. `Loaded` is the type of a checked file, `Result` that of a loaded results folder."""

    names: tuple[str, ...]
    """Names of its files, in options (`powsim check --NAME`) and lists; the first is the kind's own."""
    plural: str
    """Their name in `powsim list`."""
    keys: tuple[str, ...]
    """Top-level keys that a file of this kind alone has; none: every file that no other kind knows."""
    summary: str
    """The content of such a file in a few words: "a sweep, many runs"."""
    commands: tuple[tuple[str, Callable[..., None]], ...]
    """The commands that run such a file, with their names; each takes it as its argument `file`."""

    @abstractmethod
    def load(self, path: Path, overrides: Overrides = ()) -> Loaded:
        """Return the checked content of a file; raises ScenarioError with every mistake at its place."""

    @abstractmethod
    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema (2020-12) of such a file."""

    @abstractmethod
    def describe(self, loaded: Loaded) -> str:
        """Return a few words on a checked file."""

    @abstractmethod
    def is_folder(self, folder: Path) -> bool:
        """Whether a study of this kind began in the folder."""

    @abstractmethod
    def load_result(self, folder: Path) -> Result:
        """Return the results in a folder; raises UserError where there are none."""

    @abstractmethod
    def report(self, result: Result, folder: Path) -> Any:
        """Write the figures and `report.html` into the folder."""

    def locate_warnings(self, loaded: Loaded, path: Path, overrides: Overrides) -> Sequence[Mistake]:
        """Return settings that are valid and probably a mistake, each at its place."""
        return ()
