"""Coefficients that move inside a run, from epoch to epoch (network 2.14, from v0.2.16 on).

1. Governance's coefficients stay the middle of narrow corridors; models want equal shares of the work.
2. An epoch's coefficients follow from those of the epoch before and the work of that epoch.
3. What is paid also depends on the work of the epoch itself: the part above the wanted share earns the least.

The law is `sim.protocol.models.coefficients`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType
from typing import NamedTuple

from sim.protocol.models.coefficients import ModelState, ModelTerms, StepRule, compute_effective, compute_next_states
from sim.protocol.models.history import DEEPSEEK, GLM_5_3, MINIMAX
from sim.protocol.models.params import ModelParams
from sim.protocol.models.seating import NodeWeights, sum_by_model

RANGE = Fraction(1, 10)
"""Of a coefficient, up and down, at the launch."""
BPS = 10_000
RULE = StepRule()


class Corridor(NamedTuple):
    """What benchmarks say of a model: its comparable work per nonce, and the bounds of a coefficient that pays."""

    difficulty: Fraction
    low: Fraction
    high: Fraction


CORRIDORS: Mapping[str, Corridor] = MappingProxyType(
    {
        GLM_5_3: Corridor(Fraction("2.668169014084"), Fraction("0.508468965517"), Fraction("0.847197025352")),
        DEEPSEEK: Corridor(Fraction("1.541666666666"), Fraction("0.183272727272"), Fraction("0.48951")),
        MINIMAX: Corridor(Fraction(1), Fraction("0.3024"), Fraction("0.3024")),
    }
)
"""Scheme PREFILL; MiniMax is the fixed one. Reference: mechanisms 1.5"""


@dataclass(frozen=True)
class CoefficientMemory:
    """What an epoch leaves to the next."""

    states: Mapping[str, ModelState]
    totals: Mapping[str, int]
    """Raw weight of all hosts by model."""


def launch_terms(models: Sequence[ModelParams]) -> dict[str, ModelTerms]:
    """Return each paying model's corridor, a tenth around its coefficient within what benchmarks allow, and target.

    Targets are equal in basis points, the remainder goes to the initial model. A model without benchmarks has a tenth
    and the difficulty 1. Reference: network 2.14.
    """
    paying = [model for model in models if model.coefficient > 0]
    equal, remainder = divmod(BPS, len(paying)) if paying else (0, 0)
    terms = {}
    for model in paying:
        low, high = (1 - RANGE) * model.coefficient, (1 + RANGE) * model.coefficient
        known = CORRIDORS.get(model.name, Corridor(Fraction(1), low, high))
        target = Fraction(equal + (remainder if model.is_initial else 0), BPS)
        terms[model.name] = ModelTerms(max(low, known.low), min(high, known.high), target, known.difficulty)
    return terms


def move_coefficients(
    memory: CoefficientMemory | None, models: Sequence[ModelParams], totals: Mapping[str, int]
) -> tuple[CoefficientMemory, tuple[ModelParams, ...]]:
    """Return what the next epoch needs, and the models with the coefficients that this one pays.

    `models` hold governance's coefficients, with which an epoch without memory begins; `totals` are this epoch's. A
    model that comes later starts at the floor of its corridor. Reference: network 2.14, mechanisms 1.2, 1.3.
    """
    terms = launch_terms(models)
    if memory is None:
        states = {model.name: ModelState(model.coefficient, RULE.first) for model in models if model.name in terms}
    else:
        states = compute_next_states(memory.states, terms, memory.totals, RULE)
    paid = compute_effective(states, terms, totals)
    moved = tuple(replace(model, coefficient=paid.get(model.name, Fraction(0))) for model in models)
    return CoefficientMemory(states, dict(totals)), moved


def count_work(models: Iterable[ModelParams], proved: NodeWeights) -> dict[str, int]:
    """Return all hosts' raw weight in each model, 0 where no node serves it."""
    members = sum_by_model(proved)
    return {model.name: sum(members.get(model.name, {}).values()) for model in models}
