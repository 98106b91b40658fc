"""Confirmation: a random re-check of the weights while their epoch runs, from v0.2.5 on (protocol 6.7)."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import NamedTuple

from sim.protocol.proofs.draws import compute_hash_uniform

RATIO_UNIT = 10**16
"""The chain keeps the ratio to 16 decimals."""


@dataclass(frozen=True)
class ConfirmationTally:
    """The weights that an event measured; silent members are absent. Stands for the event's transactions [I]."""

    measured: Mapping[str, int]


@dataclass(frozen=True)
class Confirmation:
    """The effective epoch's confirmation: weights so far, and the event that is running."""

    initial: Mapping[str, int] = field(default_factory=dict)
    weights: Mapping[str, int] = field(default_factory=dict)
    end_height: int | None = None
    """Block at whose end the running event is read out; None where none is running."""
    pause_end: int = 0
    """First block that may trigger an event after the last one."""


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


def read_event(
    confirmation: Confirmation, measured: Mapping[str, int], *, absence_counts_as_zero: bool
) -> dict[str, int]:
    """What the event showed of each member, at most what it had at first.

    v0.2.5 takes a member that showed nothing for one that showed all; from v0.2.6 on it has shown 0. Members that were
    voted down or have no seed count as absent too. Reference: protocol 0, 6.7.
    """
    return {
        who: min(whole, measured.get(who, 0 if absence_counts_as_zero else whole))
        for who, whole in confirmation.initial.items()
    }


def close_event(confirmation: Confirmation, shown: Mapping[str, int], *, pause_end: int) -> Confirmation:
    """End of an event: weights shrink to what was shown; those of members that it did not ask stay.

    Reference: protocol 6.7.
    """
    return replace(shrink_weights(confirmation, shown), end_height=None, pause_end=pause_end)


def shrink_weights(confirmation: Confirmation, shown: Mapping[str, int]) -> Confirmation:
    """Let weights shrink to what was shown, which is all that a failed challenge does. Reference: network 2.13."""
    weights = {who: min(weight, shown.get(who, weight)) for who, weight in confirmation.weights.items()}
    return replace(confirmation, weights=weights)


def compute_ratio(confirmed: int, initial: int, enough: Fraction = Fraction(1)) -> Fraction:
    """Confirmed share of the weight that was to be shown, over the share that is `enough`: at most 1, 16 decimals.

    1 where nothing was to be shown. Both quotients are rounded. Reference: protocol 6.7, network 2.11.
    """
    if initial == 0:
        return Fraction(1)
    return min(Fraction(1), _round_ratio(_round_ratio(Fraction(confirmed, initial)) / enough))


def _round_ratio(ratio: Fraction) -> Fraction:
    """To 16 decimals; a half is rounded up."""
    return Fraction(math.floor(ratio * RATIO_UNIT + Fraction(1, 2)), RATIO_UNIT)


def compute_confirmed_part(weight: int, confirmed: int, raw_total: int) -> int:
    """The part of a final weight that confirmations left: floor(weight · confirmed / raw total), at most all of it.

    `raw_total` is the weight of all its ML nodes, in the unit of `confirmed`. 0 where either is not positive.
    Reference: network 2.9, 2.12.
    """
    if confirmed <= 0 or raw_total <= 0:
        return 0
    return max(0, min(weight, weight * confirmed // raw_total))


class ConfirmationHeights(NamedTuple):
    """The heights of a confirmation, each the first or the last of its kind. Reference: protocol 6.7."""

    generation_start: int
    """G: the hash of the block before it seeds the work."""
    last_batch: int
    """Batches land from G + 1 on."""
    first_vote: int
    last_vote: int
    read_out: int
    """At the end of this block the weights shrink."""
    generation_end: int
    """Its end stops the ML nodes."""

    @property
    def validation_start(self) -> int:
        """At the end of this block the claims are known, and powers of voters are frozen."""
        return self.first_vote - 1


def compute_event(
    trigger_height: int, *, cutoff: int, generation: int, exchange: int, delay: int, validation: int
) -> ConfirmationHeights:
    """Return the heights of the event that a block triggers; lengths in blocks are those of a regular proof of compute.

    A stage changes at the end of a block, so that its messages land from the next one on. Reference: protocol 6.7.
    """
    start = trigger_height + max(cutoff, 1)
    generation_end = start + generation - 1
    last_batch = generation_end + exchange
    validation_start = last_batch + delay
    last_vote = validation_start + validation - 1
    return ConfirmationHeights(start, last_batch, validation_start + 1, last_vote, last_vote + 1, generation_end)


def compute_trigger_heights(
    set_validators_height: int, next_start_height: int, event_blocks: int, cutoff_blocks: int, spare_blocks: int = 0
) -> range:
    """Heights at which a confirmation may be triggered: [S, next P - cutoff - event - spare], both ends included.

    `event_blocks`: generation, exchange, delay and validation; `spare_blocks` lie, from v0.2.10 on, between the last
    event's end and the next P. Empty where the epoch is too short. Reference: protocol 6.7, network 2.11.
    """
    return range(set_validators_height, next_start_height - cutoff_blocks - event_blocks - spare_blocks + 1)


def is_triggered(height: int, block_hash: str, trigger_heights: range, expected_per_epoch: float) -> bool:
    """Whether this block triggers a confirmation: each in the window with chance expected / length.

    The uniform number is that of "{s}:confirmation_poc_trigger_{height}", s being the first 8 bytes of the block's
    hash, which is hexadecimal text, as a signed number. Reference: protocol 6.7.
    """
    if height not in trigger_heights:
        return False
    seed = int.from_bytes(bytes.fromhex(block_hash)[:8], "big", signed=True)
    uniform = compute_hash_uniform(f"{seed}:confirmation_poc_trigger_{height}")
    return uniform < expected_per_epoch / len(trigger_heights)
