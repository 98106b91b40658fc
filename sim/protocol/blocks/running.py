"""Between two proofs of compute: inferences are counted, confirmations are triggered and closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sim.protocol.blocks.challenge_verdicts import read_segments
from sim.protocol.blocks.challenging import list_absences
from sim.protocol.blocks.confirming import advance_run, begin_run, read_members
from sim.protocol.blocks.formation import get_model_weights, list_governance_models
from sim.protocol.blocks.params import ProtocolParams
from sim.protocol.blocks.readings import fold_readings
from sim.protocol.blocks.records import InferencesServed, PriceReached, Record
from sim.protocol.blocks.stages import Schedule
from sim.protocol.blocks.standing import punish_failures, remove_members
from sim.protocol.blocks.state import Block, ChainState
from sim.protocol.proofs.confirmation import (
    ConfirmationTally,
    close_event,
    compute_event,
    compute_trigger_heights,
    is_triggered,
    read_event,
)
from sim.protocol.proofs.confirmation_readings import Reading
from sim.protocol.service.inferences import InferenceTally, apply_tally
from sim.protocol.switches import Rules

FIRST_CONFIRMED_EPOCH = 2


def apply_inferences(
    state: ChainState, tally: InferenceTally | None, params: ProtocolParams
) -> tuple[ChainState, list[Record]]:
    """Count the effective epoch's requests, and punish the participants that failed by them.

    Reference: protocol 6.3, 6.6.
    """
    if tally is None:
        return state, []
    rules = params.rules_at(state.schedule.index)
    heights = range(state.schedule.start, state.schedule.next_start)
    models = get_model_weights(state, list_governance_models(rules))
    removed = state.effective.removed
    away = list_absences(state, rules) if state.challenges else {}
    service, failures = apply_tally(state.service, tally, models, heights, params.pricing, rules, removed, away)
    state, payments = punish_failures(replace(state, service=service), failures, rules, params)
    state = remove_members(state, failures, rules, params)
    served = [
        InferencesServed(
            epoch=tally.epoch_index,
            participant=who,
            requests=counts.n_total,
            missed=counts.n_missed,
            invalid=counts.n_invalid,
            fees_ngonka=counts.fees_ngonka,
            status=service.get_status(who),
        )
        for who, counts in sorted(service.counts.items())
    ]
    prices = [
        PriceReached(epoch=tally.epoch_index, model=model, price_ngonka=price)
        for model, price in sorted(service.prices.items())
    ]
    return state, [*served, *prices, *payments]


def apply_confirmation(state: ChainState, block: Block, params: ProtocolParams) -> tuple[ChainState, list[Record]]:
    """Read out the event that ends in this block, or let the block's hash trigger one; one runs at a time.

    From v0.2.9 on hosts compute in an event; before, the block that ends one says what they have shown. Rules are those
    of the epoch that holds the height. Reference: protocol 6.7, network 2.11.
    """
    rules = params.rules_at(state.schedule.index)
    if block.confirmation is not None:
        return _read_tally(state, block.confirmation, rules, params)
    if state.upcoming is not None and state.confirmation_run is not None:
        return _give_up(state), []
    if state.confirmation_run is not None and block.height == state.confirmation.end_height:
        return _read_run(state, block, rules, params)
    if state.confirmation.end_height is None and triggers_confirmation(state, block.height, block.block_hash, params):
        state = _trigger(state, block, rules)
    return advance_run(state, block, rules, params), []


def _trigger(state: ChainState, block: Block, rules: Rules) -> ChainState:
    epoch = state.schedule.params
    event = compute_event(
        block.height,
        cutoff=epoch.inference_validation_cutoff,
        generation=epoch.poc_stage_duration,
        exchange=epoch.poc_exchange_duration,
        delay=epoch.poc_validation_delay,
        validation=epoch.poc_validation_duration,
    )
    state = replace(state, confirmation=replace(state.confirmation, end_height=event.read_out))
    return begin_run(state, block, event) if rules.computes_confirmations else state


def _give_up(state: ChainState) -> ChainState:
    """The next proof of compute has overtaken the event, whose claims are gone: it reads nobody [I]."""
    return replace(state, confirmation_run=None, confirmation=replace(state.confirmation, end_height=None))


def _read_tally(
    state: ChainState, tally: ConfirmationTally, rules: Rules, params: ProtocolParams
) -> tuple[ChainState, list[Record]]:
    shown = read_event(
        state.confirmation, tally.measured, absence_counts_as_zero=not rules.missing_confirmation_keeps_weight
    )
    readings = {who: Reading(shown[who], whole) for who, whole in state.confirmation.initial.items()}
    return _read_out(state, readings, tally.measured, rules, params)


def _read_run(state: ChainState, block: Block, rules: Rules, params: ProtocolParams) -> tuple[ChainState, list[Record]]:
    """Of challenged members count the segments on which the same validation has voted. Reference: network 2.13."""
    readings, judged = read_members(state, rules), list[Record]()
    if state.challenges:
        busy = {who for who, challenge in state.challenges.items() if challenge.end is None}
        state, segments, judged = read_segments(state, rules, params, block.block_hash)
        readings = {who: one for who, one in readings.items() if who not in busy} | segments
    measured = {who: reading.shown for who, reading in readings.items()}
    state, rows = _read_out(replace(state, confirmation_run=None), readings, measured, rules, params)
    return state, [*judged, *rows]


def _read_out(
    state: ChainState,
    readings: Mapping[str, Reading],
    measured: Mapping[str, int],
    rules: Rules,
    params: ProtocolParams,
) -> tuple[ChainState, list[Record]]:
    """The event is over, and what it has read counts."""
    closed = close_event(
        state.confirmation, {}, pause_end=state.height + state.schedule.params.set_new_validators_delay
    )
    return fold_readings(replace(state, confirmation=closed), readings, measured, rules, params)


def triggers_confirmation(state: ChainState, height: int, block_hash: str, params: ProtocolParams) -> bool:
    """Whether a block triggers an event: never before the second epoch, nor while the last one's pause lasts.

    Nor soon after an upgrade. Reference: protocol 6.7, network 2.11.
    """
    schedule, rules = state.schedule, params.rules_at(state.schedule.index)
    expected = rules.confirmations_per_epoch
    if not expected or schedule.index < FIRST_CONFIRMED_EPOCH or height < state.confirmation.pause_end:
        return False
    if params.rule_book.brings_version(schedule.index) and height <= schedule.start + rules.upgrade_pause_blocks:
        return False
    return is_triggered(height, block_hash, get_trigger_heights(schedule, rules), expected)


def get_trigger_heights(schedule: Schedule, rules: Rules) -> range:
    """Heights of an epoch at which a confirmation may be triggered. Reference: protocol 6.7, network 2.11."""
    epoch, safety = schedule.params, rules.confirmation_safety_blocks
    proof = epoch.poc_stage_duration + epoch.poc_exchange_duration
    return compute_trigger_heights(
        schedule.set_validators,
        schedule.next_start,
        proof + epoch.poc_validation_delay + epoch.poc_validation_duration,
        epoch.inference_validation_cutoff,
        epoch.set_new_validators_delay + safety if safety else 0,
    )
