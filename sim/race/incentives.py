"""Earnings in a race: of steady hosts beside switchers, of small hosts, and under false timestamps."""

from __future__ import annotations

import numpy as np

from sim.economy.base import Floats
from sim.race.rig import Race


def measure_incomes(race: Race, small_host: float, quota: int) -> dict[str, Floats]:
    """Return `steady_loss` and `small_host_sd`, a value per replication; each valid nonce pays the same.

    A steady host with compute c does c · t of an interval's W tries, and finds each of its q nonces with probability p
    = c · t / W. Its income is a sum of independent binomial numbers: mean Σ q · p, variance Σ q · p · (1 - p), exact
    for the path that the race took. Had nonces come at an even pace, as many in all, it had found Σ q · p · t / t̄: its
    share of compute, moment by moment. It loses where others come while nonces come fast. `small_host`: c / the compute
    at the race's beginning.
    """
    times = race.times
    shares = times / race.tries  # but for a factor
    evenly = (shares * times).sum(axis=0) / (times.sum(axis=0) / race.n_counted)
    found = np.minimum(small_host * race.ideal[0] * quota * shares, 1.0)
    return {
        "steady_loss": 1.0 - shares.sum(axis=0) / evenly,
        "small_host_sd": np.sqrt((found * (1.0 - found)).sum(axis=0) / quota) / found.sum(axis=0),
    }


def measure_manipulation(race: Race, honest: Race) -> dict[str, Floats]:
    """Return `manipulation_gain` and `manipulation_bias` beside a race with the same random numbers and true clocks."""
    bias, honest_bias = (average_over_time(np.log(each.difficulty), each) for each in (race, honest))
    pace, honest_pace = (each.n_counted / each.times.sum(axis=0) for each in (race, honest))
    return {
        "manipulation_gain": pace / honest_pace - 1.0,
        "manipulation_bias": bias - honest_bias,
    }


def average_over_time(values: Floats, race: Race) -> Floats:
    """Mean over a race's time of what stays as it is for an interval, a value per replication."""
    return np.asarray((values * race.times_inside).sum(axis=0) / race.times_inside.sum(axis=0))
