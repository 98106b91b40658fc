"""The effect of a parameter's range on a measure: Sobol indices with bootstrap intervals.

The first-order index is the share of a measure's variance, over the ranges, that would go if the parameter were known;
the total index is the share that would stay if all others were. Source: A. Saltelli and others, Computer Physics
Communications 181 (2010) 259; `scipy.stats.sobol_indices`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sim.economy.base import Floats
from sim.metrics.intervals import LEVEL
from sim.streams import draw_generator
from sim.studies.domains import Parameters
from sim.studies.search_file import Search

N_RESAMPLES = 999
COLUMNS = ("measure", "parameter", "first_order", "first_low", "first_high", "total", "total_low", "total_high")


def design_points(search: Search) -> list[Parameters]:
    """The points of Saltelli's design: A, B, then A with one column from B, for each parameter. Both are Sobol's."""
    from scipy.stats import qmc

    domains, n = search.domains, search.n_base_points
    generator = draw_generator(search.subject.seed, "tune", "sensitivity")
    both = qmc.Sobol(2 * len(domains), rng=generator).random_base2(n.bit_length() - 1)
    first, second = np.hsplit(np.asarray(both), 2)
    mixed = [np.where(np.arange(len(domains)) == column, second, first) for column in range(len(domains))]
    return [
        {name: domain.place(u) for u, (name, domain) in zip(row.tolist(), domains.items(), strict=True)}
        for row in np.concatenate([first, second, *mixed])
    ]


def compute_sensitivity(outputs: pd.DataFrame, parameters: Sequence[str], seed: int) -> pd.DataFrame:
    """Return a row per measure and parameter; `outputs` has a row per point of the design, a column per measure.

    A measure that does not exist at some point, or is the same everywhere, has no indices (NaN).
    """
    n = len(outputs) // (len(parameters) + 2)
    values = outputs.to_numpy(dtype=np.float64).T.reshape(outputs.shape[1], -1, n)  # (measures, blocks, n)
    is_known = np.isfinite(values).all(axis=(1, 2)) & (np.ptp(values, axis=(1, 2)) > 0.0)
    found = np.full((outputs.shape[1], len(parameters), 6), np.nan)
    if is_known.any():
        found[is_known] = _estimate(values[is_known], draw_generator(seed, "tune", "bootstrap"))
    rows = [
        (measure, parameter, *found[i, j])
        for i, measure in enumerate(outputs.columns)
        for j, parameter in enumerate(parameters)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def tell_only_parameter(parameter: str) -> pd.DataFrame:
    """Return the indices of a search's only parameter, to which all of the objective's variance is due."""
    return pd.DataFrame([("objective", parameter, *[1.0] * 6)], columns=list(COLUMNS))


def _estimate(values: Floats, generator: np.random.Generator) -> Floats:
    """Both indices with the percentiles of resampled base points, (measures, parameters, 6)."""
    n = values.shape[2]
    estimate = _compute_indices(values)
    resampled = np.array(
        [_compute_indices(values[:, :, generator.integers(0, n, n)]) for _ in range(N_RESAMPLES)]
    )  # (resamples, measures, parameters, 2)
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.nanquantile(resampled, (tail, 1.0 - tail), axis=0)
    ordered: Floats = np.stack([estimate, low, high], axis=-1).reshape(*estimate.shape[:-1], 6)
    return ordered


def _compute_indices(values: Floats) -> Floats:
    """First-order and total indices, (measures, parameters, 2)."""
    from scipy.stats import sobol_indices

    blocks = {"f_A": values[:, 0], "f_B": values[:, 1], "f_AB": values[:, 2:].swapaxes(0, 1)}
    found = sobol_indices(func=blocks, n=values.shape[2])
    shape = (len(values), -1)  # SciPy leaves out axes of length 1
    return np.stack([found.first_order.reshape(shape), found.total_order.reshape(shape)], axis=-1)
