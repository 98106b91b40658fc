"""Difficulty by the rule that steps the live network's coefficients since 2026."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

from pydantic import Field

from sim.difficulty import controllers
from sim.difficulty.base import Target
from sim.protocol.coefficients import ModelState, ModelTerms, StepRule, move_coefficient
from sim.protocol.state import EpochObservation

Step = Annotated[float, Field(gt=0.0, lt=1.0)]


@controllers.register("coefficient")
@dataclass(frozen=True)
class Coefficient:
    """Steps a coefficient within a corridor whenever the found share of the wanted lies outside a zone.

    The network rules coefficients of models, which draw work; here one coefficient c makes nonces cheaper: D' = D₀ / c,
    D₀ in force in the first epoch, c = 1 in it. The share is n / t (n = found / wanted, t = time / wanted time), its
    target 1. Law: within `zone` of it c rests; outside c' = c · (1 ± s), towards it, within [`low`, `high`]; s doubles
    up to `step_ceiling` while the direction stays and halves down to `step_floor` when it turns. A share below
    `bootstrap_share` may take steps up to `bootstrap_ceiling`. The size of an error does not matter, only its sign:
    always bounded; without noise and change it comes to rest if step_ceiling · (1 + zone) <= 2 · zone, and without zone
    it circles the target by `step_floor`. Twice the compute takes ln 2 / -ln(1 - step_ceiling) epochs, 14 of the
    network's. With noise beyond the zone it meets the median, not the mean: single blocks take 1 / ln 2 = 1.44 times
    the wanted time on average. Memory: c, s and the last direction. Dilution is no part of it: it divides pay, not
    work. Source: the network's dynamic coefficients (v0.2.16, 2026). Reference: mechanisms 1.2.
    """

    target: Target
    low: Annotated[float, Field(gt=0.0, le=1.0, description="smallest coefficient: D at most D₀ / low")] = 0.1
    high: Annotated[float, Field(ge=1.0, le=1e6, description="largest coefficient: D at least D₀ / high")] = 10.0
    zone: Annotated[float, Field(ge=0.0, lt=1.0, description="distance of a share from 1 that is left alone")] = 0.05
    step_floor: Annotated[Step, Field(description="smallest step after a reversal")] = 0.005
    step_ceiling: Annotated[Step, Field(description="largest step")] = 0.05
    bootstrap_ceiling: Annotated[Step, Field(description="largest step for a share below `bootstrap_share`")] = 0.25
    bootstrap_share: Annotated[float, Field(ge=0.0, lt=1.0, description="share that counts as next to nothing")] = 0.01

    def next_difficulty(self, history: Sequence[EpochObservation]) -> float:
        """Return the first difficulty over the coefficient, stepped once for each epoch."""
        rule = StepRule(*map(_exact, self.steps))
        terms = ModelTerms(_exact(self.low), _exact(self.high), target=Fraction(1))
        state = ModelState(Fraction(1), rule.first)
        for observation in history:
            speed = _exact(self.target.compute_speed(observation))
            state = move_coefficient(state, terms, speed, Fraction(1), rule)
        return history[0].difficulty / float(state.coefficient)

    @property
    def steps(self) -> tuple[float, ...]:
        """Parameters of the rule in the order of `StepRule`."""
        return self.zone, self.step_floor, self.step_ceiling, self.bootstrap_ceiling, self.bootstrap_share


def _exact(number: float) -> Fraction:
    """Return the shortest decimal that a float stands for: 0.05 is 5 / 100."""
    return Fraction(str(number))
