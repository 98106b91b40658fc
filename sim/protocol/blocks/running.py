"""Between two proofs of compute: inferences are counted, confirmations are triggered and closed."""

from __future__ import annotations

from dataclasses import replace

from sim.protocol.blocks.formation import GOVERNANCE_MODELS
from sim.protocol.blocks.params import ProtocolParams
from sim.protocol.blocks.records import InferencesServed, PriceReached, Record, WeightConfirmed
from sim.protocol.blocks.settling import slash_deposits
from sim.protocol.blocks.state import Block, ChainState, get_model_weights
from sim.protocol.money.collateral import SLASH_INVALID
from sim.protocol.proofs.confirmation import close_event, compute_trigger_heights, is_triggered
from sim.protocol.service.inferences import InferenceTally, apply_tally
from sim.protocol.service.status import InferenceRecord


def apply_inferences(
    state: ChainState, tally: InferenceTally | None, params: ProtocolParams
) -> tuple[ChainState, list[Record]]:
    """Count the effective epoch's requests; a participant that becomes INVALID loses a fifth of its collateral.

    Reference: protocol 6.3, 6.6.
    """
    if tally is None:
        return state, []
    heights = range(state.schedule.start, state.schedule.next_start)
    models = get_model_weights(state, GOVERNANCE_MODELS)
    rises_up = params.rules_at(state.schedule.index).rounds_price_rises_up
    service, invalid = apply_tally(
        state.service, tally, models, heights, params.pricing, rounds_price_rises_up=rises_up
    )
    state, payments = slash_deposits(replace(state, service=service), invalid, SLASH_INVALID, "INVALID")
    served = [
        InferencesServed(
            epoch=tally.epoch_index,
            participant=who,
            requests=counts.n_total,
            missed=counts.n_missed,
            invalid=counts.n_invalid,
            fees_ngonka=counts.fees_ngonka,
            status=service.records.get(who, InferenceRecord()).status,
        )
        for who, counts in sorted(service.counts.items())
    ]
    prices = [
        PriceReached(epoch=tally.epoch_index, model=model, price_ngonka=price)
        for model, price in sorted(service.prices.items())
    ]
    return state, [*served, *prices, *payments]


def apply_confirmation(state: ChainState, block: Block, params: ProtocolParams) -> tuple[ChainState, list[Record]]:
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
        confirmed: list[Record] = [
            WeightConfirmed(
                epoch=state.effective.index,
                height=block.height,
                participant=who,
                weight_before=before,
                measured=block.confirmation.measured.get(who, 0),
                weight_after=after.weights[who],
                is_failed=who in after.jailed - running.jailed,
            )
            for who, before in sorted(running.weights.items())
        ]
        return replace(state, confirmation=after), confirmed
    if running.end_height is not None or not _triggers(state, block, rules.confirmations_per_epoch):
        return state, []
    end_height = block.height + state.schedule.params.inference_validation_cutoff + _event_blocks(state)
    return replace(state, confirmation=replace(running, end_height=end_height)), []


def _triggers(state: ChainState, block: Block, expected: float) -> bool:
    schedule = state.schedule
    if not expected or schedule.index == 0:
        return False
    cutoff_blocks = schedule.params.inference_validation_cutoff
    heights = compute_trigger_heights(schedule.set_validators, schedule.next_start, _event_blocks(state), cutoff_blocks)
    return is_triggered(block.height, block.block_hash, heights, expected)


def _event_blocks(state: ChainState) -> int:
    """From generation to the end of its validation, with the lengths of the regular proof of compute."""
    epoch = state.schedule.params
    return epoch.poc_stage_duration + epoch.poc_validation_delay + epoch.poc_validation_duration
