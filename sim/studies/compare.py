"""Statistics of sweeps: estimates with intervals per point, and differences between points or sweeps.

Runs with one replication number share their random numbers, whatever their point. Differences are therefore taken
replication by replication: the effect that the shared numbers have on both variants drops out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sim.errors import UserError, did_you_mean
from sim.metrics.intervals import LEVEL, Values, compute_paired_interval
from sim.metrics.measures import TRIES, Measure, compute_interval
from sim.results import StudyStatus

if TYPE_CHECKING:
    from sim.execution.table import SweepResult

RUN_COLUMNS = ("run_id", "point", "replication", "seed", "error")
ENDS = (StudyStatus.FINISHED, StudyStatus.HALTED, StudyStatus.FAILED)
SUMMARY_COLUMNS = ("measure", "unit", "n", "n_missing", "estimate", "low", "high", "level", "method", "warning")
DIFFERENCE_COLUMNS = (
    *("measure", "unit", "n_pairs", "n_missing", "before", "after", "difference", "low", "high"),
    *("level", "method", "gain", "resolved", "warning"),
)
Row = dict[str, Any]
Points = dict[Hashable, pd.DataFrame]
"""Runs by what their axes have."""


def summarise_sweep(sweep: SweepResult, *, measures: Iterable[str] | None = None, level: float = LEVEL) -> pd.DataFrame:
    """One row per point × measure: the axes' values and `SUMMARY_COLUMNS`.

    `estimate` is the mean over the point's runs, `low` and `high` its interval by `method`; `n` counts the runs behind
    it, `n_missing` those that failed, halted or have no such measure, as `warning` says. Raises `UserError`.
    """
    chosen, points = choose_measures(sweep, measures), split_points(sweep)
    rows = [
        {"point": point, **_get_axes(sweep, runs), **_summarise(runs, measure, level)}
        for point, runs in points.items()
        for measure in chosen
    ]
    return pd.DataFrame(rows, columns=["point", *sweep.axes, *SUMMARY_COLUMNS])


def compare(
    a: SweepResult, b: SweepResult, *, measures: Iterable[str] | None = None, common: bool = False, level: float = LEVEL
) -> pd.DataFrame:
    """Differences b - a, one row per point × measure: the axes' values and `DIFFERENCE_COLUMNS`.

    Both sweeps must have the same axes, the same points and the same replications from the same seeds; with `common`,
    replications and points of only one of them are left out. Raises `UserError`.
    """
    chosen = choose_measures(a, measures)
    choose_measures(b, [measure.name for measure in chosen])
    if set(a.axes) != set(b.axes):
        raise UserError(
            f"{a.name} and {b.name} cannot be compared: {a.name} varies {_list(a.axes)}, {b.name} {_list(b.axes)}"
        )
    before, after = _index_points(a, a.axes), _index_points(b, a.axes)
    _check_same_points(a, b, before, after, common)
    rows = [
        {**_get_axes(a, runs), **row}
        for key, runs in before.items()
        if key in after
        for row in _compare_runs(runs, after[key], chosen, (a.name, b.name), common, level)
    ]
    return pd.DataFrame(rows, columns=[*a.axes, *DIFFERENCE_COLUMNS])


def compare_points(
    sweep: SweepResult,
    baseline: int | None = None,
    *,
    measures: Iterable[str] | None = None,
    common: bool = False,
    level: float = LEVEL,
) -> pd.DataFrame:
    """Differences of every point from the baseline point (the first one by default), rows as in `compare`.

    The columns `point` and the axes' are those of the compared point. Raises `UserError`.
    """
    chosen, points = choose_measures(sweep, measures), split_points(sweep)
    base = next(iter(points)) if baseline is None else baseline
    if base not in points:
        raise UserError(f"{sweep.name} has no point {base}; its points are {_list(points)}")
    if len(points) < 2:
        raise UserError(f"{sweep.name} has one point only: there is nothing to compare it with")
    rows = [
        {"point": point, **_get_axes(sweep, runs), **row}
        for point, runs in points.items()
        if point != base
        for row in _compare_runs(points[base], runs, chosen, (f"point {base}", f"point {point}"), common, level)
    ]
    return pd.DataFrame(rows, columns=["point", *sweep.axes, *DIFFERENCE_COLUMNS])


def choose_measures(sweep: SweepResult, measures: Iterable[str] | None) -> list[Measure]:
    """Return the wanted measures, all by default; raises `UserError` for an unknown one or an incomplete table."""
    missing = [c for c in (*RUN_COLUMNS, *sweep.axes, *sweep.measures) if c not in sweep.runs.columns]
    if missing:
        raise UserError(f"{sweep.name}: its table of runs has no column {_list(missing)}")
    if sweep.runs.empty:
        raise UserError(f"{sweep.name} has no finished run")
    chosen = list(sweep.measures if measures is None else measures)
    for name in chosen:
        if name not in sweep.measures:
            raise UserError(f'{sweep.name}: unknown measure "{name}".{did_you_mean(name, sweep.measures)}')
    return [sweep.measures[name] for name in chosen]


def split_points(sweep: SweepResult) -> dict[int, pd.DataFrame]:
    """Runs by point, both in order; raises `UserError` where a replication stands twice."""
    ordered = sweep.runs.sort_values(["point", "replication"], kind="stable")
    twice = ordered[ordered.duplicated(["point", "replication"])]
    if len(twice):
        first = twice.iloc[0]
        raise UserError(f"{sweep.name}: point {first['point']} has replication {first['replication']} twice")
    return {int(str(point)): runs for point, runs in ordered.groupby("point")}


def _get_axes(sweep: SweepResult, runs: pd.DataFrame) -> Row:
    return {axis: _get_cell(runs[axis].iloc[0]) for axis in sweep.axes}


def _get_cell(value: object) -> object:
    """A single value as it is; a mapping or a list (a controller with its parameters) as text."""
    return value if pd.api.types.is_scalar(value) else json.dumps(value, sort_keys=True, default=str)


def _get_values(runs: pd.DataFrame, measure: Measure) -> Values:
    """A measure of the runs; NaN where the run failed, halted early, or has no finite value."""
    values = runs[measure.name].to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where((_get_ends(runs) == StudyStatus.FINISHED) & np.isfinite(values), values, np.nan)


def _summarise(runs: pd.DataFrame, measure: Measure, level: float) -> Row:
    values = _get_values(runs, measure)
    present = values[~np.isnan(values)]
    tries = _get_tries(runs, measure)[~np.isnan(values)]
    made = compute_interval(measure, present, tries, level=level)
    return {
        **{"measure": measure.name, "unit": measure.unit, "n": made.n, "n_missing": len(runs) - made.n},
        **{"estimate": made.estimate, "low": made.low, "high": made.high, "level": level, "method": str(made.method)},
        "warning": _join(made.warning, _tell_ends(runs)),
    }


def count_ends(sweep: SweepResult) -> pd.DataFrame:
    """One row a point: the axes' values, and how many of its runs finished, halted and failed."""
    rows = [
        {"point": point, **_get_axes(sweep, runs), **_count_ends(runs)} for point, runs in split_points(sweep).items()
    ]
    return pd.DataFrame(rows, columns=["point", *sweep.axes, *map(str, ENDS)])


def _count_ends(runs: pd.DataFrame) -> dict[str, int]:
    ends = _get_ends(runs)
    return {str(end): int((ends == end).sum()) for end in ENDS}


def _get_ends(runs: pd.DataFrame) -> pd.Series:
    """How each run ended; a table without a `status`, made by hand perhaps, has its errors."""
    failed = pd.Series(np.where(runs["error"].isna(), StudyStatus.FINISHED, StudyStatus.FAILED), runs.index)
    found: pd.Series = runs.get("status", failed)
    return found.where((found != StudyStatus.FINISHED) | (failed == StudyStatus.FINISHED), failed)


def _tell_ends(runs: pd.DataFrame) -> str:
    """Say how many runs have no part in a mean because they came to no end of their own."""
    counts = _count_ends(runs)
    lost = [f"{n} {end}" for end, n in counts.items() if n and end != StudyStatus.FINISHED]
    rest = "the mean is of the others" if counts[StudyStatus.FINISHED] else "none is left for a mean"
    return f"of {len(runs)} runs {' and '.join(lost)}: {rest}" if lost else ""


def _get_tries(runs: pd.DataFrame, measure: Measure) -> Values:
    """How many events each run's share counts; NaN where that is not known."""
    column = f"{measure.name}{TRIES}"
    if column not in runs.columns:
        return np.full(len(runs), np.nan)
    found: Values = runs[column].to_numpy(dtype=np.float64, na_value=np.nan)
    return found


def _index_points(sweep: SweepResult, axes: Sequence[str]) -> Points:
    """Points by their axes' values; raises `UserError` where two have the same."""
    points = split_points(sweep)
    keys: Points = {}
    for point, runs in points.items():
        key = tuple(_make_key(runs[axis].iloc[0]) for axis in axes)
        if key in keys:
            raise UserError(f"{sweep.name}: point {point} has the same values as an earlier one: {_tell(axes, key)}")
        keys[key] = runs
    return keys


def _make_key(value: object) -> Hashable:
    """Numbers are equal by value (8 and 8.0 are), everything else by its text."""
    if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
        return float(value)
    return str(_get_cell(value))


def _check_same_points(a: SweepResult, b: SweepResult, before: Points, after: Points, common: bool) -> None:
    if not before.keys() & after.keys():
        raise UserError(f"{a.name} and {b.name} cannot be compared: they have no point in common")
    for one, other, mine, theirs in ((a, b, before, after), (b, a, after, before)):
        only = [key for key in mine if key not in theirs]
        if only and not common:
            raise UserError(
                f"{a.name} and {b.name} cannot be compared: {one.name} has a point with {_tell(a.axes, only[0])}, "
                f"{other.name} has none (--common leaves such points out)"
            )


def _compare_runs(
    before: pd.DataFrame,
    after: pd.DataFrame,
    measures: Sequence[Measure],
    names: tuple[str, str],
    common: bool,
    level: float,
) -> list[Row]:
    pairs = _pair(before, after, names, common)
    a, b = (runs.set_index("replication").loc[pairs] for runs in (before, after))
    return [_compare_measure(a, b, measure, level) for measure in measures]


def _pair(before: pd.DataFrame, after: pd.DataFrame, names: tuple[str, str], common: bool) -> list[int]:
    """Return the replications of both; raises `UserError` where they differ or do not share their seeds."""
    seeds = [dict(zip(runs["replication"], runs["seed"], strict=True)) for runs in (before, after)]
    both = [replication for replication in seeds[0] if replication in seeds[1]]
    only = [replication for replication in (*seeds[0], *seeds[1]) if replication not in both]
    if not both or (only and not common):
        counts = f"{names[0]} has {len(seeds[0])} replications, {names[1]} {len(seeds[1])}"
        hint = " (--common compares those that both have)" if both else ""
        raise UserError(f"runs cannot be paired: {counts}, {len(both)} of them the same{hint}")
    for replication in both:
        mine, theirs = (by[replication] for by in seeds)
        if mine != theirs:
            raise UserError(
                f"runs cannot be paired: replication {replication} has seed {mine} in {names[0]} and {theirs} in "
                f"{names[1]}, so that they share no random numbers"
            )
    return both


def _compare_measure(before: pd.DataFrame, after: pd.DataFrame, measure: Measure, level: float) -> Row:
    a, b = _get_values(before, measure), _get_values(after, measure)
    whole = ~np.isnan(a) & ~np.isnan(b)
    made = compute_paired_interval(a[whole], b[whole], level=level)
    n_lost = len(a) - made.n
    lost = f"{n_lost} of {len(a)} pairs left out: a run failed, halted or has no value" if n_lost else ""
    return {
        **{"measure": measure.name, "unit": measure.unit, "n_pairs": made.n, "n_missing": len(a) - made.n},
        **{"before": _mean(a[whole]), "after": _mean(b[whole]), "difference": made.estimate},
        **{"low": made.low, "high": made.high, "level": level, "method": str(made.method)},
        **{"gain": _compute_gain(a[whole], b[whole]), "resolved": made.excludes(0.0)},
        **{"warning": _join(made.warning, lost if made.n else "")},
    }


def _compute_gain(before: Values, after: Values) -> float:
    """How many times more runs an unpaired comparison needs for the same interval: (var a + var b) / var(b - a)."""
    if before.size < 2:
        return math.nan
    paired, unpaired = np.var(after - before, ddof=1), np.var(before, ddof=1) + np.var(after, ddof=1)
    return float(unpaired / paired) if paired > 0 else math.nan


def _mean(values: Values) -> float:
    return float(values.mean()) if values.size else math.nan


def _join(*warnings: str) -> str:
    return "; ".join(warning for warning in warnings if warning)


def _list(names: Iterable[object]) -> str:
    return ", ".join(str(name) for name in names) or "nothing"


def _tell(axes: Sequence[str], key: Hashable) -> str:
    values = key if isinstance(key, tuple) else (key,)
    shown = (f"{value:g}" if isinstance(value, float) else str(value) for value in values)
    return ", ".join(f"{axis} = {value}" for axis, value in zip(axes, shown, strict=True)) or "no axis"
