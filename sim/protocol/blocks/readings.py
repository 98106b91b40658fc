"""What a proof of compute has read of members counts: weights shrink, and whoever showed too little leaves (2.11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sim.protocol.blocks.params import ProtocolParams
from sim.protocol.blocks.records import Record, WeightConfirmed
from sim.protocol.blocks.standing import punish_failures, remove_members
from sim.protocol.blocks.state import ChainState
from sim.protocol.proofs.confirmation import compute_ratio, shrink_weights
from sim.protocol.proofs.confirmation_readings import Reading
from sim.protocol.service.inferences import confirm_records
from sim.protocol.switches import Rules


def fold_readings(
    state: ChainState,
    readings: Mapping[str, Reading],
    measured: Mapping[str, int],
    rules: Rules,
    params: ProtocolParams,
) -> tuple[ChainState, list[Record]]:
    """Weights shrink, every member is judged by its ratio; whoever fails is punished and leaves the group."""
    before = state.confirmation
    shown = {who: reading.shown for who, reading in readings.items()}
    after = shrink_weights(before, shown)
    judged = shown if rules.judges_readings else after.weights
    ratios = {
        who: compute_ratio(judged[who], reading.expected, rules.confirmation_tolerance)
        for who, reading in readings.items()
    }
    service, failures = confirm_records(state.service, ratios, rules, state.height)
    failed = {failure.participant for failure in failures}
    confirmed = [
        WeightConfirmed(
            epoch=state.effective.index,
            height=state.height,
            participant=who,
            weight_before=before.weights[who],
            measured=measured.get(who, 0),
            weight_after=after.weights[who],
            is_failed=who in failed,
        )
        for who in sorted(readings)
    ]
    state, payments = punish_failures(replace(state, confirmation=after, service=service), failures, rules, params)
    return remove_members(state, failures, rules, params), [*confirmed, *payments]
