"""What a kind of study is: how its files look, what they hold, how they run, what their results folders show."""

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
    """One kind of study. `Loaded` is what its file becomes, `Result` what its results folder holds."""

    names: tuple[str, ...]
    """What its files are called, in options (`powsim check --NAME`) and lists; the first is the name."""
    plural: str
    """What `powsim list` calls them."""
    keys: tuple[str, ...]
    """Top-level keys that a file of this kind alone has; none: every file that no other kind knows."""
    summary: str
    """What such a file describes: "a sweep, many runs"."""
    commands: tuple[tuple[str, Callable[..., None]], ...]
    """The commands that run such a file, with their names; each takes it as its argument `file`."""

    @abstractmethod
    def load(self, path: Path, overrides: Overrides = ()) -> Loaded:
        """Return what a file describes; raises ScenarioError with every mistake at its place."""

    @abstractmethod
    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema (2020-12) of such a file."""

    @abstractmethod
    def describe(self, loaded: Loaded) -> str:
        """Return in a few words what a checked file holds."""

    @abstractmethod
    def is_folder(self, folder: Path) -> bool:
        """Whether a study of this kind began in the folder."""

    @abstractmethod
    def load_result(self, folder: Path) -> Result:
        """Return what a results folder holds; raises UserError where that is nothing."""

    @abstractmethod
    def report(self, result: Result, folder: Path) -> Any:
        """Write the figures and `report.html` into the folder."""

    def locate_doubts(self, loaded: Loaded, path: Path, overrides: Overrides) -> Sequence[Mistake]:
        """Return settings that are valid and probably a mistake, each at its place."""
        return ()
