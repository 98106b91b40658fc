"""The weight that each model gives its hosts: coefficients, and the cap on groups beside the base one (network 2.9.4).

1. A host's nodes in a model weigh together what they proved, times the model's coefficient, truncated.
2. The group of a model that is neither the base model nor alone weighs 0.75 of the old network at most.
3. So all its members are scaled alike, and truncated once more.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from sim.protocol.models.params import ModelParams

DECIMALS = 10**18


@dataclass(frozen=True)
class ConsensusWeight:
    """Weights before collateral and power cap, by host, and what one raw unit gives in each eligible model."""

    weights: Mapping[str, int]
    scales: Mapping[str, Fraction]
    """Coefficient times scale of the group, frozen for the epoch: confirmations and rewards count by them."""


def cap_group(old_total: int, cap_factor: Fraction) -> int:
    """Return the largest weight of a group beside the base model. Reference: network 2.9.4."""
    return math.trunc(cap_factor * old_total)


def weigh_group(members: Mapping[str, int], coefficient: Fraction) -> dict[str, int]:
    """Return trunc(coefficient · weight) of each member."""
    return {who: math.trunc(coefficient * weight) for who, weight in members.items()}


def compute_scale(weights: Iterable[int], cap: int) -> Fraction:
    """Return cap / sum, at most 1, with 18 decimal places, rounded to nearest. Reference: network 2.9.4."""
    total = sum(weights)
    return Fraction(round(Fraction(cap * DECIMALS, total)), DECIMALS) if total > cap else Fraction(1)


def compute_consensus_weights(
    eligible: Collection[ModelParams],
    members: Mapping[str, Mapping[str, int]],
    hosts: Mapping[str, int],
    cap: int | None,
) -> ConsensusWeight:
    """Sum each host's weights over the eligible models.

    `members` are raw weights by model and host; `hosts` are all hosts, with weight that they have without any model.
    `cap` is the largest weight of a group beside the base model, None for no cap. Reference: network 2.9.4.
    """
    weights, scales = dict(sorted(hosts.items())), {}
    for model in eligible:
        group = weigh_group(members[model.name], model.coefficient)
        is_free = cap is None or model.is_initial or len(eligible) == 1
        scale = Fraction(1) if is_free else compute_scale(group.values(), cap or 0)
        scales[model.name] = scale * model.coefficient
        for who, weight in group.items():
            weights[who] += math.trunc(scale * weight)
    return ConsensusWeight(weights, scales)
