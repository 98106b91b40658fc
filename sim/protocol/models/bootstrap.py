"""Models that start: which may expect a group, and the penalty of hosts that do nothing for it (network 2.9).

Before P it is decided, from intents and delegations, whether a model without voting powers will find its voters. Being
so expected changes nothing but the penalty.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from sim.protocol.models.eligibility import reach
from sim.protocol.models.params import ModelParams
from sim.protocol.models.stances import Stance, StanceKind, select_kind


@dataclass(frozen=True)
class Expectation:
    """The tests of a model that wants to start; each of them may fail alone."""

    has_coefficient: bool
    has_weight: bool
    has_members: bool
    is_reachable: bool
    """More than two thirds of the old weight could vote: by intents, or delegated to them."""

    @property
    def is_met(self) -> bool:
        """Whether the model is expected to start."""
        return self.has_coefficient and self.has_weight and self.has_members and self.is_reachable


def expect_start(
    model: ModelParams, stances: Mapping[str, Stance], old: Mapping[str, int], w_threshold: Fraction, v_min: int
) -> Expectation:
    """Judge one model by its `stances` at the freeze and the weights of the epoch in force. Reference: network 2.9."""
    intents = {who: old.get(who, 0) for who in select_kind(stances, StanceKind.INTENDS)}
    delegated = sum(
        old.get(who, 0)
        for who, stance in select_kind(stances, StanceKind.DELEGATES).items()
        if stance.delegate in intents
    )
    intended = sum(intents.values())
    return Expectation(
        has_coefficient=model.coefficient > 0,
        has_weight=intended >= reach(w_threshold, old),
        has_members=sum(weight > 0 for weight in intents.values()) >= v_min,
        is_reachable=3 * (intended + delegated) > 2 * sum(old.values()),
    )


def expect_starts(
    models: Iterable[ModelParams],
    active: Collection[str],
    stances: Mapping[str, Mapping[str, Stance]],
    old: Mapping[str, int],
    w_threshold: Fraction,
    v_min: int,
) -> frozenset[str]:
    """Return the names of the models that are expected to start; `active` are those with voting powers."""
    return frozenset(
        model.name
        for model in models
        if model.name not in active and expect_start(model, stances.get(model.name, {}), old, w_threshold, v_min).is_met
    )


def list_idle(
    stances: Mapping[str, Stance],
    committed: Collection[str],
    new: Iterable[str],
    old: Collection[str],
    *,
    is_expected: bool,
    spares_newcomers: bool,
) -> Iterator[str]:
    """Yield the hosts that pay for a model which neither was active nor is eligible now.

    Who committed to it, passed or not, pays nothing, nor who delegated to anybody; who declared an intent pays only if
    the model was expected to start. `stances` are those at the freeze, `new` the hosts with weight in the new epoch,
    `old` those of the epoch before. With `spares_newcomers` only an expected model counts [I], and only old hosts.
    Reference: network 2.9.5.
    """
    if spares_newcomers and not is_expected:
        return
    for who in new:
        kind = stances[who].kind if who in stances else None
        is_free = who in committed or kind is StanceKind.DELEGATES or (kind is StanceKind.INTENDS and not is_expected)
        if not is_free and (who in old or not spares_newcomers):
            yield who
