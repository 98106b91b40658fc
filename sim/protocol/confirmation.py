"""Confirmation: a random re-check of the weights while their epoch runs, from v0.2.5 on (protocol 6.7)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fractions import Fraction

from sim.protocol.uniforms import compute_hash_uniform

CUTOFF_BLOCKS = 80
"""Grace between trigger and generation, the same as the inference-validation cut-off."""
EXPECTED_PER_EPOCH = 1
SLASH_THRESHOLD = Fraction(0)
"""alpha: 0 in the code's defaults of 2025, 0.70 in its document."""


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


def compute_seed_height(trigger_height: int, *, cutoff_blocks: int = CUTOFF_BLOCKS) -> int:
    """Height whose block hash is the event's seed: the one before the generation. Reference: protocol 6.7."""
    return compute_generation_start(trigger_height, cutoff_blocks=cutoff_blocks) - 1


def compute_initial_weights(
    node_weights: Mapping[str, Mapping[str, int]], preserved: Collection[tuple[str, str]]
) -> dict[str, int]:
    """Confirmation weight of each participant at S: the sum over its nodes that are not preserved.

    `node_weights` is participant -> node -> weight; `preserved` holds (participant, node) of POC_SLOT = true.
    Reference: protocol 6.7.
    """
    return {
        who: sum(weight for node, weight in nodes.items() if (who, node) not in preserved)
        for who, nodes in node_weights.items()
    }


def confirm_weights(
    current: Mapping[str, int], measured: Mapping[str, int], *, absence_counts_as_zero: bool = True
) -> dict[str, int]:
    """After an event: min(current, measured) for everybody.

    v0.2.5 lets who sent no batches keep its weight; from v0.2.6 on it has 0. Reference: protocol 0, 6.7.
    """
    return {
        participant: min(weight, measured.get(participant, 0 if absence_counts_as_zero else weight))
        for participant, weight in current.items()
    }


def is_slashed(measured_weight: int, initial_weight: int, *, threshold: Fraction = SLASH_THRESHOLD) -> bool:
    """Whether the measured weight is at most alpha of the initial one; who had nothing to confirm is spared [I].

    Reference: protocol 6.7.
    """
    return initial_weight > 0 and measured_weight <= threshold * initial_weight
