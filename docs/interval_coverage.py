"""Measure how often intervals hold the truth: the three tables of docs/statistics.md.

`.venv/bin/python docs/interval_coverage.py` prints them in a minute; `docs/refresh.py statistics` puts them into
the page.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
from generate import write_table
from numpy.typing import NDArray
from scipy import stats

from sim.metrics.intervals import compute_studentised_bounds

N_SWEEPS, AT_ONCE = 4000, 500
SIZES = (5, 10, 20, 40, 80)
HALF_WIDTHS, LEAST_RUNS = (0.5, 0.3, 0.2), (2, 5, 10)
LONGEST = 400
Values = NDArray[np.float64]
LAWS: dict[str, tuple[Callable[[np.random.Generator, tuple[int, int]], Values], float]] = {
    "normal": (lambda generator, shape: generator.normal(size=shape), 0.0),
    "uniform": (lambda generator, shape: generator.random(shape), 0.5),
    "exponential": (lambda generator, shape: generator.exponential(size=shape), 1.0),
    "lognormal (σ = 1)": (lambda generator, shape: generator.lognormal(size=shape), math.exp(0.5)),
}
DIFFERENCE_SIZES = (5, 10, 30)
N_FLIPS, MOST_EXACT = 1999, 10  # sign flips drawn at random; of so few pairs all are taken
DIFFERENCES: dict[str, tuple[Callable[[np.random.Generator, tuple[int, int]], Values], float]] = {
    "both normal": (lambda generator, shape: generator.normal(size=shape) - generator.normal(size=shape), 0.0),
    "both exponential": (
        lambda generator, shape: generator.exponential(size=shape) - generator.exponential(size=shape),
        0.0,
    ),
    "both lognormal (σ = 1)": (
        lambda generator, shape: generator.lognormal(size=shape) - generator.lognormal(size=shape),
        0.0,
    ),
    "both Student's with 3 degrees": (
        lambda generator, shape: generator.standard_t(3, size=shape) - generator.standard_t(3, size=shape),
        0.0,
    ),
    "exponential, one of mean 1, one of 1/2": (
        lambda generator, shape: generator.exponential(size=shape) - 0.5 * generator.exponential(size=shape),
        0.5,
    ),
}


def write_coverage() -> str:
    """Coverage in per cent of Student's and of the studentised bootstrap's interval, law by number of runs."""
    rows = []
    for number, (name, (draw, truth)) in enumerate(LAWS.items()):
        cells = []
        for n in SIZES:
            samples = draw(np.random.default_rng([11, number, n]), (N_SWEEPS, n))
            cells.append(f"{_cover_student(samples, truth):.1f} / {_cover_bootstrap(samples, truth):.1f}")
        rows.append([name, *cells])
    return write_table(["law of the runs", f"n = {SIZES[0]}", *(str(n) for n in SIZES[1:])], rows)


def _cover_student(samples: Values, truth: float) -> float:
    n = samples.shape[1]
    half = stats.t.isf(0.025, n - 1) * samples.std(axis=1, ddof=1) / math.sqrt(n)
    return 100 * float(np.mean(np.abs(samples.mean(axis=1) - truth) <= half))


def _cover_bootstrap(samples: Values, truth: float) -> float:
    covered = []
    for start in range(0, len(samples), AT_ONCE):
        low, high = compute_studentised_bounds(samples[start : start + AT_ONCE], seed=start)
        covered.append((low <= truth) & (truth <= high))
    return 100 * float(np.mean(np.concatenate(covered)))


def write_differences() -> str:
    """Coverage in per cent for differences of pairs: Student, studentised bootstrap, sign flips; law by pairs."""
    rows = []
    for number, (name, (draw, truth)) in enumerate(DIFFERENCES.items()):
        cells = []
        for n in DIFFERENCE_SIZES:
            samples = draw(np.random.default_rng([13, number, n]), (N_SWEEPS, n))
            found = (cover(samples, truth) for cover in (_cover_student, _cover_bootstrap, _cover_flips))
            cells.append(" / ".join(f"{share:.1f}" for share in found))
        rows.append([name, *cells])
    first, *others = DIFFERENCE_SIZES
    return write_table(["law of the two values", f"{first} pairs", *(str(n) for n in others)], rows)


def _cover_flips(samples: Values, truth: float) -> float:
    """The truth is held where its test by flipped signs does not refuse it, as scipy.stats.permutation_test would."""
    n, shifted = samples.shape[1], samples - truth
    if n <= MOST_EXACT:
        signs = np.array(list(itertools.product((1.0, -1.0), repeat=n))).T
    else:
        drawn = np.random.default_rng(14).choice((1.0, -1.0), (n, N_FLIPS))
        signs = np.concatenate([np.ones((n, 1)), drawn], axis=1)
    sums = np.abs(shifted.sum(axis=1, keepdims=True)) * (1.0 - 1e-12)  # the flip of none must count, rounding or not
    shares = [
        (np.abs(shifted[start : start + AT_ONCE] @ signs) >= sums[start : start + AT_ONCE]).mean(axis=1)
        for start in range(0, len(shifted), AT_ONCE)
    ]
    return 100 * float(np.mean(np.concatenate(shares) > 0.05))


def write_stopping() -> str:
    """Runs on average and coverage in per cent where a sweep stops at its first narrow interval; normal runs, sd 1."""
    values = np.random.default_rng(12).normal(size=(N_SWEEPS, LONGEST))
    n = np.arange(1, LONGEST + 1)
    mean = values.cumsum(axis=1) / n
    variance = np.maximum((values**2).cumsum(axis=1) - n * mean**2, 0) / np.maximum(n - 1, 1)
    half = stats.t.isf(0.025, np.maximum(n - 1, 1)) * np.sqrt(variance / n)
    rows = []
    for half_width in HALF_WIDTHS:
        stops = {least: np.argmax((half <= half_width) & (n >= least), axis=1) for least in LEAST_RUNS}
        covered = [100 * _cover_at(mean, half, stops[least]) for least in LEAST_RUNS]
        rows.append([f"{half_width:g}", f"{np.mean(stops[10] + 1):.0f}", *(f"{share:.1f} %" for share in covered)])
    first, *others = (f"at least {least}" for least in LEAST_RUNS)
    return write_table(["half width", "runs on average, at least 10", f"coverage, {first} runs", *others], rows)


def _cover_at(mean: Values, half: Values, stop: NDArray[np.int64]) -> float:
    rows = np.arange(len(mean))
    return float(np.mean(np.abs(mean[rows, stop]) <= half[rows, stop]))


if __name__ == "__main__":
    print(f"{N_SWEEPS} sweeps each\n\n{write_coverage()}\n\n{write_differences()}\n\n{write_stopping()}")
