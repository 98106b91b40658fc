"""The weights of a new epoch where the network has models: all of network 2.9, in the chain's order, as one value.

1. Preserved and fresh ML nodes are joined; where nobody is left, the old epoch's hosts stay.
2. Each node is seated in a model.
3. The eligible models are those whose hosts are strong enough by old weight.
4. They give weight, by coefficients that may move, capped by group.
5. Each host has a mode in each eligible model, and owes penalties and shares.
6. Collateral cuts the weight, which is the money room's work, and then the power cap.
7. From v0.2.16 on CapWeight is what the epoch before has confirmed of it.
8. Each eligible model stores voting powers.

Until v0.2.11 all members are one group: every model with a coefficient is eligible and uncapped, and all vote.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from fractions import Fraction

from sim.protocol.models.bootstrap import list_idle
from sim.protocol.models.delegation import Dues, Participation, compute_dues, find_modes
from sim.protocol.models.eligibility import select_models
from sim.protocol.models.fallback import FIRST_EPOCH, carry_old_epoch, is_empty
from sim.protocol.models.formed import FormedEpoch, Governance, ModelGroups, ModelRules, Proved
from sim.protocol.models.group_caps import ConsensusWeight, cap_group, compute_consensus_weights
from sim.protocol.models.moving import CoefficientMemory, count_work, move_coefficients
from sim.protocol.models.params import ModelParams, sort_models
from sim.protocol.models.seating import (
    NodeWeights,
    merge_preserved,
    seat_by_hardware,
    seat_by_results,
    sum_by_model,
)
from sim.protocol.models.trusted_weight import OldEpoch, cap_by_trust, compute_trusted
from sim.protocol.models.voting_power import compute_voting_powers
from sim.protocol.proofs.confirmation_readings import weigh_models
from sim.protocol.proofs.weights import cap_weights

Modes = Mapping[str, Mapping[str, Participation]]
"""By eligible model and host."""


def form_epoch_of_models(
    old: OldEpoch | None,
    proved: Proved,
    governance: Governance,
    adjust: Callable[[ModelGroups], Mapping[str, int]],
    power_cap: float | None,
) -> FormedEpoch | None:
    """Return the new epoch, or None where nobody is left to form one.

    `adjust` gives the weights after collateral (and, in v0.2.12 and v0.2.13, after the dues, which then touched
    weights). `power_cap` is the largest share of one host, None where there is no cap. Reference: network 2.9.
    """
    rules = governance.rules
    trusted = compute_trusted(old) if old is not None and rules.trusts_confirmed_weight else None
    groups = form_groups(old, trusted, proved, governance)
    if groups is None:
        return None
    weights = cap_weights(adjust(groups), power_cap, positive_only=rules.caps_positive_weights_only)
    voting = cap_by_trust(weights, trusted)
    max_share = governance.params.max_model_voting_power if rules.groups_models else Fraction(0)
    powers = {
        model: compute_voting_powers(_list_voters(groups, model, rules), voting, groups.modes.get(model, {}), max_share)
        for model in groups.eligible
    }
    return FormedEpoch(groups=groups, weights=weights, cap_weights=voting, voting_powers=powers)


def form_groups(
    old: OldEpoch | None, trusted: Mapping[str, int] | None, proved: Proved, governance: Governance
) -> ModelGroups | None:
    """Take steps 1 to 5; `trusted` is P_N by host, None where the old weights count as they are."""
    nodes, rootless = merge_preserved(proved.fresh, proved.preserved), dict[str, int]()
    is_carried = old is not None and _must_carry(proved, governance.rules)
    if old is not None and is_carried:
        carried = carry_old_epoch(old, proved.may_stay)
        if not carried.weights:
            return None
        nodes = merge_preserved(carried.node_weights, {})
        rootless = {who: weight for who, weight in carried.weights.items() if who not in carried.node_weights}
    seated = _seat(nodes, proved, governance)
    memory, governance = _move(old, seated, governance)
    before = old.weights if old is not None else {}
    eligible, consensus = _weigh(seated, rootless, before if trusted is None else trusted, governance)
    modes, dues = _find_dues(old, proved, seated, eligible, consensus, governance)
    return ModelGroups(
        node_weights=seated,
        eligible=tuple(model.name for model in eligible),
        weights=consensus.weights,
        scales=consensus.scales,
        raw_totals={who: _sum_raw(seated, who, consensus) for who in consensus.weights},
        modes=modes,
        dues=dues,
        coefficients=memory,
        is_carried=is_carried,
    )


def _must_carry(proved: Proved, rules: ModelRules) -> bool:
    is_possible = rules.reseats_empty_epochs and proved.epoch_index >= FIRST_EPOCH
    return is_possible and is_empty(proved.fresh, proved.preserved, needs_fresh=rules.reseats_without_fresh_nodes)


def _seat(nodes: NodeWeights, proved: Proved, governance: Governance) -> NodeWeights:
    if governance.rules.seats_by_results:
        return seat_by_results(nodes)
    return seat_by_hardware(nodes, proved.hardware, [model.name for model in governance.models])


def _move(
    old: OldEpoch | None, seated: NodeWeights, governance: Governance
) -> tuple[CoefficientMemory | None, Governance]:
    """From v0.2.16 on: coefficients of the epoch before, moved, and less where a model has more than it wants."""
    if not governance.rules.moves_coefficients:
        return None, governance
    work = count_work(governance.models, seated)
    memory, moved = move_coefficients(old.coefficients if old is not None else None, governance.models, work)
    return memory, replace(governance, models=moved)


def _weigh(
    seated: NodeWeights, rootless: Mapping[str, int], old: Mapping[str, int], governance: Governance
) -> tuple[tuple[ModelParams, ...], ConsensusWeight]:
    """Steps 3 and 4: hosts that stay without a node keep their weight [I]."""
    members, rules, params = sum_by_model(seated), governance.rules, governance.params
    if rules.groups_models:
        eligible = select_models(governance.models, members, old, rules.w_threshold, params.v_min)
        cap = cap_group(sum(old.values()), params.cap_factor)
    else:
        paying = (model for model in governance.models if model.coefficient > 0 and model.name in members)
        eligible, cap = sort_models(paying), None
    return eligible, compute_consensus_weights(eligible, members, {**dict.fromkeys(seated, 0), **rootless}, cap)


def _find_dues(
    old: OldEpoch | None,
    proved: Proved,
    seated: NodeWeights,
    eligible: Collection[ModelParams],
    consensus: ConsensusWeight,
    governance: Governance,
) -> tuple[Modes, Dues]:
    """Step 5."""
    if not governance.rules.groups_models:
        return {}, Dues()
    before = {who for who, weight in old.weights.items() if weight > 0} if old is not None else set[str]()
    hosts = dict.fromkeys(sorted(before | consensus.weights.keys()))
    members = sum_by_model(seated)
    modes = {
        model.name: find_modes(members[model.name], hosts.keys(), proved.stances.get(model.name, {}))
        for model in eligible
    }
    active = {model for model, powers in old.voting_powers.items() if powers} if old is not None else set[str]()
    idle = {
        model.name: list_idle(
            proved.frozen.get(model.name, {}),
            proved.committed.get(model.name, ()),
            consensus.weights,
            before,
            is_expected=model.name in proved.expected,
            spares_newcomers=governance.rules.spares_newcomers,
        )
        for model in governance.models
        if model.name not in modes and model.name not in active
    }
    dues = compute_dues(modes, idle, governance.models, consensus.weights, governance.params, proved.epoch_index)
    return modes, dues


def _sum_raw(seated: NodeWeights, who: str, consensus: ConsensusWeight) -> int:
    return weigh_models({model: sum(nodes.values()) for model, nodes in seated.get(who, {}).items()}, consensus.scales)


def _list_voters(groups: ModelGroups, model: str, rules: ModelRules) -> Collection[str]:
    """Without groups every host votes."""
    if not rules.groups_models:
        return groups.weights.keys()
    return [who for who, models in groups.node_weights.items() if models.get(model)]
