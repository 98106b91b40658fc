"""How each host takes part in each model, and what that costs it (network 2.9.5).

DIRECT serves the model, DELEGATE lends its vote to a host that does, REFUSE has said no, NONE has done nothing.
Penalties and shares are parts of the reward, summed over models; they count for hosts with weight, from the epoch on
that governance has set for the model.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from sim.protocol.models.params import GroupParams, ModelParams
from sim.protocol.models.stances import Stance, StanceKind


class ModelMode(StrEnum):
    """A host's part in one model."""

    DIRECT = "direct"
    REFUSE = "refuse"
    DELEGATE = "delegate"
    NONE = "none"


class Participation(NamedTuple):
    """The mode of a host in a model, and its delegate where it has one."""

    mode: ModelMode
    delegate: str = ""


class DelegatedShare(NamedTuple):
    """The part of its reward that a member leaves to its delegate in one model."""

    delegate: str
    share: Fraction


@dataclass(frozen=True)
class Dues:
    """What members lose of their rewards, by host."""

    penalties: Mapping[str, Fraction] = field(default_factory=dict)
    """At most 1."""
    shares: Mapping[str, tuple[DelegatedShare, ...]] = field(default_factory=dict)


def find_modes(
    members: Collection[str], hosts: Collection[str], stances: Mapping[str, Stance]
) -> dict[str, Participation]:
    """Return how each of `hosts` takes part in a model: the first mode that fits.

    `hosts` have old weight or are in the new epoch, and only they can be a delegate; `members` have a node seated in
    the model; `stances` are those at V. Reference: network 2.9.5.
    """
    found = {}
    for who in hosts:
        stance = stances.get(who)
        if who in members:
            found[who] = Participation(ModelMode.DIRECT)
        elif stance is not None and stance.kind is StanceKind.REFUSES:
            found[who] = Participation(ModelMode.REFUSE)
        elif stance is not None and stance.delegate in members and stance.delegate in hosts:
            found[who] = Participation(ModelMode.DELEGATE, stance.delegate)
        else:
            found[who] = Participation(ModelMode.NONE)
    return found


def compute_dues(
    modes: Mapping[str, Mapping[str, Participation]],
    idle: Mapping[str, Iterable[str]],
    models: Iterable[ModelParams],
    new: Mapping[str, int],
    params: GroupParams,
    epoch_index: int,
) -> Dues:
    """Sum penalties and list shares, over models, for hosts with new weight.

    `modes` are those in eligible models by model and host; `idle` are the hosts that pay for a model that starts, by
    model. A model whose penalties begin later costs nothing yet, shares included [I]. Reference: network 2.9.5.
    """
    penalties: dict[str, Fraction] = {}
    shares: dict[str, tuple[DelegatedShare, ...]] = {}
    for model in models:
        if epoch_index < model.penalty_start_epoch:
            continue
        for who, fraction in _list_penalties(modes.get(model.name, {}), idle.get(model.name, ()), params):
            if new.get(who, 0) > 0:
                penalties[who] = min(Fraction(1), penalties.get(who, Fraction(0)) + fraction)
        for who, (mode, delegate) in modes.get(model.name, {}).items():
            if mode is ModelMode.DELEGATE and new.get(who, 0) > 0:
                shares[who] = (*shares.get(who, ()), DelegatedShare(delegate, params.delegation_share))
    return Dues(penalties, shares)


def _list_penalties(
    modes: Mapping[str, Participation], idle: Iterable[str], params: GroupParams
) -> Iterator[tuple[str, Fraction]]:
    fractions = {ModelMode.REFUSE: params.refusal_penalty, ModelMode.NONE: params.no_participation_penalty}
    yield from ((who, fractions[part.mode]) for who, part in modes.items() if part.mode in fractions)
    yield from ((who, params.no_participation_penalty) for who in idle)
