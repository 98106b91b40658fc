"""Plug-ins by name: powsim's own, those that installed packages name as entry points, those of this process.

A catalogue imports its own modules when it is first asked, then outside packages' entry points. It knows which plug-ins
exist in this process only, because a notebook's cell defined them: processes that are started later lack these.
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any, Generic
from weakref import WeakSet

from pydantic import BaseModel
from typing_extensions import TypeVar

from sim.errors import UserError, did_you_mean
from sim.problems import Problem

P = TypeVar("P", default=Any)
OWN = "sim."  # before the names of powsim's own modules, which every process imports


class PluginError(UserError):
    """A spec that builds no plug-in, with everything that is wrong with it; places count from the spec."""

    def __init__(self, kind: str, problems: Sequence[Problem]) -> None:
        self.kind = kind
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{kind}: {problem}" for problem in self.problems))

    def __reduce__(self) -> tuple[type[PluginError], tuple[str, tuple[Problem, ...]]]:
        """Cross a process border whole: exceptions pickle by their arguments."""
        return (type(self), (self.kind, self.problems))


@dataclasses.dataclass(frozen=True, order=True)
class LocalPlugin:
    """A plug-in that only this process knows; `origin` is written as in an entry point, module:name."""

    kind: str
    name: str
    entry_point_group: str
    origin: str


def get_origin(source: Any) -> str:
    """Return where a class or function is defined, module:name."""
    return f"{source.__module__}:{source.__qualname__}"


_LOADING = threading.RLock()
"""One for all catalogues: modules of one ask another, and two threads must not wait for each other."""
_CATALOGUES: WeakSet[Catalogue[Any]] = WeakSet()


class Catalogue(Generic[P]):
    """Plug-ins of one kind by name: powsim's own, those of installed packages, and those of this process only."""

    def __init__(self, kind: str, entry_point_group: str, package: str | None = None) -> None:
        """`package`: it and every module in it are imported before the first answer, so that its plug-ins register."""
        self.kind = kind
        self.entry_point_group = entry_point_group
        self._package = package
        self._plugins: dict[str, P] = {}
        self._installed: set[str] = set()
        self._is_loaded = self._is_loading = False
        _CATALOGUES.add(self)

    def names(self) -> tuple[str, ...]:
        """Return all names, sorted."""
        self._load()
        return tuple(sorted(self._plugins))

    def get(self, name: str) -> P:
        """Return the plug-in of that name; raise PluginError with the nearest name and all of them."""
        self._load()
        if name not in self._plugins:
            message = f'unknown {self.kind} "{name}".{did_you_mean(name, self.names())}'
            raise PluginError(self.kind, [Problem((), message)])
        return self._plugins[name]

    def find_local(self) -> dict[P, LocalPlugin]:
        """Return the plug-ins that only this process knows: neither powsim nor an installed package brings them."""
        if all(self._is_own(name) for name in self._plugins):
            return {}  # all are powsim's own: no entry points to load
        self._load()
        local = [name for name in sorted(self._plugins) if name not in self._installed and not self._is_own(name)]
        return {self._plugins[name]: self._describe_local(name) for name in local}

    def _describe_local(self, name: str) -> LocalPlugin:
        return LocalPlugin(self.kind, name, self.entry_point_group, get_origin(self._get_source(self._plugins[name])))

    def _get_source(self, plugin: P) -> Any:
        """Return the class or function that makes the plug-in."""
        return plugin

    def _is_own(self, name: str) -> bool:
        module = get_origin(self._get_source(self._plugins[name])).partition(":")[0]
        return f"{module}.".startswith((OWN, f"{self._package}."))

    def _add(self, name: str, plugin: P) -> None:
        """Put a plug-in under its name; a notebook's cell that is run again replaces its earlier definition."""
        before = self._plugins.get(name)
        if before is not None and get_origin(self._get_source(before)) != get_origin(self._get_source(plugin)):
            raise ValueError(f'{self.kind} "{name}" is registered twice: {before!r} and {plugin!r}')
        self._plugins[name] = plugin

    def _load(self) -> None:
        if self._is_loaded:
            return
        with _LOADING:
            if self._is_loaded or self._is_loading:  # a module may ask the registry while it registers
                return
            self._is_loading = True
            try:
                self._load_own()
                self._load_entry_points()
                self._is_loaded = True
            finally:
                self._is_loading = False

    def _load_own(self) -> None:
        if self._package is not None:
            package = importlib.import_module(self._package)
            for module in pkgutil.walk_packages(getattr(package, "__path__", []), f"{self._package}."):
                importlib.import_module(module.name)

    def _load_entry_points(self) -> None:
        before = set(self._plugins)
        for entry_point in entry_points(group=self.entry_point_group):
            try:
                self._installed.add(self._add_loaded(entry_point.name, entry_point.load()))
            except Exception as error:
                owner = entry_point.dist.name if entry_point.dist else "an unknown package"
                message = f'cannot load "{entry_point.name}" of {owner} ({entry_point.value}): {error}'
                raise PluginError(self.kind, [Problem((), message)]) from error
        self._installed |= self._plugins.keys() - before

    def _add_loaded(self, name: str, loaded: Any) -> str:
        """Add the object that an entry point names, unless its module did so at import; return its name here."""
        raise NotImplementedError


def list_local_plugins() -> set[LocalPlugin]:
    """Return all plug-ins that only this process knows."""
    return set(_find_local().values())


def _find_local() -> dict[object, LocalPlugin]:
    local: dict[object, LocalPlugin] = {}
    for catalogue in list(_CATALOGUES):
        local |= catalogue.find_local()
    return local


def find_local_plugins(value: object) -> set[LocalPlugin]:
    """Return the plug-ins that only this process knows, within a scenario or any part of one."""
    local = _find_local()
    return {local[type(part)] for part in _walk(value) if type(part) in local} if local else set()


def _walk(value: object) -> Iterator[object]:
    """Yield the value and all that it consists of."""
    yield value
    if isinstance(value, BaseModel):
        value = vars(value)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    for part in parts:
        yield from _walk(part)
