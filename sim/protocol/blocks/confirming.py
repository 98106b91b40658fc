"""A confirmation in which hosts compute: a proof of compute in small, and what it reads of each member (network 2.11).

1. G: generation starts; the hash of the block before seeds it, and preserved ML nodes are drawn.
2. Validation start: the powers of voters are frozen.
3. A block after the last vote the claims are judged like those of the regular proof, and read out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

from sim.protocol.blocks.fast.judging import judge_claims
from sim.protocol.blocks.fast.judging_models import judge_models
from sim.protocol.blocks.model_groups import draw_episode, open_ballot
from sim.protocol.blocks.params import ProtocolParams
from sim.protocol.blocks.state import Block, ChainState, ConfirmationRun, EpochGroup, UpcomingEpoch
from sim.protocol.proofs.base import CountedClaim
from sim.protocol.proofs.claimed import split_claim
from sim.protocol.proofs.committee import Committee
from sim.protocol.proofs.confirmation import ConfirmationHeights
from sim.protocol.proofs.confirmation_readings import Reading, Scales, read_member
from sim.protocol.proofs.log import Log
from sim.protocol.proofs.preserved import Preserved
from sim.protocol.proofs.votes import select_voters
from sim.protocol.switches import Rules

NO_MODEL = ""
"""Stands for the one model of claims that name none."""
ONE_SCALE: Scales = {NO_MODEL: Fraction(1)}
ByModel = Mapping[str, int]


class MemberWeights(NamedTuple):
    """Unscaled weights of one member's ML nodes by model: all that are asked, and those that this episode preserves."""

    nodes: ByModel
    preserved: ByModel


def begin_run(state: ChainState, block: Block, heights: ConfirmationHeights) -> ChainState:
    """Note the event that this block has triggered."""
    return replace(state, confirmation_run=ConfirmationRun(block.height, heights))


def advance_run(state: ChainState, block: Block, rules: Rules, params: ProtocolParams) -> ChainState:
    """Act at the event's heights before its read-out; its trigger can be one of them."""
    run = state.confirmation_run
    if run is None:
        return state
    if block.height == run.heights.generation_start - 1:
        return replace(state, confirmation_run=replace(run, seed_hash=block.block_hash))
    if block.height == run.heights.generation_start:
        return _open_generation(state, run, block, rules, params)
    if block.height == run.heights.validation_start:
        return _open_validation(state, run, block, rules, params)
    return state


def _open_generation(
    state: ChainState, run: ConfirmationRun, block: Block, rules: Rules, params: ProtocolParams
) -> ChainState:
    """Claims are taken from now on; those of the last proof of compute are pruned."""
    group = state.effective
    preserved = (
        draw_episode(state, run.trigger_height, rules, params) if rules.preserves_by_episode else group.preserved
    )
    proof = UpcomingEpoch(
        index=group.index,
        start_height=run.trigger_height,
        block_hash=run.seed_hash,
        models={model.name: model for model in rules.models},
        start_seconds=block.time_seconds,
    )
    opened = replace(run, proof=proof, preserved=preserved)
    return replace(state, confirmation_run=opened, proofs=rules.proof.open_store(), validations=Log())


def _open_validation(
    state: ChainState, run: ConfirmationRun, block: Block, rules: Rules, params: ProtocolParams
) -> ChainState:
    """Freeze the powers of active models, or draw the committees as at V."""
    assert run.proof is not None, "validation without generation"
    proof = replace(run.proof, validation_seconds=block.time_seconds)
    if rules.proof.claims_by_model:
        proof = replace(proof, ballot=open_ballot(state, {}, block.block_hash, rules, params))
    elif params.validation_committee is not None:
        voters = select_voters(state.effective.present, 0)
        guardians = params.guardians.intersection(voters)
        committee = Committee(block.block_hash, voters, params.validation_committee, guardians)
        proof = replace(proof, committee=committee)
    return replace(state, confirmation_run=replace(run, proof=proof))


def read_members(state: ChainState, rules: Rules) -> dict[str, Reading]:
    """Return what the event that ends has read of each member that is still in the group, by address.

    Raises ValueError where no event has run up to its validation.
    """
    run = state.confirmation_run
    if run is None or run.proof is None:
        raise ValueError(f"no confirmation is read out at height {state.height}")
    claims = state.proofs.count_claims(rules, state.episode)
    judge = judge_models if rules.proof.claims_by_model else judge_claims
    verdicts = judge(state, claims, run.proof, rules)
    accepted = {name: claim for name, claim in claims.items() if verdicts[name].is_accepted}
    measured, scales = _sum_by_member(accepted), _get_scales(state.effective, run.proof)
    asked = _list_members(state.effective, run.preserved)
    return {who: read_member(mine.nodes, mine.preserved, measured.get(who, {}), scales) for who, mine in asked.items()}


def _sum_by_member(accepted: Mapping[str, CountedClaim]) -> dict[str, dict[str, int]]:
    """Weight of accepted claims, by address and model."""
    measured: dict[str, dict[str, int]] = {}
    for name, claim in accepted.items():
        who, model = split_claim(name)
        measured.setdefault(who, {})[model] = claim.weight
    return measured


def _get_scales(group: EpochGroup, proof: UpcomingEpoch) -> Scales:
    """Scales of the models that voted; frozen when the epoch was formed."""
    if group.formed is None:
        return ONE_SCALE
    voting = proof.ballot.snapshot.powers if proof.ballot is not None else {}
    return {model: scale for model, scale in group.formed.groups.scales.items() if any(voting.get(model, {}).values())}


def _list_members(group: EpochGroup, preserved: Preserved) -> dict[str, MemberWeights]:
    """Where claims name no model, preserved ML nodes are not asked, as until v0.2.8."""
    if group.formed is None:
        free = {
            who: sum(weight for node, weight in nodes.items() if node not in preserved.get(who, ()))
            for who, nodes in group.node_weights.items()
            if who in group.present
        }
        return {who: MemberWeights({NO_MODEL: weight}, {}) for who, weight in free.items()}
    return {
        who: MemberWeights(
            {model: sum(nodes.values()) for model, nodes in models.items()},
            {
                model: sum(weight for node, weight in nodes.items() if node in preserved.get(who, ()))
                for model, nodes in models.items()
            },
        )
        for who, models in group.model_weights.items()
    }
