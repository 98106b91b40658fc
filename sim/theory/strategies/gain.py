"""The gain of a cheat: accepted weight per real work over that of an honest host at the same place and seed.

Two runs of a small network differ in the strategy of one host group only, and share their random numbers: the same
nonces are found, the same validators draw the same samples. Runs are kept, so that rows share those of honest hosts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from sim.metrics.cheaters import get_accepted_weight
from sim.runner import run
from sim.theory.row import Row

Floats = NDArray[np.float64]
SEEDS = range(1, 9)
BOUND, ERROR_LEVEL = 3.0, 0.02
"""Standard errors, and the most with which a right row fails on fresh seeds: see `compute_bound`."""
KEPT = 64  # runs, each with the rows of one frame
SUSPECT = "suspect"
NETWORK: dict[str, Any] = {
    "name": "gain",
    "epochs": 2,
    "protocol": {"epoch_length": 18, "poc_stage_duration": 5, "poc_validation_duration": 5},
    "work": {"kind": "sphere", "params": "devtest", "startup": "0 s"},
    "network": {"tier": "paths"},
    "hosts": [
        {"name": "other", "count": 5, "gpus": "1 x H100-SXM at 1000 nonces/s", "region": "EUROPE"},
        {"name": SUSPECT, "gpus": "1 x H100-SXM at 1000 nonces/s", "region": "EUROPE"},
    ],
}
"""Six alike under the launch rules, of whom the last is the suspect; 0.15 s a run."""


@dataclass(frozen=True, eq=False)
class Gain:
    """What a cheat gained in each of some pairs of runs; every array is (seeds,)."""

    weight: Floats
    """Accepted weight of the group that cheats, all epochs together."""
    honest_weight: Floats
    work_operations: Floats
    """Its real work."""
    honest_work_operations: Floats

    @property
    def by_seed(self) -> Floats:
        """Weight per real work over the honest one; infinite for weight from no work, NaN without either."""
        return self._divide(self.weight * self.honest_work_operations, self.honest_weight * self.work_operations)

    @property
    def weight_by_seed(self) -> Floats:
        """Weight over the honest one, whatever was computed for it."""
        return self._divide(self.weight, self.honest_weight)

    @property
    def mean(self) -> float:
        """Mean of `by_seed`."""
        return float(self.by_seed.mean())

    @property
    def standard_error(self) -> float:
        """Of the mean; 0 where all seeds agree."""
        return compute_standard_error(self.by_seed)

    @staticmethod
    def _divide(part: Floats, whole: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(part / whole, dtype=np.float64)


def measure_gain(
    cheat: Mapping[str, Any] | str,
    seeds: Sequence[int] = SEEDS,
    *,
    network: Mapping[str, Any] = NETWORK,
    common: Mapping[str, Any] | None = None,
    group: str = SUSPECT,
) -> Gain:
    """Run a network with a cheat and without, seed by seed.

    `cheat`: a strategy block of the group, or several overrides (their keys have dots) that make the cheat.
    `common`: overrides of both runs, such as `{"protocol.version": "v0.2.6"}`. Where hosts of the group differ in
    number (one operator under many names), all of them count.
    """
    base = dict(common or {})
    changes = cheat if isinstance(cheat, Mapping) and "kind" not in cheat else {f"hosts.{group}.strategy": cheat}
    cheating = [sum_epochs(network, base | dict(changes), seed, group) for seed in seeds]
    honest = [sum_epochs(network, base, seed, group) for seed in seeds]
    weight, work = np.array(cheating, dtype=np.float64).T
    honest_weight, honest_work = np.array(honest, dtype=np.float64).T
    return Gain(weight, honest_weight, work, honest_work)


def sum_epochs(network: Mapping[str, Any], overrides: Mapping[str, Any], seed: int, group: str) -> tuple[float, float]:
    """Return a group's accepted weight and real work in a run, all epochs together."""
    participants = get_participants(network, overrides, seed)
    mine = participants[participants["host_group"] == group]
    return float(get_accepted_weight(mine).sum()), float(mine["work_operations"].sum())


def get_participants(network: Mapping[str, Any], overrides: Mapping[str, Any], seed: int) -> pd.DataFrame:
    """Return the frame `participants` of a run; the last runs are kept. Not to be changed."""
    return _run(json.dumps(network), json.dumps(overrides, sort_keys=True), seed)


@lru_cache(maxsize=KEPT)
def _run(network: str, overrides: str, seed: int) -> pd.DataFrame:
    return run(json.loads(network), overrides=json.loads(overrides), seed=seed).participants


def compute_standard_error(values: Floats) -> float:
    """Standard error of the mean of independent values, (n,)."""
    return float(values.std(ddof=1) / math.sqrt(len(values)))


def compute_bound(n_runs: int) -> float:
    """Standard errors that the mean of a right row may be off: Student's quantile, since its error is estimated.

    3 from 8 runs on, where a right row fails with probability 0.02 and with 0.003 for many runs; 4.5 for 4, 7 for 3.
    """
    return max(BOUND, float(stats.t.isf(ERROR_LEVEL / 2, n_runs - 1)))


def make_row(quantity: str, values: Floats, theory: float) -> Row:
    """Return the row of a mean over independent runs, (runs,), scored in its standard errors.

    Where all runs agree to the last bits, they must agree with theory as closely.
    """
    ours, error = float(values.mean()), compute_standard_error(values)
    distance = ours - theory
    is_equal = math.isclose(ours, theory, rel_tol=1e-12, abs_tol=1e-12)
    score = 0.0 if is_equal else distance / error if error > 0 else math.copysign(math.inf, distance)
    return Row(quantity, ours, theory, score, compute_bound(len(values)))
