"""Difficulty from an estimate of the network's compute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from sim.difficulty import controllers
from sim.difficulty.base import Interval, Numbers, Target


class KalmanState(NamedTuple):
    """Memory of `kalman`."""

    estimate: Numbers
    """Of ln compute."""
    precision: Numbers
    """1 / the estimate's variance; 0 before the first measurement."""


@controllers.register("kalman")
@dataclass(frozen=True)
class Kalman:
    """Estimates the logarithm of the compute, which drifts, from counts, which scatter; few nonces weigh less.

    Model: x' = x + drift · noise; ln(ideal difficulty D · n / t) = x + noise of variance 1 / found (relative variance
    of a count, or of the time that a quota takes; its mean is left out, so that the estimate is off by about 1 / (2 ·
    found)). Law: the Kalman filter's x̂, from the first epoch on; D' = exp(x̂). Stable for every drift > 0. In its
    steady state it is an exponential average whose lifetime answers to drift and count: gain² / (1 - gain) = drift² ·
    found. Source: R. E. Kalman, J. Basic Eng. 82 (1960) 35.
    """

    target: Target
    drift: Annotated[float, Field(gt=0.0, le=10.0, description="sd of ln compute's change in an epoch")] = 0.1

    def start(self, first: Interval) -> KalmanState:
        """Begin without precision: the first measurement becomes the estimate."""
        return KalmanState(np.log(first.difficulty), 0.0)

    def decide(self, state: KalmanState, interval: Interval) -> tuple[KalmanState, Numbers]:
        """Return the exponential of the estimate after the interval."""
        predicted = state.precision / (1.0 + state.precision * self.drift**2)
        precision = predicted + interval.count
        gain = interval.count / precision
        estimate = state.estimate + gain * (np.log(interval.ideal) - state.estimate)
        return KalmanState(estimate, precision), np.exp(estimate)
