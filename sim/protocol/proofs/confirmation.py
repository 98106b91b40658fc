"""Confirmation: a random re-check of the weights while their epoch runs, from v0.2.5 on (protocol 6.7)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from sim.protocol.proofs.draws import compute_hash_uniform

CUTOFF_BLOCKS = 80
"""Grace between trigger and generation, the same as the inference-validation cut-off."""
EXPECTED_PER_EPOCH = 1
SLASH_THRESHOLD = Fraction(0)
"""alpha: 0 in the code's defaults of 2025, 0.70 in its document."""


@dataclass(frozen=True)
class ConfirmationTally:
    """The weights that an event measured; silent members are absent. Stands for the event's transactions [I]."""

    measured: Mapping[str, int]


@dataclass(frozen=True)
class Confirmation:
    """The effective epoch's confirmation: weights so far, members that failed, and the event that is running."""

    initial: Mapping[str, int] = field(default_factory=dict)
    weights: Mapping[str, int] = field(default_factory=dict)
    jailed: frozenset[str] = frozenset()
    end_height: int | None = None
    """Last block of the running event; None where none is running."""


def start_confirmation(
    node_weights: Mapping[str, Mapping[int, int]], preserved: Mapping[str, Collection[int]]
) -> Confirmation:
    """S: every member starts with the weight of its nodes that are not preserved."""
    initial = compute_initial_weights(node_weights, preserved)
    return Confirmation(initial, initial)


def close_event(
    confirmation: Confirmation,
    measured: Mapping[str, int],
    *,
    absence_counts_as_zero: bool,
    threshold: Fraction = SLASH_THRESHOLD,
) -> Confirmation:
    """End of an event: weights shrink to the measured ones; members that show too little are jailed until the next S.

    Being jailed costs the epoch's reward; main net's slash is 0. Reference: protocol 6.7.
    """
    seen = {who: measured[who] for who in confirmation.weights if who in measured}
    if absence_counts_as_zero:
        seen = {who: seen.get(who, 0) for who in confirmation.weights}
    failed = {who for who, weight in seen.items() if is_slashed(weight, confirmation.initial[who], threshold=threshold)}
    return replace(
        confirmation,
        weights=confirm_weights(confirmation.weights, measured, absence_counts_as_zero=absence_counts_as_zero),
        jailed=confirmation.jailed | failed,
        end_height=None,
    )


def compute_trigger_heights(
    set_validators_height: int, next_start_height: int, event_blocks: int, *, cutoff_blocks: int = CUTOFF_BLOCKS
) -> range:
    """Heights at which a confirmation may be triggered: [S, next P - cutoff - event], both ends included.

    `event_blocks` is the length of an event from generation to the end of its validation, so that it ends by next P.
    Empty where the epoch is too short. Reference: protocol 6.7.
    """
    return range(set_validators_height, next_start_height - cutoff_blocks - event_blocks + 1)


def is_triggered(
    height: int, block_hash: str, trigger_heights: range, *, expected_per_epoch: float = EXPECTED_PER_EPOCH
) -> bool:
    """Whether this block triggers a confirmation: each in the window with chance expected / length.

    The uniform number is that of "confirmation:{hash}" [I]. Reference: protocol 6.7.
    """
    if height not in trigger_heights:
        return False
    return compute_hash_uniform(f"confirmation:{block_hash}") < expected_per_epoch / len(trigger_heights)


def compute_generation_start(trigger_height: int, *, cutoff_blocks: int = CUTOFF_BLOCKS) -> int:
    """First height of the generation, after the grace [I]. Reference: protocol 6.7."""
    return trigger_height + cutoff_blocks


def compute_initial_weights(
    node_weights: Mapping[str, Mapping[int, int]], preserved: Mapping[str, Collection[int]]
) -> dict[str, int]:
    """Confirmation weight of each participant at S: the sum over its nodes that are not preserved.

    `node_weights` is participant -> node -> weight; `preserved` holds each participant's nodes with POC_SLOT = true.
    Reference: protocol 6.7.
    """
    return {
        who: sum(weight for node, weight in nodes.items() if node not in preserved.get(who, ()))
        for who, nodes in node_weights.items()
    }


def confirm_weights(
    current: Mapping[str, int], measured: Mapping[str, int], *, absence_counts_as_zero: bool = True
) -> dict[str, int]:
    """After an event: min(current, measured) for every member.

    v0.2.5 lets a member that sent no batches keep its weight; from v0.2.6 on it has 0. Reference: protocol 0, 6.7.
    """
    return {
        participant: min(weight, measured.get(participant, 0 if absence_counts_as_zero else weight))
        for participant, weight in current.items()
    }


def is_slashed(measured_weight: int, initial_weight: int, *, threshold: Fraction = SLASH_THRESHOLD) -> bool:
    """Whether the measured weight is at most alpha of the initial one; without weight to confirm none fails [I].

    Reference: protocol 6.7.
    """
    return initial_weight > 0 and measured_weight <= threshold * initial_weight
