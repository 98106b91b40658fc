"""`powsim lab`: every controller against every curve, the measures of each race, and a ranking."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sim.difficulty.base import Controller
from sim.economy.base import Floats, Market, Steps
from sim.errors import UserError, did_you_mean
from sim.metrics.intervals import LEVEL, ConfidenceInterval, compute_paired_interval
from sim.metrics.measures import INTERVALS
from sim.provenance import get_provenance
from sim.race.files import RaceConfig
from sim.race.lab_file import Lab
from sim.race.measures import (
    RACE_MEASURES,
    SMALLER_IS_BETTER,
    find_step,
    follow,
    leave_out_step,
    measure_race,
)
from sim.race.memory import compute_warm_up
from sim.race.replayed import leave_out_records, list_racers
from sim.race.rig import Race, Setup, lay_out, run_race
from sim.results import keep_status, open_folder, read_provenance, write_parquet, write_text

LAB_FILE, RACES_FILE, ANSWERS_FILE, PATHS_FILE = "lab.yaml", "races.parquet", "answers.parquet", "paths.parquet"
N_PATH_POINTS = 300
OPEN_END = "races end before they have a value"
UNKNOWN = ConfidenceInterval(math.nan, math.nan, math.nan, 0, "none")
QUANTILES = {"low": 0.1, "median": 0.5, "high": 0.9}
TABLES = (RACES_FILE, ANSWERS_FILE, PATHS_FILE)
Row = dict[str, Any]
_Finished = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]


@dataclass(frozen=True)
class LabResult:
    """A lab's tables, and the folder that holds them."""

    name: str
    rank_by: str
    """Measure by which controllers are ranked."""
    folder: Path
    races: pd.DataFrame
    """One row per curve × controller × replication, with its measures."""
    answers: pd.DataFrame
    """One row per curve × controller × measure: the mean over replications, with its interval."""
    paths: pd.DataFrame
    """One row per curve × controller × time: difficulty / ideal over replications, and compute / its first value."""


def run_lab(
    lab: Lab, *, out: Path | None, root: Path, report: Callable[[str], None], rank_by: str = "tracking_error"
) -> LabResult:
    """Run every race into a results folder; `report` is called with the name of each race before it starts.

    An interruption keeps the races that were finished. `rank_by` is noted for `powsim report`.
    """
    folder = open_folder(lab.name, lab.text, out, root)
    write_text(folder / LAB_FILE, lab.text)
    finished: list[_Finished] = []
    with keep_status(folder, {**get_provenance(lab.config.seed), "name": lab.name, "rank_by": rank_by}):
        try:
            for each in _run_all(lab, report):
                finished.append(each)
        finally:
            tables = (
                [] if not finished else [pd.concat(parts, ignore_index=True) for parts in zip(*finished, strict=True)]
            )
            for file, table in zip(TABLES, tables, strict=False):
                write_parquet(folder / file, table)
    return LabResult(lab.name, rank_by, folder, *tables)


def load_lab_result(folder: Path) -> LabResult:
    """Load a lab's folder, an interrupted one too; raises UserError where no race was finished."""
    provenance = read_provenance(folder)
    if not (folder / RACES_FILE).is_file():
        raise UserError(f"{folder}: no race was finished ({provenance['status']})")
    tables = [pd.read_parquet(folder / file) for file in TABLES]
    return LabResult(provenance["name"], provenance["rank_by"], folder, *tables)


def make_setup(config: RaceConfig, controller: Controller | None = None) -> Setup:
    """Return the settings that all races of a lab or of a search share.

    `controller`: whose races they are; unless the file has a warm-up for all, each gets the one that it needs.
    """
    warm_up = config.warm_up or 0
    if config.warm_up is None and controller is not None:
        warm_up = compute_warm_up(controller, config.quota)
    sizes = (config.decisions, config.replications, config.quota, warm_up, config.seed)
    return Setup(config.spacing, *sizes, config.small_host, config.false_timestamps)


def race_and_measure(
    controller: Controller, curves: Sequence[Steps | Market], setup: Setup
) -> tuple[Race, dict[str, Floats]]:
    """Race one controller on one curve; return the race and its measures, a value per replication."""
    race = run_race(controller, curves, setup)
    reference = None if find_step(curves) is None else run_race(controller, leave_out_step(curves), setup)
    honest = None
    if setup.false_timestamps is not None:
        honest = run_race(controller, curves, replace(setup, false_timestamps=None))
    return race, measure_race(race, curves, reference, setup, honest)


def _run_all(lab: Lab, report: Callable[[str], None]) -> Iterator[_Finished]:
    """Yield each race's rows of the tables `TABLES`."""
    controllers = dict(zip(lab.controller_names, lab.config.controllers, strict=True))
    setups = {name: make_setup(lab.config, controller) for name, controller in controllers.items()}
    for curve_name, curve in zip(lab.curve_names, lab.config.curves, strict=True):
        curves = lay_out(curve, make_setup(lab.config))
        racers = list_racers(controllers, curve, make_setup(lab.config).interval_seconds)
        for controller_name, controller in racers.items():
            setup = setups.get(controller_name) or make_setup(lab.config, controller)
            report(f"{curve_name}: {controller_name}")
            who = {"curve": curve_name, "controller": controller_name}
            race, measured = race_and_measure(controller, curves, setup)
            columns = {name: measured.get(name, np.nan) for name in RACE_MEASURES}
            yield (
                pd.DataFrame({**who, "replication": np.arange(setup.n_replications), **columns}),
                pd.DataFrame([{**who, **row} for row in _estimate(measured)]),
                pd.DataFrame({**who, **_trace(race, curves, setup)}),
            )


def _estimate(measured: dict[str, Floats]) -> Iterator[Row]:
    """A row a measure; no estimate where some replications have no value, for the mean of the others would flatter."""
    for name, values in measured.items():
        n_missing = int(np.isnan(values).sum())
        if n_missing:
            yield _make_row(name, replace(UNKNOWN, n=len(values), warning=f"{n_missing} of {len(values)} {OPEN_END}"))
        else:
            yield _make_row(name, INTERVALS[RACE_MEASURES[name].law](values))


def _make_row(name: str, made: ConfidenceInterval) -> Row:
    return {
        **{"measure": name, "unit": RACE_MEASURES[name].unit, "n": made.n, "estimate": made.estimate},
        **{"low": made.low, "high": made.high, "level": LEVEL, "method": str(made.method), "warning": made.warning},
    }


def _trace(race: Race, curves: Sequence[Steps | Market], setup: Setup) -> dict[str, Floats]:
    """Quantiles over the replications that are still running; NaN where fewer than half are."""
    times = np.linspace(0.0, setup.nominal_seconds, N_PATH_POINTS)
    ratios = follow(race, race.difficulty / race.ideal, setup, times)
    is_known = 2 * np.isfinite(ratios).sum(axis=1) >= ratios.shape[1]
    found = {name: np.full(len(times), np.nan) for name in [*QUANTILES, "compute"]}
    for name, quantile in QUANTILES.items():
        found[name][is_known] = np.nanquantile(ratios[is_known], quantile, axis=1)
    fixed = [each for each in curves if isinstance(each, Steps)]
    if fixed:
        compute = [each.values[np.searchsorted(each.times, times, side="right") - 1] / each.values[0] for each in fixed]
        found["compute"] = np.median(compute, axis=0)
    else:
        followed = follow(race, race.ideal / race.ideal[0], setup, times)
        found["compute"][is_known] = np.nanmedian(followed[is_known], axis=1)
    return {"time_seconds": times, **found}


def check_rank_by(measure: str) -> None:
    """Raise UserError for a measure that has no better side."""
    if measure not in SMALLER_IS_BETTER:
        known = did_you_mean(measure, SMALLER_IS_BETTER)
        raise UserError(f'"{measure}" is no measure whose smaller values are better.{known}')


def rank(races: pd.DataFrame, measure: str = "tracking_error", *, level: float = LEVEL) -> pd.DataFrame:
    """Controllers by their mean over curves of a measure whose smaller values are better, best first.

    `difference`, `low`, `high`: from the first controller, paired by replication, whose random numbers all controllers
    share. Then a column per curve with its mean. Curves on which not all have raced (an interrupted lab) are left out.
    Raises UserError as `check_rank_by` does.
    """
    check_rank_by(measure)
    races = leave_out_records(races)
    n_controllers = races.groupby("curve")["controller"].transform("nunique")
    races = races[n_controllers == n_controllers.max()]
    cells = races.pivot_table(index="replication", columns=["controller", "curve"], values=measure, sort=False)
    first = cells[races["controller"].iloc[0]].mean(axis=1)
    rows = []
    for controller in races["controller"].unique():
        each = cells[controller]
        made = compute_paired_interval(first, each.mean(axis=1), level=level)
        difference = {"difference": made.estimate, "low": made.low, "high": made.high, "resolved": made.excludes(0.0)}
        rows.append({"controller": controller, measure: float(each.to_numpy().mean()), **difference, **each.mean()})
    ranked = pd.DataFrame(rows).sort_values(measure, kind="stable", ignore_index=True)
    ranked.insert(0, "rank", np.arange(1, len(ranked) + 1))
    return ranked
