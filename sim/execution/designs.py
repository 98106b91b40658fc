"""Designs of experiments: a sweep's section -> points, each a value per axis.

Points are plain data, in an order that depends on the file only. A value carries its place in the section, so that
a wrong one can be shown where it was written.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.execution.sweep_schema import SampledDesign, SweepConfig
from sim.problems import Loc, Problem, show_value
from sim.streams import draw_generator
from sim.units import TIME, Dimension

Cube = npt.NDArray[np.float64]  # points x axes, in [0, 1)


@dataclass(frozen=True)
class Setting:
    """One axis at one value; `key` and `loc` are the places of the axis and of the value in the section."""

    axis: str
    value: Any
    key: Loc
    loc: Loc


Point = tuple[Setting, ...]


class DesignError(Exception):
    """A design that makes no points; carries its problems."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


def count_points(config: SweepConfig) -> int:
    """Return the largest number of points that the designs can make, without making any."""
    n = len(config.sets or "-") * max([len(values) for values in (config.zipped or {}).values()], default=1)
    for values in (config.grid or {}).values():
        n *= len(values)
    for design in (config.latin_hypercube, config.sobol):
        n *= design.n if design is not None else 1
    return n


def compute_points(config: SweepConfig, seed: int) -> list[Point]:
    """Return the points of all designs, crossed; raises DesignError."""
    designs = [
        _cross_grid(config.grid),
        _read_sets(config.sets),
        _zip_axes(config.zipped),
        _sample("latin_hypercube", config.latin_hypercube, seed, _draw_latin_hypercube),
        _sample("sobol", config.sobol, seed, _draw_sobol),
    ]
    given = [design for design in designs if design]
    _check_axes(given)
    return [tuple(itertools.chain.from_iterable(parts)) for parts in itertools.product(*given)]


def _check_axes(designs: list[list[Point]]) -> None:
    first: dict[str, Loc] = {}
    for design in designs:
        for setting in design[0]:
            if first.setdefault(setting.axis, setting.key) != setting.key:
                where = ".".join(str(step) for step in first[setting.axis][:-1])
                raise DesignError([Problem(setting.key, f'"{setting.axis}" is varied in {where} already')])


def _cross_grid(grid: dict[str, tuple[Any, ...]] | None) -> list[Point]:
    axes = [list(_read_axis("grid", axis, values)) for axis, values in (grid or {}).items()]
    return list(itertools.product(*axes)) if axes else []


def _zip_axes(zipped: dict[str, tuple[Any, ...]] | None) -> list[Point]:
    axes = zipped or {}
    lengths = {axis: len(values) for axis, values in axes.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{axis} {length}" for axis, length in lengths.items())
        raise DesignError([Problem(("zip",), f"axes that advance together need as many values each: {told}")])
    return list(zip(*(_read_axis("zip", axis, values) for axis, values in axes.items()), strict=True))


def _read_axis(design: str, axis: str, values: tuple[Any, ...]) -> Iterator[Setting]:
    for index, value in enumerate(values):
        yield Setting(axis, value, (design, axis), (design, axis, index))


def _read_sets(sets: tuple[dict[str, Any], ...] | None) -> list[Point]:
    given = sets or ()
    problems = []
    for index, values in enumerate(given):
        if not values:
            problems.append(Problem(("list", index), "names no axis"))
        elif values.keys() != given[0].keys():
            different = ", ".join(sorted(values.keys() ^ given[0].keys()))
            message = f"every set must name the same axes; this one and the first differ in {different}"
            problems.append(Problem(("list", index), message))
    if problems:
        raise DesignError(problems)
    return [
        tuple(Setting(axis, values[axis], ("list", index, axis), ("list", index, axis)) for axis in given[0])
        for index, values in enumerate(given)
    ]


def _sample(name: str, design: SampledDesign | None, seed: int, draw: Callable[[int, int, Any], Cube]) -> list[Point]:
    """Return the design's points; whole-number axes can make two alike, of which one stays."""
    if design is None:
        return []
    scales = [_make_scale((name, "ranges", axis), *limits) for axis, limits in design.ranges.items()]
    cube = draw(design.n, len(scales), draw_generator(seed, "sweep", name))
    rows = [tuple(scale(float(u)) for scale, u in zip(scales, row, strict=True)) for row in cube]
    places: list[tuple[str, Loc]] = [(axis, (name, "ranges", axis)) for axis in design.ranges]
    return [
        tuple(Setting(axis, value, loc, loc) for (axis, loc), value in zip(places, row, strict=True))
        for row in dict.fromkeys(rows)
    ]


def _draw_latin_hypercube(n: int, n_axes: int, generator: np.random.Generator) -> Cube:
    from scipy.stats import qmc  # half a second to import

    return np.asarray(qmc.LatinHypercube(n_axes, rng=generator).random(n))


def _draw_sobol(n: int, n_axes: int, generator: np.random.Generator) -> Cube:
    """The first n points; the balance of the sequence is best where n is a power of two."""
    from scipy.stats import qmc

    n_bits = max(n - 1, 0).bit_length()
    return np.asarray(qmc.Sobol(n_axes, rng=generator).random_base2(n_bits))[:n]


def _make_scale(loc: Loc, low: Any, high: Any) -> Callable[[float], Any]:
    """Return the function from u in [0, 1) to a value of the range."""
    (start, unit), (end, other) = _split_quantity(loc, low), _split_quantity(loc, high)
    if unit != other:
        raise DesignError([Problem(loc, f"both ends need the same unit, not {show_value(low)} and {show_value(high)}")])
    if not start < end:
        raise DesignError([Problem(loc, f"{show_value(low)} must be less than {show_value(high)}")])
    if isinstance(low, int) and isinstance(high, int):
        return lambda u: min(low + int(u * (high - low + 1)), high)
    if unit:
        return lambda u: f"{start + u * (end - start)!r} {unit}"
    return lambda u: start + u * (end - start)


def _split_quantity(loc: Loc, value: Any) -> tuple[float, str]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value), ""
    number, _, unit = value.strip().partition(" ") if isinstance(value, str) else ("", "", "")
    try:
        return float(number), unit.strip()
    except ValueError:
        example = _example(TIME)
        message = f'must be a number or a quantity such as "{example}", not {show_value(value)}'
        raise DesignError([Problem(loc, message)]) from None


def _example(dimension: Dimension) -> str:
    return dimension.examples[0]
