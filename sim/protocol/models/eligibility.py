"""The models of an epoch: those whose group is strong enough by the weight that its members had before (network 2.9.3).

A model that is not eligible pays nothing; its hosts stay in the epoch, with the weight that other models give them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction

from sim.protocol.models.params import ModelParams, sort_models


def select_models(
    models: Iterable[ModelParams],
    members: Mapping[str, Mapping[str, int]],
    old: Mapping[str, int],
    w_threshold: Fraction,
    v_min: int,
) -> tuple[ModelParams, ...]:
    """Return the eligible models, by name; `members` are new weights in each model by host, `old` those before."""
    return tuple(
        model
        for model in sort_models(models)
        if model.name in members and is_eligible(model, members[model.name], old, w_threshold, v_min)
    )


def is_eligible(
    model: ModelParams, new: Mapping[str, int], old: Mapping[str, int], w_threshold: Fraction, v_min: int
) -> bool:
    """Whether a group of hosts makes its model eligible: by their weight, and by their number.

    `new` are the hosts with a node seated in the model and their weight in it, `old` the weights of hosts of the epoch
    before that are still in; newcomers have none. Reference: network 2.9.3.
    """
    if model.coefficient <= 0:
        return False
    weight = sum(old.get(who, 0) for who in new)
    if weight < reach(w_threshold, old):
        return False
    if model.is_initial and sum(held > 0 for held in old.values()) < v_min:
        return True
    return sum(found > 0 and old.get(who, 0) > 0 for who, found in new.items()) >= v_min


def reach(w_threshold: Fraction, old: Mapping[str, int]) -> int:
    """Return the old weight that a group needs: trunc(share · total)."""
    return math.trunc(w_threshold * sum(old.values()))
