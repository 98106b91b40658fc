"""What happens between two proofs of compute: inferences are counted, confirmations are triggered and closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sim.protocol.collateral import SLASH_INVALID
from sim.protocol.confirmation import (
    close_event,
    compute_generation_start,
    compute_trigger_heights,
    is_triggered,
)
from sim.protocol.formation import GOVERNANCE_MODELS
from sim.protocol.inference_status import Status
from sim.protocol.params import ProtocolParams
from sim.protocol.payments import Payment
from sim.protocol.service import Counts, InferenceTally, apply_tally
from sim.protocol.settling import slash_deposits
from sim.protocol.state import Block, ChainState, get_model_weights


@dataclass(frozen=True)
class EpochServed:
    """An epoch's requests by participant, the statuses that they led to, prices in ngonka per token by model."""

    index: int
    counts: Mapping[str, Counts]
    statuses: Mapping[str, Status]
    prices: Mapping[str, int]
    payments: tuple[Payment, ...]


@dataclass(frozen=True)
class EventClosed:
    """The end of a confirmation in an epoch: weights before, as measured and after, and who failed."""

    index: int
    before: Mapping[str, int]
    measured: Mapping[str, int]
    after: Mapping[str, int]
    failed: frozenset[str]


def apply_inferences(
    state: ChainState, tally: InferenceTally | None, params: ProtocolParams
) -> tuple[ChainState, EpochServed | None]:
    """Count the effective epoch's requests; who becomes INVALID loses a fifth of its collateral at once.

    Reference: protocol 6.3, 6.6.
    """
    if tally is None:
        return state, None
    heights = range(state.schedule.start, state.schedule.next_start)
    models = get_model_weights(state, GOVERNANCE_MODELS)
    service, invalid = apply_tally(state.service, tally, models, heights, params.pricing)
    state, payments = slash_deposits(replace(state, service=service), invalid, SLASH_INVALID, "INVALID")
    statuses = {who: service.records[who].status for who in service.counts if who in service.records}
    served = EpochServed(tally.epoch_index, service.counts, statuses, service.prices, tuple(payments))
    return state, served


def apply_confirmation(
    state: ChainState, block: Block, params: ProtocolParams
) -> tuple[ChainState, EventClosed | None]:
    """Close the event that ends in this block, or let the block's hash trigger one. Reference: protocol 6.7.

    One event runs at a time [I]. Rules are those of the epoch that holds the height.
    """
    rules = params.rules_at(state.schedule.index)
    running = state.confirmation
    if block.confirmation is not None:
        after = close_event(
            running,
            block.confirmation.measured,
            absence_counts_as_zero=not rules.missing_confirmation_keeps_weight,
            threshold=params.confirmation_alpha,
        )
        closed = EventClosed(
            index=state.effective.index,
            before=running.weights,
            measured=block.confirmation.measured,
            after=after.weights,
            failed=after.jailed - running.jailed,
        )
        return replace(state, confirmation=after), closed
    if running.end_height is not None or not _triggers(state, block, rules.confirmations_per_epoch):
        return state, None
    end_height = compute_generation_start(block.height, cutoff_blocks=_cutoff(state)) + _event_blocks(state)
    return replace(state, confirmation=replace(running, end_height=end_height)), None


def _triggers(state: ChainState, block: Block, expected: float) -> bool:
    schedule = state.schedule
    if not expected or schedule.index == 0:
        return False
    heights = compute_trigger_heights(
        schedule.set_validators, schedule.next_start, _event_blocks(state), cutoff_blocks=_cutoff(state)
    )
    return is_triggered(block.height, block.block_hash, heights, expected_per_epoch=expected)


def _cutoff(state: ChainState) -> int:
    return state.schedule.params.inference_validation_cutoff


def _event_blocks(state: ChainState) -> int:
    """From generation to the end of its validation, with the lengths of the regular proof of compute."""
    epoch = state.schedule.params
    return epoch.poc_stage_duration + epoch.poc_validation_delay + epoch.poc_validation_duration
