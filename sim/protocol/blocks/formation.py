"""From accepted claims to weights: the steps of VE that lie between the votes and the cap (protocol 5.1, 5.2)."""

from __future__ import annotations

from collections.abc import Mapping

from sim.protocol.blocks.state import ChainState
from sim.protocol.proofs.base import CountedClaim
from sim.protocol.proofs.preserved import Preserved, group_by_model, select_half, select_share
from sim.protocol.proofs.weights import MergedWeight, merge_by_addition, merge_by_node
from sim.protocol.versions import Rules

GOVERNANCE_MODELS = ("Qwen2.5-7B", "QwQ-32B")  # the models of main net's genesis (protocol 10)


def merge_weights(
    state: ChainState, accepted: Mapping[str, CountedClaim], preserved: Mapping[str, Mapping[int, int]], rules: Rules
) -> dict[str, MergedWeight]:
    """Add the weight of preserved nodes to what was accepted, by address; nobody judges it. Reference: protocol 4.7."""
    return {
        who: _merge(state, who, accepted.get(who, CountedClaim()), preserved.get(who, {}), rules)
        for who in sorted({*accepted, *preserved})
    }


def get_preserved_weights(state: ChainState) -> dict[str, dict[int, int]]:
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


def select_preserved(
    state: ChainState,
    index: int,
    node_weights: Mapping[str, Mapping[int, int]],
    capped: Mapping[str, int],
    rules: Rules,
) -> Preserved:
    """Choose the ML nodes that the proof of compute after epoch `index` passes over. Reference: protocol 5.2."""
    hardware = {who: record.nodes for who, record in state.hosts.items()}
    models = group_by_model(node_weights, hardware, GOVERNANCE_MODELS)
    if not rules.preserved_share:
        return select_half(index, models)
    before = group_by_model(state.effective.node_weights, hardware, GOVERNANCE_MODELS)
    served = {model: {node.address for node in nodes} for model, nodes in before.items()}
    return select_share(index, models, capped, served, rules.preserved_share)
