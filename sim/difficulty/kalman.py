"""Difficulty from an estimate of the network's compute."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from sim.difficulty import controllers
from sim.difficulty.base import Target
from sim.protocol.state import EpochObservation


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

    def next_difficulty(self, history: Sequence[EpochObservation]) -> float:
        """Return the exponential of the estimate after the last epoch."""
        estimate, variance = self._measure(history[0])
        for observation in history[1:]:
            measured, noise = self._measure(observation)
            variance += self.drift**2
            gain = variance / (variance + noise)
            estimate += gain * (measured - estimate)
            variance *= 1.0 - gain
        return math.exp(estimate)

    def _measure(self, observation: EpochObservation) -> tuple[float, float]:
        """An epoch's ln(ideal difficulty) and the variance of its noise."""
        return math.log(self.target.compute_ideal(observation)), 1.0 / self.target.compute_count(observation)
