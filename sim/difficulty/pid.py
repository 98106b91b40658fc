"""Difficulty by a PID rule on its logarithm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from sim.difficulty import controllers
from sim.difficulty.base import Target
from sim.protocol.state import EpochObservation


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

    def next_difficulty(self, history: Sequence[EpochObservation]) -> float:
        """Return the moved difficulty; errors from before the first epoch count as the first one's."""
        errors = [math.log(self.target.compute_speed(observation)) for observation in history[-3:]]
        before_last, before, error = [errors[0]] * (3 - len(errors)) + errors
        move = self.k_i * error + self.k_p * (error - before) + self.k_d * (error - 2.0 * before + before_last)
        bound = math.log(self.max_step)
        return history[-1].difficulty * math.exp(min(max(move, -bound), bound))
