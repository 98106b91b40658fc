"""On becoming INVALID or INACTIVE: collateral, reputation, and from v0.2.5 on the place in the group (protocol 6.3)."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace

from sim.protocol.blocks.params import ProtocolParams
from sim.protocol.blocks.payments import Payment
from sim.protocol.blocks.settling import slash_deposits
from sim.protocol.blocks.state import ChainState
from sim.protocol.consensus.validators import boost_guardians
from sim.protocol.money.collateral import SLASH_INACTIVE, SLASH_INVALID, compute_required_collateral
from sim.protocol.service.inferences import Failure, forget_epochs
from sim.protocol.service.status import Status
from sim.protocol.switches import Rules

SLASHES = {Status.INVALID: SLASH_INVALID, Status.INACTIVE: SLASH_INACTIVE}


def punish_failures(
    state: ChainState, failures: Sequence[Failure], rules: Rules, params: ProtocolParams
) -> tuple[ChainState, list[Payment]]:
    """Slash a fifth of the collateral of the INVALID, a tenth of that of the INACTIVE. Reference: protocol 6.3, 6.5."""
    payments = list[Payment]()
    for failure in failures:
        who, fraction = failure.participant, SLASHES[failure.status]
        required = {who: get_required_collateral(state, who, params)} if rules.slashes_required_collateral else None
        state, slashed = slash_deposits(
            state, {who: fraction}, failure.status.value, required, to_governance=rules.leaves_slashes_to_governance
        )
        payments += slashed
    if rules.judges_sequentially and failures:
        state = replace(state, service=forget_epochs(state.service, failures))
    return state, payments


def get_required_collateral(state: ChainState, who: str, params: ProtocolParams) -> int:
    """Return the ngonka that activate all the weight of a member of the effective epoch. Reference: network 2.11."""
    return compute_required_collateral(
        state.effective.raw_totals.get(who, 0),
        state.effective.index,
        grace_end_epoch=params.collateral_grace_epochs,
        per_weight_unit=params.collateral_per_weight_unit,
    )


def remove_members(state: ChainState, failures: Sequence[Failure], rules: Rules, params: ProtocolParams) -> ChainState:
    """From v0.2.5 on take whoever failed out of the group: no requests, no consensus power, no votes.

    Its stored weight stays for the settlement, which does not pay it. Reference: protocol 6.3.
    """
    removed = {
        failure.participant: failure.height for failure in failures if failure.participant in state.effective.weights
    }
    if not rules.judges_sequentially or not removed:
        return state
    effective = replace(state.effective, removed={**removed, **state.effective.removed})
    after = replace(state, effective=effective)
    return replace(after, powers=compute_powers(after, rules, params))


def compute_powers(state: ChainState, rules: Rules, params: ProtocolParams) -> Mapping[str, int]:
    """Return the powers that consensus gets: trusted weights, with guardians raised while the chain is young.

    Who is in jail has none (protocol 6.5).

    Where that leaves nobody with any, those with power so far and out of jail keep it, or all with power if all are in
    jail, for a set of validators cannot be empty [I].
    Reference: protocol 5.4, network 2.9.9.
    """
    jailed = state.signing.jailed
    powers = boost_guardians(
        _leave_out(jailed, state.effective.trusted),
        params.guardians,
        multiplier=rules.guardian_multiplier,
        maturity_weight=rules.guardian_maturity_weight,
        is_past_youth=state.height >= rules.guardian_maturity_height,
    )
    candidates = (powers, _leave_out(jailed, state.powers))
    return next((each for each in candidates if any(each.values())), state.powers)


def _leave_out(jailed: Container[str], powers: Mapping[str, int]) -> Mapping[str, int]:
    return {who: power for who, power in powers.items() if who not in jailed} if jailed else powers
