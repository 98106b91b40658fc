"""Difficulty by a PID rule on its logarithm."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from sim.difficulty import controllers
from sim.difficulty.base import Interval, Numbers, Target, clamp


class PidState(NamedTuple):
    """Memory of `pid`: the errors of the last two intervals."""

    before: Numbers
    before_last: Numbers


@controllers.register("pid")
@dataclass(frozen=True)
class Pid:
    """Moves the logarithm of the difficulty by a proportional, an integral and a derivative share of the error.

    Law (velocity form), e = ln(n / t), n = found / wanted, t = time / wanted time: ln D' = ln D + k_i · e + k_p · (e -
    e₁) + k_d · (e - 2 e₁ + e₂), with e₁ and e₂ the errors one and two epochs before. The sum of past errors is the
    difficulty itself, so that a bound on the step cannot wind anything up. Compute enters as ln found = ln compute - ln
    D, hence for k_d = 0 stable iff k_i > 0, |k_p| < 1 and k_i + 2 k_p < 2 (Jury). No steady error of the mean logarithm
    under constant compute; the mean itself is off by chance's curvature, about 1 / (2 · wanted), and more for few
    nonces. Source: K. J. Åström, T. Hägglund, Advanced PID Control (2006), 13.
    """

    target: Target
    k_p: Annotated[float, Field(ge=-10.0, le=10.0, description="share of the error's change")] = 0.2
    k_i: Annotated[float, Field(ge=0.0, le=10.0, description="share of the error")] = 0.5
    k_d: Annotated[float, Field(ge=-10.0, le=10.0, description="share of the change of the error's change")] = 0.0
    max_step: Annotated[float, Field(gt=1.0, le=1000.0, description="largest factor of one decision")] = 4.0

    def start(self, first: Interval) -> PidState:
        """Errors from before the first epoch count as the first one's."""
        error = np.log(first.speed)
        return PidState(error, error)

    def decide(self, state: PidState, interval: Interval) -> tuple[PidState, Numbers]:
        """Return the moved difficulty."""
        error = np.log(interval.speed)
        now, once, twice = self._weights
        bound = math.log(self.max_step)
        move = clamp(now * error + once * state.before + twice * state.before_last, -bound, bound)
        return PidState(error, state.before), interval.difficulty * np.exp(move)

    @property
    def _weights(self) -> tuple[float, float, float]:
        """Weights of e, e₁ and e₂ in the sum of the three shares."""
        return self.k_i + self.k_p + self.k_d, -self.k_p - 2.0 * self.k_d, self.k_d
