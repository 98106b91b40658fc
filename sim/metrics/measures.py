"""Measures: a run in numbers that a sweep can average, each with name, unit, sentence and kind of interval over runs.

A measure of a run is a function from a result's frames to a number. `@run_measures.register(...)` above it, or an entry
point of an installed package, puts it among those that every sweep takes; powsim's own are in `own_measures`.
"""

from __future__ import annotations

import inspect
import math
import numbers
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any, Self, TypeVar

from numpy.typing import ArrayLike

from sim.catalogue import Catalogue, LocalPlugin, get_origin
from sim.errors import UserError
from sim.metrics import intervals
from sim.metrics.frames import Frames
from sim.metrics.intervals import LEVEL, ConfidenceInterval, is_precise_enough

Compute = Callable[[Frames], float]
F = TypeVar("F", bound=Compute)
TRIES = ".events"
"""Behind the name of a share: the column of a sweep's runs with the number of events that it counts."""
FAILED = "failed: "
"""Begins the reason of a measure that is missing by a defect of its own, not by the events of the run."""


class Law(StrEnum):
    """The law of a measure over runs, as far as it is known; it decides on the interval of the mean."""

    MEAN = "mean"
    """A sum or a mean over many events: close to normal. Student."""
    SHARE = "share"
    """In [0, 1], often at one of its ends. Wilson over events where runs agree that these are independent, else
    Student over runs, cut to [0, 1]."""
    UNKNOWN = "unknown"
    """A spread, a maximum, a ratio: perhaps skewed. Studentised bootstrap."""


@dataclass(frozen=True)
class Measure:
    """One measure; `unit` is empty for counts, shares and plain numbers."""

    name: str
    unit: str
    law: Law
    meaning: str


@dataclass(frozen=True)
class RunMeasure(Measure):
    """A measure of a run, with the function that computes it from the run's frames."""

    compute: Compute

    def __reduce__(self) -> tuple[Any, ...]:
        """Cross a process border by name: the other process has the function, or says that it does not know it."""
        return (_get_measure, (self.name,))


class CountedShare(float):
    """A share of events, with the number of all events: what a measure of `Law.SHARE` returns where it counts."""

    n_tries: int

    def __new__(cls, n_events: float, n_tries: int) -> Self:
        """Return n_events / n_tries."""
        made = super().__new__(cls, n_events / n_tries)
        made.n_tries = n_tries
        return made


class NoValueError(Exception):
    """Raised by a measure that has no value in a run; the text says why."""


def count_share(n_events: int, n_tries: int, otherwise: str) -> CountedShare:
    """Return a share of events; raise NoValueError with the reason where there are none."""
    if not n_tries:
        raise NoValueError(otherwise)
    return CountedShare(n_events, n_tries)


def divide(part: float, whole: float, otherwise: str) -> float:
    """Return part / whole; raise NoValueError with the reason where the whole is 0."""
    return know(part / whole if whole else math.nan, otherwise)


def know(value: float, otherwise: str) -> float:
    """Return a number; raise NoValueError with the reason where it is NaN."""
    if math.isnan(value):
        raise NoValueError(otherwise)
    return float(value)


@dataclass(frozen=True)
class Measured:
    """The measures of one run: values by name, and why the others are missing."""

    values: dict[str, float]
    missing: dict[str, str]
    tries: dict[str, int] = field(default_factory=dict)
    """How many events a share counts, where its measure says so."""


class MeasureCatalogue(Catalogue[RunMeasure]):
    """All measures of runs; powsim's own come first, in the order of their file."""

    def register(self, name: str | None = None, *, unit: str = "", law: Law | str = Law.UNKNOWN) -> Callable[[F], F]:
        """Return the decorator that makes a function a measure, named like the function unless `name` is given.

        The first line of its docstring is the sentence that lists and pages show.
        """
        known_law = Law(law)

        def add(compute: F) -> F:
            made = make_measure(compute, name, unit=unit, law=known_law)
            if not made.meaning:
                raise TypeError(f'measure "{made.name}": its docstring must say in one sentence what is measured')
            self._add(made.name, made)
            return compute

        return add

    def names(self) -> tuple[str, ...]:
        """Return all names: powsim's own, then the others, sorted."""
        own = self.own_names()
        return (*own, *(name for name in super().names() if name not in own))

    def own_names(self) -> tuple[str, ...]:
        """Return the names of powsim's own measures, in the order of their file."""
        self._load()
        return tuple(name for name in self._plugins if self._is_own(name))

    def describe(self) -> dict[str, str]:
        """Return each name with its sentence and unit."""
        found = {name: self.get(name) for name in self.names()}
        return {name: f"{each.meaning}, in {each.unit}" if each.unit else each.meaning for name, each in found.items()}

    def choose(self, wanted: Iterable[str | Compute] | None = None) -> tuple[RunMeasure, ...]:
        """Return measures by name or by function, registered or not, each once; all registered ones by default.

        Raises PluginError for an unknown name, UserError where two have one name or a function has none.
        """
        chosen: dict[str, RunMeasure] = {}
        for each in self.names() if wanted is None else wanted:
            measure = self.get(each) if isinstance(each, str) else self._find(each)
            if chosen.setdefault(measure.name, measure) != measure:
                raise UserError(f'measures: two of them are called "{measure.name}"')
        return tuple(chosen.values())

    def describe_local(self, measure: RunMeasure) -> LocalPlugin | None:
        """Return how a measure is known here, where another process would not know it; None where it would."""
        if self._plugins.get(measure.name) is measure:
            return self.find_local().get(measure)
        return LocalPlugin(self.kind, measure.name, self.entry_point_group, get_origin(measure.compute))

    def _find(self, compute: Compute) -> RunMeasure:
        if not callable(compute):
            raise UserError(f"measures: must be names or functions of a result's frames, not {compute!r}")
        self._load()
        registered = (measure for measure in self._plugins.values() if measure.compute is compute)
        return next(registered, None) or make_measure(compute)

    def _get_source(self, plugin: RunMeasure) -> Compute:
        return plugin.compute

    def _add_loaded(self, name: str, loaded: Any) -> str:
        known = next((measure.name for measure in self._plugins.values() if measure.compute is loaded), None)
        if known is None:
            self.register(name)(loaded)
        return known or name


run_measures = MeasureCatalogue("measure", "powsim.measures", package="sim.metrics.own_measures")


def _get_measure(name: str) -> RunMeasure:
    return run_measures.get(name)


def make_measure(
    compute: Compute, name: str | None = None, *, unit: str = "", law: Law = Law.UNKNOWN, meaning: str | None = None
) -> RunMeasure:
    """Return the measure that a function computes; raises UserError where its name could name no column."""
    called = str(name or getattr(compute, "__name__", ""))
    if not called.isidentifier():
        raise UserError(f'a measure called "{called}": a name is needed that a column can have; define it with `def`')
    sentence = (inspect.getdoc(compute) or "").partition("\n")[0].removesuffix(".")
    return RunMeasure(called, unit, law, sentence if meaning is None else meaning, compute)


def take_measures(frames: Frames, chosen: Iterable[RunMeasure]) -> Measured:
    """Return the measures' values in a run; one that raises or returns no finite number is missing with its reason."""
    values: dict[str, float] = {}
    missing: dict[str, str] = {}
    tries: dict[str, int] = {}
    for measure in chosen:
        try:
            found = measure.compute(frames)
            values[measure.name] = _check_number(found)
            if isinstance(found, CountedShare):
                tries[measure.name] = found.n_tries
        except NoValueError as error:
            missing[measure.name] = str(error)
        except Exception as error:  # a defect of one measure must not cost the run
            missing[measure.name] = f"{FAILED}{type(error).__name__}: {error}"
    return Measured(values, missing, tries)


def _check_number(found: object) -> float:
    if isinstance(found, bool) or not isinstance(found, numbers.Real):
        raise TypeError(f"it returned {found!r}, which is no number")
    if not math.isfinite(found):
        raise NoValueError(f"it is {float(found)}")
    return float(found)


def compute_interval(
    measure: Measure, values: ArrayLike, n_tries: ArrayLike | None = None, *, level: float = LEVEL
) -> ConfidenceInterval:
    """Mean over runs with the interval that fits the measure's law; `n_tries`: how many events each run's share counts.

    NaN, or absent, where that is not known.
    """
    if measure.law is Law.SHARE:
        return intervals.compute_share_interval(values, n_tries, level=level)
    return INTERVALS[measure.law](values, level=level)


def is_measure_precise_enough(
    measure: Measure, values: Sequence[float], half_width: float, n_tries: Sequence[float] | None = None
) -> bool:
    """Whether a sweep may stop, by the interval that fits the measure: the rule of `until`, see `is_precise_enough`."""
    tries = None if n_tries is None else [n for n, value in zip(n_tries, values, strict=True) if math.isfinite(value)]
    if measure.law is Law.SHARE and len(set(values)) == 1 and tries is not None and not all(map(math.isfinite, tries)):
        return False  # runs that all say 0, of nobody knows how many events, prove nothing
    return is_precise_enough(values, half_width, compute=partial(compute_interval, measure, n_tries=tries))


INTERVALS: dict[Law, Callable[..., ConfidenceInterval]] = {
    Law.MEAN: intervals.compute_mean_interval,
    Law.SHARE: intervals.compute_share_interval,
    Law.UNKNOWN: intervals.compute_bootstrap_interval,
}
