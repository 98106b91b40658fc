"""Confirmation: a random re-check of the weights while their epoch runs, from v0.2.5 on (protocol 6.7)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from sim.protocol.proofs.draws import compute_hash_uniform

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
    """S: every member starts with the summed weight of its nodes that are not preserved.

    `node_weights` is participant -> node -> weight; `preserved` holds each participant's nodes with POC_SLOT = true.
    Reference: protocol 6.7.
    """
    initial = {
        who: sum(weight for node, weight in nodes.items() if node not in preserved.get(who, ()))
        for who, nodes in node_weights.items()
    }
    return Confirmation(initial, initial)


def close_event(
    confirmation: Confirmation, measured: Mapping[str, int], *, absence_counts_as_zero: bool, threshold: Fraction
) -> Confirmation:
    """End of an event: weights shrink to what was measured; a share of at most `threshold` is jailed until the next S.

    v0.2.5 lets a member that sent no batches keep its weight; from v0.2.6 on it has 0. The share is of the weight at S;
    without weight to confirm none fails [I]. Being jailed costs the epoch's reward; main net's slash is 0.
    Reference: protocol 0, 6.7.
    """
    weights, initial = confirmation.weights, confirmation.initial
    seen = {who: measured.get(who, 0) for who in weights if absence_counts_as_zero or who in measured}
    failed = {who for who, weight in seen.items() if initial[who] > 0 and weight <= threshold * initial[who]}
    return replace(
        confirmation,
        weights={who: min(weight, seen.get(who, weight)) for who, weight in weights.items()},
        jailed=confirmation.jailed | failed,
        end_height=None,
    )


def compute_trigger_heights(
    set_validators_height: int, next_start_height: int, event_blocks: int, cutoff_blocks: int
) -> range:
    """Heights at which a confirmation may be triggered: [S, next P - cutoff - event], both ends included.

    Generation begins `cutoff_blocks` after the trigger [I]. `event_blocks` is the length of an event from generation to
    the end of its validation, so that it ends by next P. Empty where the epoch is too short. Reference: protocol 6.7.
    """
    return range(set_validators_height, next_start_height - cutoff_blocks - event_blocks + 1)


def is_triggered(height: int, block_hash: str, trigger_heights: range, expected_per_epoch: float) -> bool:
    """Whether this block triggers a confirmation: each in the window with chance expected / length.

    The uniform number is that of "confirmation:{hash}" [I]. Reference: protocol 6.7.
    """
    if height not in trigger_heights:
        return False
    return compute_hash_uniform(f"confirmation:{block_hash}") < expected_per_epoch / len(trigger_heights)
