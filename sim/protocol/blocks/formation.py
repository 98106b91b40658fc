"""From accepted claims to weights: the steps of VE that lie between the votes and the cap (protocol 5.1, 5.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sim.protocol.blocks.records import ParticipantJudged
from sim.protocol.blocks.state import ChainState, EpochGroup, UpcomingEpoch
from sim.protocol.proofs.base import CountedClaim
from sim.protocol.proofs.claimed import split_claim
from sim.protocol.proofs.preserved import Preserved, group_by_model, select_half, select_share
from sim.protocol.proofs.votes import Reason, Verdict
from sim.protocol.proofs.weights import MergedWeight, merge_by_addition, merge_by_node
from sim.protocol.switches import Rules

GOVERNANCE_MODELS = ("Qwen2.5-7B", "QwQ-32B", "Qwen3-235B-A22B", "Qwen3-32B")
"""Of main net: the first two at genesis (protocol 10), all of them in autumn 2025."""


def list_governance_models(rules: Rules) -> tuple[str, ...]:
    """Return the names of the models that count as hardware and get requests. Reference: protocol 5.1, network 2.1."""
    return tuple(model.name for model in rules.models) or GOVERNANCE_MODELS


def get_model_weights(state: ChainState, governance_models: Iterable[str]) -> dict[str, dict[str, int]]:
    """Weights of the effective members that serve each model: model -> member -> weight; only models with members."""
    grouped: dict[str, dict[str, int]] = {}
    for model in sorted(governance_models):
        members = {
            who: weight
            for who, weight in sorted(state.effective.weights.items())
            if who in state.hosts and any(node.model == model for node in state.hosts[who].nodes)
        }
        if members:
            grouped[model] = members
    return grouped


def merge_weights(state: ChainState, accepted: Mapping[str, CountedClaim], rules: Rules) -> dict[str, MergedWeight]:
    """Add preserved nodes' weight, which no vote judges, to accepted claims, by address. Reference: protocol 4.7."""
    preserved = _get_preserved_weights(state)
    return {
        who: _merge(state, who, accepted.get(who, CountedClaim()), preserved.get(who, {}), rules)
        for who in sorted({*accepted, *preserved})
    }


def _get_preserved_weights(state: ChainState) -> dict[str, dict[int, int]]:
    """Weights of the nodes that the running proof of compute passes over, by address and node."""
    group = state.effective
    return {
        who: {node_id: group.node_weights[who][node_id] for node_id in sorted(node_ids)}
        for who, node_ids in group.preserved.items()
    }


def _merge(
    state: ChainState, who: str, claim: CountedClaim, preserved: Mapping[int, int], rules: Rules
) -> MergedWeight:
    record = state.hosts.get(who)
    nodes = record.nodes if record is not None else ()
    if rules.weighs_by_node:
        admitted = {node.node_id for node in nodes if node.model in GOVERNANCE_MODELS}
        return merge_by_node(claim.node_weights, preserved, admitted)
    return merge_by_addition(claim.weight, preserved, {node.node_id for node in nodes})


def gather_members(
    state: ChainState,
    upcoming: UpcomingEpoch,
    merged: Mapping[str, MergedWeight],
    capped: Mapping[str, int],
    rules: Rules,
) -> EpochGroup:
    """Return those of everybody with weight who sent a seed, and which of their ML nodes are preserved next."""
    node_weights = {who: part.node_weights for who, part in merged.items()}
    preserved = select_preserved(state, upcoming.index, node_weights, capped, rules)
    members = {who: weight for who, weight in capped.items() if (upcoming.index, who) in state.seeds}
    return EpochGroup(
        index=upcoming.index,
        start_height=upcoming.start_height,
        weights=members,
        node_weights={who: weights for who, weights in node_weights.items() if who in members},
        preserved={who: node_ids for who, node_ids in preserved.items() if who in members},
        carried=frozenset(members.keys() & state.effective.preserved.keys()),
    )


def select_preserved(
    state: ChainState,
    index: int,
    node_weights: Mapping[str, Mapping[int, int]],
    capped: Mapping[str, int],
    rules: Rules,
) -> Preserved:
    """Choose the ML nodes that the proof of compute after epoch `index` passes over. Reference: protocol 5.2."""
    hardware = {who: record.nodes for who, record in state.hosts.items()}
    names = list_governance_models(rules)
    models = group_by_model(node_weights, hardware, names)
    last = state.effective.preserved if rules.rotates_preserved_nodes else None
    if not rules.preserved_share:
        return select_half(index, models, last)
    before = group_by_model(state.effective.node_weights, hardware, names)
    served = {model: {node.address for node in nodes} for model, nodes in before.items()}
    as_drawn = rules.gives_slots_as_drawn
    return select_share(index, models, capped, served, rules.preserved_share, last, as_drawn=as_drawn)


def describe_judgement(
    state: ChainState,
    claims: Mapping[str, CountedClaim],
    verdicts: Mapping[str, Verdict],
    merged: Mapping[str, MergedWeight],
    activated: Mapping[str, int],
) -> Iterator[ParticipantJudged]:
    """Yield how everybody with a claim or with preserved weight came to its weight in the group just formed."""
    assert state.next_group is not None, "a group was formed"
    members, preserved = state.next_group.weights, _get_preserved_weights(state)
    claims, verdicts = _join_by_address(claims, verdicts)
    for who in sorted({*claims, *merged}):
        claim, part = claims.get(who, CountedClaim()), merged.get(who, MergedWeight(0, {}))
        verdict = verdicts.get(who, Verdict(who, Reason.NO_CLAIM, 0, 0, 0))
        yield ParticipantJudged(
            epoch=state.next_group.index,
            participant=who,
            claimed_nonces=claim.claimed_nonces,
            distinct_nonces=claim.distinct_nonces,
            counted_nonces=claim.counted_nonces,
            claimed_weight=claim.weight,
            valid_vote_weight=verdict.valid_weight,
            invalid_vote_weight=verdict.invalid_weight,
            total_vote_weight=verdict.total_weight,
            is_accepted=verdict.is_accepted,
            reason=verdict.reason,
            preserved_weight=sum(preserved.get(who, {}).values()),
            dropped_weight=part.dropped,
            uncapped_weight=part.weight,
            activated_weight=activated.get(who, 0),
            is_member=who in members,
            weight=members.get(who, 0),
        )


def _join_by_address(
    claims: Mapping[str, CountedClaim], verdicts: Mapping[str, Verdict]
) -> tuple[dict[str, CountedClaim], dict[str, Verdict]]:
    """Join a participant's claims for several models; the verdict is that of the heaviest one, accepted ones first."""
    joined, shown = dict[str, CountedClaim](), dict[str, Verdict]()
    for name in sorted(claims, key=lambda name: (verdicts[name].is_accepted, claims[name].weight), reverse=True):
        address, claim = split_claim(name)[0], claims[name]
        shown.setdefault(address, verdicts[name])
        joined[address] = _add_claims(joined[address], claim) if address in joined else claim
    return joined, shown


def _add_claims(one: CountedClaim, other: CountedClaim) -> CountedClaim:
    return CountedClaim(
        claimed_nonces=one.claimed_nonces + other.claimed_nonces,
        distinct_nonces=one.distinct_nonces + other.distinct_nonces,
        counts={**one.counts, **other.counts},
        node_weights={**one.node_weights, **other.node_weights},
        claimed_weight=one.weight + other.weight,
    )
