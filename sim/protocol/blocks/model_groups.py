"""The chain's state and the rules on models: stances, draws, votes and weights of an epoch (network 2.7 to 2.9).

Each function reads from the state what a rule of `sim.protocol.models` or `sim.protocol.proofs` needs, and puts back
what it gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction

from sim.protocol.blocks.formation import select_preserved
from sim.protocol.blocks.params import ProtocolParams
from sim.protocol.blocks.state import ChainState, EpochGroup, FrozenStances, UpcomingEpoch
from sim.protocol.consensus.transactions import DeclareIntent, DelegatePower, RefuseModel
from sim.protocol.models.bootstrap import expect_starts
from sim.protocol.models.episode_preserved import EpisodeDraw, draw_preserved
from sim.protocol.models.formed import FormedEpoch, Governance, ModelGroups, Proved
from sim.protocol.models.forming import form_epoch_of_models
from sim.protocol.models.seating import ModelsByNode, NodeWeights
from sim.protocol.models.stances import Stance, StanceKind, Stances, declare, is_freeze_height, select_kind
from sim.protocol.models.trusted_weight import OldEpoch
from sim.protocol.money.collateral import Deposit, compute_activated_weight
from sim.protocol.money.reward_cuts import apply_penalties, pass_shares_on
from sim.protocol.proofs.acceptance import Ballot, VoteBar, take_snapshot
from sim.protocol.proofs.base import CountedClaim
from sim.protocol.proofs.claimed import split_claim
from sim.protocol.proofs.preserved import Preserved
from sim.protocol.service.status import FAILED
from sim.protocol.switches import Rules

StanceMessage = DelegatePower | RefuseModel | DeclareIntent


def take_stance(stances: Stances, message: StanceMessage) -> Stances:
    """Return the stances after a message that the chain has taken. Reference: network 2.7."""
    match message:
        case DelegatePower():
            stance = Stance(StanceKind.DELEGATES, message.to)
        case RefuseModel():
            stance = Stance(StanceKind.REFUSES)
        case DeclareIntent():
            stance = Stance(StanceKind.INTENDS)
    return declare(stances, message.creator, message.model, stance)


def freeze_stances(state: ChainState, params: ProtocolParams) -> ChainState:
    """Some blocks before P, note stances on models without voting powers, and which of them are expected to start.

    Reference: network 2.9.
    """
    if not is_freeze_height(state.height, state.schedule.next_start, params.groups.deploy_window):
        return state
    rules = params.rules_at(state.schedule.index)
    if not rules.groups_models:
        return state
    active = {model for model, powers in state.effective.voting_powers.items() if powers}
    starting = {model: known for model, known in state.stances.items() if model not in active}
    expected = expect_starts(
        rules.models, active, starting, state.effective.trusted, rules.w_threshold, params.groups.v_min
    )
    return replace(state, frozen=FrozenStances(starting, expected))


def draw_episode(state: ChainState, anchor_height: int, rules: Rules, params: ProtocolParams) -> Preserved:
    """Return the nodes that an episode passes over; `anchor_height` is P, or that of a confirmation's trigger.

    Reference: network 2.8.
    """
    group = state.effective
    return draw_preserved(
        EpisodeDraw(
            epoch_index=group.index,
            anchor_height=anchor_height,
            node_weights=group.model_weights,
            voting_powers=group.voting_powers,
            total=sum(group.trusted.values()),
            rewarded=group.rewarded,
            share=Fraction(str(rules.preserved_share)),
            guardians=params.guardians,
        )
    )


def list_committed(claims: Iterable[str]) -> dict[str, set[str]]:
    """Return the hosts with a claim, by model; `claims` are names."""
    committed: dict[str, set[str]] = {}
    for who, model in map(split_claim, claims):
        committed.setdefault(model, set()).add(who)
    return committed


def open_voting(state: ChainState, upcoming: UpcomingEpoch, block_hash: str, params: ProtocolParams) -> UpcomingEpoch:
    """V: freeze every model's powers, all members' weight, and what hosts have declared. Reference: network 2.7."""
    rules = params.rules_at(upcoming.index)
    ballot = open_ballot(state, list_committed(state.proofs.participants), block_hash, rules, params)
    return replace(upcoming, ballot=ballot, stances=state.stances)


def open_ballot(
    state: ChainState, committed: Mapping[str, set[str]], block_hash: str, rules: Rules, params: ProtocolParams
) -> Ballot:
    """Return how votes on claims count from now on; a confirmation names no `committed` hosts.

    The block's hash stands for the application's, from which slots are drawn [I]. Reference: network 2.5, 2.7.
    """
    group = state.effective
    delegations = {
        model: {who: stance.delegate for who, stance in select_kind(known, StanceKind.DELEGATES).items()}
        for model, known in state.frozen.stances.items()
    }
    snapshot = take_snapshot(
        group.trusted,
        group.voting_powers,
        committers=committed,
        delegations=delegations,
        removed=group.removed,
        guardians=params.guardians if rules.guardians_break_ties else (),
        app_hash=block_hash,
    )
    bar = VoteBar(rules.vote_threshold_bps, params.groups.validation_slots)
    return Ballot(snapshot, bar, guardians_need_power=not rules.guardians_need_no_model)


def form_models(
    state: ChainState,
    upcoming: UpcomingEpoch,
    claims: Mapping[str, CountedClaim],
    accepted: Mapping[str, CountedClaim],
    params: ProtocolParams,
) -> FormedEpoch | None:
    """Return the weights of the upcoming epoch, by claims that are named by host and model; None: no epoch is formed.

    Reference: network 2.9.
    """
    rules = params.rules_at(upcoming.index)
    proved = Proved(
        epoch_index=upcoming.index,
        fresh=gather_fresh(accepted),
        preserved=gather_preserved(state.effective),
        hardware=_list_hardware(state),
        committed=list_committed(claims),
        stances=upcoming.stances,
        frozen=state.frozen.stances,
        expected=state.frozen.expected,
        may_stay=_list_able(state, upcoming.index),
    )

    def adjust(groups: ModelGroups) -> dict[str, int]:
        return activate_groups(state, groups, upcoming.index, params)

    percentage = params.max_individual_power_percentage
    return form_epoch_of_models(
        _describe_old(state),
        proved,
        Governance(rules.models, params.groups, rules),
        adjust,
        (rules.fixed_power_cap or percentage) if percentage else None,
    )


def gather_fresh(accepted: Mapping[str, CountedClaim]) -> dict[str, dict[str, dict[int, int]]]:
    """Return the weights of ML nodes in accepted claims, by address and model. Reference: network 2.7."""
    fresh: dict[str, dict[str, dict[int, int]]] = {}
    for name, claim in accepted.items():
        address, model = split_claim(name)
        nodes = {node_id: weight for node_id, weight in claim.node_weights.items() if node_id is not None}
        fresh.setdefault(address, {})[model] = nodes
    return fresh


def gather_preserved(group: EpochGroup) -> NodeWeights:
    """Stored weights of the nodes that the running proof of compute passes over."""
    return {
        who: {
            model: {node_id: weight for node_id, weight in nodes.items() if node_id in group.preserved[who]}
            for model, nodes in models.items()
        }
        for who, models in group.model_weights.items()
        if group.preserved.get(who)
    }


def _list_hardware(state: ChainState) -> ModelsByNode:
    return {
        who: {node.node_id: (node.model,) for node in record.nodes}
        for who, record in state.hosts.items()
        if record.nodes
    }


def _list_able(state: ChainState, index: int) -> frozenset[str]:
    """Old hosts that an epoch without proofs may carry over: with a key, a seed, and no failed status."""
    return frozenset(
        who
        for who in state.effective.present
        if who in state.hosts
        and state.hosts[who].validator_key
        and ((index, who) in state.seeds or (index - 1, who) in state.seeds)
        and state.service.get_status(who) not in FAILED
    )


def _describe_old(state: ChainState) -> OldEpoch:
    group = state.effective
    return OldEpoch(
        index=group.index,
        weights=group.present,
        node_weights=group.model_weights,
        voting_powers=group.voting_powers,
        confirmed=state.confirmation.weights,
        scales=None if group.formed is None else group.formed.groups.scales,
        coefficients=None if group.formed is None else group.formed.groups.coefficients,
    )


def activate_groups(state: ChainState, groups: ModelGroups, index: int, params: ProtocolParams) -> dict[str, int]:
    """Weights that collateral leaves; in v0.2.12 and v0.2.13 penalties and shares come first [I].

    Reference: network 2.1, 2.9.6.
    """
    weights = dict(groups.weights)
    if params.rules_at(index).penalizes_weight:
        weights = pass_shares_on(apply_penalties(weights, gather_penalties(groups)), groups.dues.shares)
    return {
        who: compute_activated_weight(
            weight,
            state.deposits.get(who, Deposit()).active,
            index,
            grace_end_epoch=params.collateral_grace_epochs,
            per_weight_unit=params.collateral_per_weight_unit,
        )
        for who, weight in weights.items()
    }


def gather_penalties(groups: ModelGroups) -> dict[str, tuple[Fraction, ...]]:
    """Return each host's penalties, which are summed over models already."""
    return {who: (penalty,) for who, penalty in groups.dues.penalties.items()}


def build_group(
    state: ChainState, upcoming: UpcomingEpoch, formed: FormedEpoch | None, paid: Iterable[str], rules: Rules
) -> EpochGroup:
    """Return the members of the new epoch; `paid` were rewarded for the old one.

    Until v0.2.11 nodes are chosen here that the next proof of compute passes over. Reference: protocol 5.2.
    """
    if formed is None:
        return EpochGroup(upcoming.index, upcoming.start_height, {})
    paid, served, nodes = set(paid), _list_served(state.effective), flatten(formed.groups.node_weights)
    preserved: Preserved = {}
    if not rules.preserves_by_episode:
        preserved = select_preserved(state, upcoming.index, nodes, formed.weights, rules)
    return EpochGroup(
        index=upcoming.index,
        start_height=upcoming.start_height,
        weights=formed.weights,
        node_weights=nodes,
        preserved=preserved,
        carried=frozenset(formed.weights.keys() & state.effective.preserved.keys()),
        penalties=gather_penalties(formed.groups),
        delegated_shares=formed.groups.dues.shares,
        formed=formed,
        rewarded={model: frozenset(hosts & paid) for model, hosts in served.items()},
    )


def _list_served(group: EpochGroup) -> dict[str, set[str]]:
    """Hosts with a node in each model of an epoch."""
    served: dict[str, set[str]] = {}
    for who, models in ({} if group.formed is None else group.formed.groups.node_weights).items():
        for model, nodes in models.items():
            if nodes:
                served.setdefault(model, set()).add(who)
    return served


def flatten(nodes: NodeWeights) -> dict[str, dict[int, int]]:
    """Return raw weights by member and node, whatever the model: a node has one."""
    return {
        who: {node_id: weight for mine in models.values() for node_id, weight in mine.items()}
        for who, models in nodes.items()
    }
