"""`powsim lab`: every controller against every curve, the measures of each race, and a ranking."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sim.difficulty.base import Controller
from sim.economy.base import Floats, Market, Steps
from sim.errors import UserError
from sim.files.sums import FILES, check_file
from sim.files.tables import read_frame, write_parquet
from sim.files.writing import write_text
from sim.interrupts import finishing
from sim.metrics.intervals import LEVEL, ConfidenceInterval
from sim.metrics.measures import INTERVALS
from sim.provenance import get_provenance
from sim.race.files import RaceConfig
from sim.race.lab_file import Lab, LabConfig
from sim.race.measures import (
    RACE_MEASURES,
    compute_quantiles,
    find_step,
    follow,
    leave_out_step,
    measure_race,
)
from sim.race.memory import compute_warm_up
from sim.race.replayed import list_racers
from sim.race.rig import Race, Setup, lay_out, run_race
from sim.results import keep_status, naming_damage, open_folder, read_provenance
from sim.studies.ranking import Ranking, check_baseline, check_rank_by, rank

LAB_FILE, RACES_FILE, ANSWERS_FILE, PATHS_FILE = "lab.yaml", "races.parquet", "answers.parquet", "paths.parquet"
N_PATH_POINTS = 300
RACE_FAILED = "the race failed: "
OPEN_END = "races end before they have a value"
UNKNOWN = ConfidenceInterval(math.nan, math.nan, math.nan, 0, "none")
QUANTILES = {"low": 0.1, "median": 0.5, "high": 0.9}
TABLE_NAMES = ("races", "answers", "paths")
TABLES = (RACES_FILE, ANSWERS_FILE, PATHS_FILE)
FEW_DECISIONS, FEW_REPLICATIONS = 20, 2  # enough to see which measures a curve has
Row = dict[str, Any]
_Finished = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]


@dataclass(frozen=True)
class LabResult:
    """A lab's tables, and the folder that holds them."""

    name: str
    rank_by: str
    """Measure by which controllers are ranked."""
    baseline: str
    """Controller from which differences are taken."""
    weights: Mapping[str, float]
    """Weights of curves, where they are not 1."""
    folder: Path
    races: pd.DataFrame
    """One row per curve × controller × replication, with its measures."""
    answers: pd.DataFrame
    """One row per curve × controller × measure: the mean over replications, with its interval."""
    paths: pd.DataFrame
    """One row per curve × controller × time: difficulty / ideal over replications, and compute / its first value."""

    def rank(self) -> Ranking:
        """Rank the controllers; an interrupted lab may lack the baseline, and the first one then stands for it."""
        has_baseline = self.baseline in set(self.races["controller"])
        return rank(self.races, self.rank_by, baseline=self.baseline if has_baseline else None, weights=self.weights)


def run_lab(
    lab: Lab,
    *,
    out: Path | None,
    root: Path,
    report: Callable[[str], None],
    rank_by: str = "tracking_error",
    baseline: str | None = None,
) -> LabResult:
    """Run every race into a results folder; `report` is called with the name of each race before it starts.

    An interruption keeps the races that were finished. `rank_by` and `baseline`, the first controller by default, are
    noted for `powsim report`. Raises UserError for a measure that ranks nothing and a baseline that does not race.
    """
    baseline = lab.controller_names[0] if baseline is None else baseline
    _check_asked(lab, rank_by, baseline)
    asked: dict[str, Any] = {"rank_by": rank_by, "baseline": baseline, "weights": dict(lab.config.weights)}
    finished: list[_Finished] = []
    with open_folder(lab.name, lab.text, out, root) as held:
        folder = held.folder
        write_text(folder / LAB_FILE, lab.text)
        with keep_status(folder, {**get_provenance(lab.config.seed), "name": lab.name, **asked}, LAB_FILE):
            try:
                for each in _run_all(lab, report):
                    finished.append(each)
            finally:
                with finishing():
                    tables = _join(finished)
                    for file, table in zip(TABLES, tables, strict=False):
                        write_parquet(folder / file, table)
    return LabResult(lab.name, **asked, folder=folder, **dict(zip(TABLE_NAMES, tables, strict=True)))


def _join(finished: Sequence[_Finished]) -> list[pd.DataFrame]:
    """Return the tables of all finished races; none where none was finished."""
    return [pd.concat(parts, ignore_index=True) for parts in zip(*finished, strict=True)]


def load_lab_result(folder: Path) -> LabResult:
    """Load a lab's folder, an interrupted one too; raises UserError where no race was finished."""
    provenance = read_provenance(folder)
    listed = provenance.get(FILES, {})
    if RACES_FILE not in listed and not (folder / RACES_FILE).is_file():
        raise UserError(f"{folder}: no race was finished ({provenance.get('status')})")
    for file in (LAB_FILE, *TABLES):
        check_file(folder, file, listed)
    tables = [read_frame(folder / file) for file in TABLES]
    with naming_damage(folder):
        known = {name: provenance[name] for name in ("name", "rank_by", "baseline", "weights")}
    return LabResult(**known, folder=folder, **dict(zip(TABLE_NAMES, tables, strict=True)))


def find_measures(config: LabConfig) -> list[set[str]]:
    """Return the measures that each curve has, whatever the controller: found in a race of a few decisions."""
    few = make_setup(
        config.model_copy(
            update={
                **{"decisions": FEW_DECISIONS, "horizon": None, "warm_up": 0},
                "replications": FEW_REPLICATIONS,
            }
        )
    )
    length = replace(make_setup(config), n_replications=FEW_REPLICATIONS)
    return [_find_measures_on(lay_out(curve, length), config.controllers, few) for curve in config.curves]


def _find_measures_on(curves: Sequence[Steps | Market], controllers: Sequence[Controller], few: Setup) -> set[str]:
    """Measures of the first controller that does not raise; of none where all do."""
    for controller in controllers:
        with suppress(Exception):
            return set(race_and_measure(controller, curves, few)[1])
    return set()


def _check_asked(lab: Lab, rank_by: str, baseline: str) -> None:
    """Raise UserError for a ranking that no race of the lab could fill."""
    check_rank_by(rank_by)
    check_baseline(baseline, lab.controller_names)
    found = zip(lab.curve_names, find_measures(lab.config), strict=True)
    if not any(rank_by in each for name, each in found if lab.config.weights.get(name, 1.0) > 0):
        raise UserError(f"no curve here that has a weight has `{rank_by}`: nothing to rank")


def make_setup(config: RaceConfig, controller: Controller | None = None) -> Setup:
    """Return the settings that all races of a lab or of a search share.

    `controller`: whose races they are; unless the file has a warm-up for all, each gets the one that it needs.
    """
    warm_up = config.warm_up or 0
    if config.warm_up is None and controller is not None:
        warm_up = compute_warm_up(controller, config.quota)
    sizes = (config.n_decisions, config.replications, config.quota, warm_up, config.seed)
    return Setup(config.spacing, *sizes, config.small_host, config.false_timestamps, config.horizon)


def race_and_measure(
    controller: Controller, curves: Sequence[Steps | Market], setup: Setup
) -> tuple[Race, dict[str, Floats]]:
    """Race one controller on one curve; return the race and its measures, a value per replication."""
    race = run_race(controller, curves, setup)
    reference = None
    if find_step(curves) is not None:
        as_long = replace(setup, n_decisions=len(race.difficulty), horizon_seconds=None)
        reference = run_race(controller, leave_out_step(curves), as_long)
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
            try:
                race, measured = race_and_measure(controller, curves, setup)
            except Exception as error:  # a plug-in's: it costs this race and no other
                reason = f"{RACE_FAILED}{type(error).__name__}: {error}".removesuffix(": ")
                yield _leave_empty(who, reason, _find_measures_on(curves, lab.config.controllers, setup), setup)
                continue
            columns = {name: measured.get(name, np.nan) for name in RACE_MEASURES}
            yield (
                pd.DataFrame({**who, "replication": np.arange(setup.n_replications), **columns}),
                pd.DataFrame([{**who, **row} for row in _estimate(measured)]),
                pd.DataFrame({**who, **_trace(race, curves, setup)}),
            )


def _leave_empty(who: Mapping[str, str], reason: str, measures: set[str], setup: Setup) -> _Finished:
    """Rows of a race that raised: no numbers, and why."""
    unknown = replace(UNKNOWN, n=setup.n_replications, warning=reason)
    times = np.linspace(0.0, setup.nominal_seconds, N_PATH_POINTS)
    return (
        pd.DataFrame({**who, "replication": np.arange(setup.n_replications), **dict.fromkeys(RACE_MEASURES, np.nan)}),
        pd.DataFrame([{**who, **_make_row(name, unknown)} for name in RACE_MEASURES if name in measures]),
        pd.DataFrame({**who, "time_seconds": times, **dict.fromkeys([*QUANTILES, "compute"], np.nan)}),
    )


def tell_failed_races(answers: pd.DataFrame) -> list[str]:
    """Say which races have no numbers because something raised in them."""
    failed = answers[answers["warning"].str.startswith(RACE_FAILED)].drop_duplicates(["curve", "controller"])
    return [f"{row.controller} on {row.curve} has no number: {row.warning}" for row in failed.itertuples()]


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
    running = np.where(np.isfinite(ratios[is_known]), ratios[is_known], np.inf)
    for name, values in zip(QUANTILES, compute_quantiles(running, list(QUANTILES.values())), strict=True):
        found[name][is_known] = values
    fixed = [each for each in curves if isinstance(each, Steps)]
    if fixed:
        compute = [each.values[np.searchsorted(each.times, times, side="right") - 1] / each.values[0] for each in fixed]
        found["compute"] = np.median(compute, axis=0)
    else:
        followed = follow(race, race.ideal / race.ideal[0], setup, times)
        (found["compute"][is_known],) = compute_quantiles(
            np.where(np.isnan(followed), np.inf, followed)[is_known], [0.5]
        )
    return {"time_seconds": times, **found}
