"""The worth of a nonce of each model: coefficients that follow the models' shares of the work (mechanisms 1).

1. Models with terms are enabled; a model without them has coefficient 0 and no state.
2. A new model starts at the floor of its corridor and is left alone in its first epoch.
3. Every carried coefficient is clamped into its corridor, which governance may have moved.
4. A model with the target 0 lies at its floor.
5. Inside the zone around its target a coefficient rests, and forgets.
6. Outside, it moves towards the target; a model that hardly anybody serves may take larger steps.
7. The step doubles while the direction stays, and halves with each reversal.
8. The moved coefficient is clamped again.

Numbers are exact fractions. Stored and paid coefficients have 18 decimal places, rounded half to even; that each value
is rounded once, at its end, is our reading [I].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

Number = TypeVar("Number", Fraction, float)

UNIT = 10**18


@dataclass(frozen=True)
class StepRule:
    """How far coefficients move in an epoch, the same for all models. Reference: mechanisms 1.2."""

    zone: Fraction = Fraction(5, 100)
    """Distance of a share from its target that is left alone, bounds included."""
    floor: Fraction = Fraction(5, 1000)
    ceiling: Fraction = Fraction(5, 100)
    bootstrap_ceiling: Fraction = Fraction(25, 100)
    """Ceiling for a share below `bootstrap_share`."""
    bootstrap_share: Fraction = Fraction(1, 100)

    @property
    def first(self) -> Fraction:
        """The step of a model that is new, or rests: half a ceiling, so that the first move is a whole one."""
        return self.ceiling / 2


@dataclass(frozen=True)
class ModelTerms:
    """Governance's parameters of one model. Reference: mechanisms 1.1."""

    low: Fraction
    high: Fraction
    target: Fraction
    """Wanted share; those of all models sum to 1."""
    difficulty: Fraction = Fraction(1)
    """Makes its nonces comparable with other models'; not a price."""


@dataclass(frozen=True)
class ModelState:
    """A model's state on chain from one epoch to the next. Reference: mechanisms 1.1."""

    coefficient: Fraction
    step: Fraction
    direction: int = 0
    """Of the last move: -1, 0 (none) or +1."""


def round_stored(value: Fraction) -> Fraction:
    """Return the value with 18 decimal places, half to even."""
    return Fraction(round(value * UNIT), UNIT)


def compute_work(totals: Mapping[str, int], terms: Mapping[str, ModelTerms]) -> dict[str, Fraction]:
    """Nonces of each enabled model, made comparable; 0 where no node serves it. Reference: mechanisms 1.1, 1.4."""
    return {model: term.difficulty * totals.get(model, 0) for model, term in terms.items()}


def compute_next_states(
    states: Mapping[str, ModelState],
    terms: Mapping[str, ModelTerms],
    totals: Mapping[str, int] | None,
    rule: StepRule,
) -> dict[str, ModelState]:
    """Return the states of an epoch from those of the epoch before and its validated nonces by model.

    `totals` is None where there was no such epoch: then the states stay. Reference: mechanisms 1.2.
    """
    work = compute_work(totals or {}, terms)
    total = sum(work.values(), Fraction(0))
    following = {}
    for model, term in terms.items():
        known = states.get(model)
        if known is None:
            following[model] = ModelState(term.low, rule.first)
        elif totals is None:
            following[model] = known
        else:
            following[model] = move_coefficient(known, term, work[model], total, rule)
    return following


def move_coefficient(
    state: ModelState, terms: ModelTerms, work: Fraction, total: Fraction, rule: StepRule
) -> ModelState:
    """One model's steps 3 to 8; `work` is its part of `total`, compared without division. Reference: mechanisms 1.2.

    Where the whole network has found nothing, every share is 0.
    """
    carried = _clamp(state.coefficient, terms.low, terms.high)
    if terms.target == 0:
        return ModelState(terms.low, rule.first)
    total = total if total else Fraction(1)
    if (terms.target - rule.zone) * total <= work <= (terms.target + rule.zone) * total:
        return ModelState(carried, rule.first)
    direction = 1 if work < terms.target * total else -1
    ceiling = rule.bootstrap_ceiling if work < rule.bootstrap_share * total else rule.ceiling
    if state.direction in (0, direction):
        step = min(2 * state.step, ceiling)
    else:
        step = min(max(round_stored(state.step / 2), rule.floor), ceiling)
    moved = round_stored(carried * (1 + direction * step))
    return ModelState(_clamp(moved, terms.low, terms.high), step, direction)


def compute_effective(
    states: Mapping[str, ModelState], terms: Mapping[str, ModelTerms], totals: Mapping[str, int]
) -> dict[str, Fraction]:
    """Return the weight of a nonce of each model, from the shares of the epoch itself. Reference: mechanisms 1.3."""
    work = compute_work(totals, terms)
    total = sum(work.values(), Fraction(0))
    return {
        model: round_stored(dilute(states[model].coefficient, term.low, term.target * total, work[model]))
        for model, term in terms.items()
    }


def dilute(coefficient: Number, low: Number, wanted: Number, work: Number) -> Number:
    """Pay the coefficient for work up to the wanted amount, the floor for the rest. Reference: mechanisms 1.3.

    `wanted` and `work` in the same unit. A model without any work advertises its whole coefficient.
    """
    return coefficient if work <= wanted or work == 0 else low + (coefficient - low) * wanted / work


def weigh(nonces: Mapping[str, int], effective: Mapping[str, Fraction]) -> Fraction:
    """Weight of a host, or of a network: nonces by model times their weights. Reference: mechanisms 1.3.

    A model that is not enabled counts 0. How the chain truncates the sum is not published.
    """
    return sum((count * effective.get(model, Fraction(0)) for model, count in nonces.items()), Fraction(0))


def _clamp(value: Fraction, low: Fraction, high: Fraction) -> Fraction:
    return min(max(value, low), high)
