"""A ranking of controllers, per curve and over curves, and how much of its order is chance.

Controllers share their random numbers, so that differences are paired by replication. The order is drawn again from
resamples: of the replications alone, which says what more races would change, and of the curves as well, which says
what another choice of curves would.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.economy.base import Floats
from sim.errors import UserError, did_you_mean
from sim.metrics.intervals import (
    LEVEL,
    N_RESAMPLES,
    RESAMPLED_AT_ONCE,
    ConfidenceInterval,
    compute_paired_interval,
)
from sim.race.measures import RANKED, WANTED
from sim.race.replayed import leave_out_records

NEGLIGIBLE = 1e-3  # of an estimate: a smaller difference makes no rank, however sure it is
SEEDS = {"replications": 0, "curves": 1}  # of resamples: the same values give the same order
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Ranking:
    """The order of a lab's controllers by one measure."""

    measure: str
    baseline: str
    """Controller from which differences are taken."""
    table: pd.DataFrame
    """One row a controller, best first.

    `rank`: equal for controllers that are not told apart; `is_tied` marks them. `estimate`: weighted mean over curves;
    infinite where some races have no value. `difference`, `low`, `high`: from the baseline, an interval at `level`.
    `resolved`: whether it excludes 0 with all differences taken together. `rank_holds`: share of resamples of
    replications in which the controller stays within its rank; `rank_holds_over_curves`: of curves as well.
    """
    by_curve: pd.DataFrame
    """One row per curve and controller: `rank`, `is_tied`, `estimate`."""
    weights: Mapping[str, float]
    """Weight of each curve that has the measure."""
    level: float
    order_holds: float
    """Share of resamples of replications in which every controller stays within its rank."""
    order_holds_over_curves: float
    """The same, curves resampled as well; NaN with one curve."""
    pivotal: tuple[str, ...]
    """Curves without which the order is another one."""

    @property
    def n_differences(self) -> int:
        """Differences from the baseline."""
        return len(self.table) - 1

    @property
    def level_together(self) -> float:
        """Level of each interval such that all of them together have `level` (Bonferroni)."""
        return _share_level(self.level, self.n_differences)


def check_rank_by(measure: str) -> None:
    """Raise UserError for a measure that has no better side."""
    if measure not in RANKED:
        raise UserError(f'"{measure}" is no measure whose smaller values are better.{did_you_mean(measure, RANKED)}')


def check_baseline(baseline: str, controllers: Sequence[str]) -> None:
    """Raise UserError for the name of a controller that does not race."""
    if baseline not in controllers:
        known = did_you_mean(baseline, controllers)
        raise UserError(f'baseline "{baseline}": no controller here is called so.{known}')


def rank(
    races: pd.DataFrame,
    measure: str = "tracking_error",
    *,
    baseline: str | None = None,
    weights: Mapping[str, float] | None = None,
    level: float = LEVEL,
) -> Ranking:
    """Rank controllers by a measure of `RANKED`; one of `WANTED` by its distance from the wanted value.

    `baseline`: the first controller unless another is named. `weights` of curves: 1 where none is given. Curves on
    which not all controllers have raced (an interrupted lab), and those without the measure, are left out. Raises
    UserError for other measures and names, and where no curve is left.
    """
    check_rank_by(measure)
    races = leave_out_records(races)
    n_controllers = races.groupby("curve")["controller"].transform("nunique")
    has_measure = races[measure].notna().groupby(races["curve"]).transform("any")
    races = races[(n_controllers == n_controllers.max()) & has_measure]
    curves, controllers = list(races["curve"].unique()), list(races["controller"].unique())
    weighed = {curve: (weights or {}).get(curve, 1.0) for curve in curves}
    if not any(weighed.values()):
        raise UserError(f"no curve that has a weight has `{measure}`: nothing to rank")
    first = controllers[0] if baseline is None else baseline
    check_baseline(first, controllers)
    columns = pd.MultiIndex.from_product([controllers, curves])
    cells = races.pivot(index="replication", columns=["controller", "curve"], values=measure)[columns].to_numpy()
    field = _Field(cells.reshape(len(cells), len(controllers), len(curves)), WANTED.get(measure), level)
    return _rank(field, measure, first, controllers, weighed)


def _rank(
    field: _Field, measure: str, baseline: str, controllers: Sequence[str], weighed: Mapping[str, float]
) -> Ranking:
    weights = np.array(list(weighed.values()))
    order = field.rank(weights)
    means = field.resample()
    holds = order.holds(_weigh(means, weights))
    over_curves = np.full_like(holds, np.nan, dtype=np.float64)
    pivotal: list[str] = []
    if np.count_nonzero(weights) > 1:
        over_curves = order.holds(_weigh(means, _resample_weights(weights))).astype(np.float64)
        without = {name: np.where(np.array(list(weighed)) == name, 0.0, weights) for name, w in weighed.items() if w}
        pivotal = [name for name, left in without.items() if not order.holds(_weigh(field.means, left)).all()]
    table = pd.DataFrame(
        {
            **{"rank": order.ranks, "is_tied": order.is_tied, "controller": controllers, "estimate": order.estimates},
            **_tabulate([field.compare(controllers.index(baseline), k, weights) for k in range(len(controllers))]),
            "resolved": [field.differs(controllers.index(baseline), k, weights) for k in range(len(controllers))],
            "rank_holds": holds.mean(axis=0),
            "rank_holds_over_curves": over_curves.mean(axis=0),
        }
    )
    by_curve = []
    for number, curve in enumerate(weighed):
        alone = field.rank(np.eye(len(weighed))[number])
        rows = {"rank": alone.ranks, "is_tied": alone.is_tied, "estimate": alone.estimates}
        by_curve.append(pd.DataFrame({"curve": curve, "controller": controllers, **rows}))
    return Ranking(
        measure=measure,
        baseline=baseline,
        table=table.iloc[order.best_first].reset_index(drop=True),
        by_curve=pd.concat(by_curve, ignore_index=True),
        weights=weighed,
        level=field.level,
        order_holds=float(holds.all(axis=1).mean()),
        order_holds_over_curves=float(over_curves.min(axis=1).mean()),
        pivotal=tuple(pivotal),
    )


def _tabulate(made: Sequence[ConfidenceInterval | None]) -> dict[str, list[float]]:
    names = {"difference": "estimate", "low": "low", "high": "high"}
    return {name: [getattr(each, part, math.nan) for each in made] for name, part in names.items()}


def _share_level(level: float, n_comparisons: int) -> float:
    return 1.0 - (1.0 - level) / max(n_comparisons, 1)


@dataclass(frozen=True)
class _Order:
    """Controllers in order, in the order of the lab: ranks from 1, and the places that each rank takes up."""

    estimates: Floats
    ranks: Ints
    sizes: Ints
    """How many controllers share each controller's rank."""

    @property
    def is_tied(self) -> Bools:
        return self.sizes > 1

    @property
    def best_first(self) -> Ints:
        return np.argsort(self.estimates, kind="stable")

    def holds(self, estimates: Floats) -> Bools:
        """Whether each controller stays within its rank, (resamples, controllers) or (controllers,)."""
        places = np.argsort(np.argsort(estimates, axis=-1, kind="stable"), axis=-1, kind="stable") + 1
        return np.asarray((places >= self.ranks) & (places < self.ranks + self.sizes))


class _Field:
    """Values of a measure, (replications, controllers, curves); NaN where a race has none."""

    def __init__(self, values: Floats, wanted: float | None, level: float) -> None:
        """`wanted`: the value that a mean should be near; None: the smaller, the better."""
        self.values, self.level = values, level
        self._wanted = wanted
        self._is_missing, self._known = np.isnan(values).astype(np.float64), np.nan_to_num(values)
        self.means = self.average(np.full((1, len(values)), 1.0))[0]
        # A distance from the wanted value is linear in the values around their mean: a sign for each mean.
        signs = np.where(values.mean(axis=0) < (wanted or 0.0), -1.0, 1.0)
        self._linear = values if wanted is None else (values - wanted) * signs

    def average(self, counts: Floats) -> Floats:
        """Means, or distances from the wanted value, (resamples, controllers, curves), for counts of replications.

        Infinite where a race that counts has no value.
        """
        shape = (len(counts), *self.values.shape[1:])
        n_replications = counts.sum(axis=1)[:, np.newaxis]
        means = ((counts @ self._known.reshape(len(self.values), -1)) / n_replications).reshape(shape)
        is_missing = (counts @ self._is_missing.reshape(len(self.values), -1)).reshape(shape) > 0
        return np.where(is_missing, np.inf, means if self._wanted is None else np.abs(means - self._wanted))

    def resample(self) -> Floats:
        """Return the means of resampled replications, (resamples, controllers, curves)."""
        n, generator = len(self.values), np.random.default_rng(SEEDS["replications"])
        step = max(1, RESAMPLED_AT_ONCE // n)
        sizes = [min(step, N_RESAMPLES - done) for done in range(0, N_RESAMPLES, step)]
        drawn = (generator.multinomial(n, np.full(n, 1.0 / n), size).astype(np.float64) for size in sizes)
        return np.concatenate([self.average(counts) for counts in drawn])

    def compare(self, one: int, other: int, weights: Floats, level: float | None = None) -> ConfidenceInterval | None:
        """Return the interval of the other controller's weighted mean minus that of the first; None where unknown."""
        counts = weights > 0
        before, after = (self._linear[:, k, counts] @ weights[counts] / weights.sum() for k in (one, other))
        if np.isnan(before).any() or np.isnan(after).any():
            return None
        return compute_paired_interval(before, after, level=level or self.level)

    def differs(self, one: int, other: int, weights: Floats) -> bool:
        """Whether two controllers are told apart, with all comparisons of the field with one taken together.

        A controller of which some races have no value is told from any without such races.
        """
        means = _weigh(self.means, weights)[[one, other]]
        if not np.isfinite(means).all():
            return bool(np.isfinite(means).any())
        level = _share_level(self.level, self.values.shape[1] - 1)
        made = self.compare(one, other, weights, level)
        return made is not None and made.excludes(0.0)

    def rank(self, weights: Floats) -> _Order:
        """Return the order for these weights of curves.

        From the best on, controllers that are not told from the first one of a rank, or hardly differ, share it.
        """
        estimates = _weigh(self.means, weights)
        ranks = np.zeros(len(estimates), dtype=np.int64)
        leader = -1
        for place, each in enumerate(np.argsort(estimates, kind="stable")):
            is_near = leader >= 0 and estimates[each] < estimates[leader] + NEGLIGIBLE * abs(estimates[leader])
            if leader < 0 or (not is_near and self.differs(leader, int(each), weights)):
                leader = int(each)
                ranks[each] = place + 1
            ranks[each] = ranks[leader]
        return _Order(estimates, ranks, (ranks[:, np.newaxis] == ranks).sum(axis=1))


def _weigh(means: Floats, weights: Floats) -> Floats:
    """Weighted means over the last axis, of curves; one without a weight does not count, infinite as it may be."""
    weights = weights if weights.ndim == 1 else weights[:, np.newaxis, :]
    weighted = np.where(weights > 0, means, 0.0) * weights
    return np.asarray(weighted.sum(axis=-1) / weights.sum(axis=-1))


def _resample_weights(weights: Floats) -> Floats:
    """Weights of curves in each resample of those that have one."""
    found = np.zeros((N_RESAMPLES, len(weights)))
    is_weighed = weights > 0
    n = int(is_weighed.sum())
    drawn = np.random.default_rng(SEEDS["curves"]).multinomial(n, np.full(n, 1.0 / n), N_RESAMPLES)
    found[:, is_weighed] = drawn * weights[is_weighed]
    return found
