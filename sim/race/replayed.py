"""The difficulties that a real chain had, in the place of a rule: its own line beside the controllers of a lab."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sim.difficulty.base import Controller, Interval, Numbers
from sim.economy.base import Curve, Steps

CHAINS_OWN = "the chain's own"


@dataclass(frozen=True)
class Replayed:
    """Keeps to a record: at each time the difficulty that the chain had at that time, whatever is found.

    Time counts from the race's beginning, in intervals that are read off the controllers' clock; before, nothing moves.
    So the luck of a race differs from the chain's, and the rate at which blocks come is the chain's at all times.
    """

    record: Steps
    """Difficulties, tries per nonce, from the race's beginning on."""
    interval_seconds: float

    @property
    def target(self) -> None:
        """Nothing is controlled."""

    def start(self, first: Interval) -> Numbers:
        """No time has passed."""
        return 0.0

    def decide(self, state: Numbers, interval: Interval) -> tuple[Numbers, Numbers]:
        """Return the difficulty in force at the interval's end."""
        elapsed = state + interval.time * (interval.index >= 1)
        step = np.searchsorted(self.record.times, np.maximum(elapsed, 0.0) * self.interval_seconds, side="right") - 1
        return elapsed, self.record.values[step]


def has_record(curve: Curve) -> bool:
    """Whether a curve is that of a real chain, whose own difficulties it knows."""
    return hasattr(curve, "read_own_difficulty")


def list_racers(controllers: Mapping[str, Controller], curve: Curve, interval_seconds: float) -> dict[str, Controller]:
    """Return all that races on a curve, by name: the controllers, and a real chain's own record where it has one."""
    if not has_record(curve):
        return dict(controllers)
    record: Steps = curve.read_own_difficulty()  # type: ignore[attr-defined]
    return {**controllers, CHAINS_OWN: Replayed(record, interval_seconds)}


def leave_out_records(races: pd.DataFrame) -> pd.DataFrame:
    """Return races without those of real chains' own difficulties, unless all curves have some: ranks need all."""
    is_own = races["controller"] == CHAINS_OWN
    return races if set(races.loc[is_own, "curve"]) == set(races["curve"]) else races[~is_own]
