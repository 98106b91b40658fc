"""An epoch's edges on chain: P opens it, VE forms its weights, S makes it effective (protocol 1.4)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from sim.protocol.blocks.challenge_verdicts import read_last_segments, settle_challenges
from sim.protocol.blocks.fast.judging import judge_claims  # by arrays; the rule to read is `judging.judge_claims`
from sim.protocol.blocks.fast.judging_models import judge_models  # likewise
from sim.protocol.blocks.formation import describe_judgement, gather_members, merge_weights
from sim.protocol.blocks.model_groups import build_group, draw_episode, form_models, open_voting
from sim.protocol.blocks.model_rows import describe_models
from sim.protocol.blocks.observations import observe_epoch
from sim.protocol.blocks.params import ProtocolParams
from sim.protocol.blocks.payments import Payment
from sim.protocol.blocks.records import EpochStarted, PowerSet, Record
from sim.protocol.blocks.settling import list_paid, settle_epoch, slash_rejected
from sim.protocol.blocks.stages import Edge
from sim.protocol.blocks.standing import compute_powers, punish_failures
from sim.protocol.blocks.state import (
    Block,
    ChainState,
    EpochGroup,
    EpochObservation,
    FrozenStances,
    UpcomingEpoch,
)
from sim.protocol.models.stances import forget_epoch
from sim.protocol.money.collateral import Deposit, compute_activated_weight
from sim.protocol.proofs.committee import Committee
from sim.protocol.proofs.confirmation import Confirmation, start_confirmation
from sim.protocol.proofs.log import Log
from sim.protocol.proofs.votes import select_voters
from sim.protocol.proofs.weights import cap_weights
from sim.protocol.service.inferences import switch_service
from sim.protocol.switches import Rules

NextDifficulty = Callable[[Any, EpochObservation], tuple[Any, float]]
"""From a controller's memory (None before its first decision) and the epoch that just closed to its memory afterwards
and the difficulty of the next epoch."""
SEED_EPOCHS_KEPT = 2


def process_epoch(
    state: ChainState, block: Block, params: ProtocolParams, next_difficulty: NextDifficulty
) -> tuple[ChainState, list[Record]]:
    """Act as the chain does at the edges of an epoch, in their order: one block can be VE and S at once.

    Reference: protocol 1.4.
    """
    rows: list[Record] = []
    for edge in state.schedule.edges_at(block.height):
        match edge:
            case Edge.P:
                state = open_epoch(state, block, params)
                rows.append(_describe_start(state, params))
            case Edge.V:
                state = open_validation(state, block, params)
            case Edge.VE:
                state, settled = settle(state, params)
                state, judged = form_epoch(state, params, next_difficulty, list_paid(settled))
                rows += [*settled, *judged]
            case Edge.S:
                state, punished = switch_epoch(state, params)
                rows += [*_describe_powers(state), *punished]
    return state, rows


def settle(state: ChainState, params: ProtocolParams) -> tuple[ChainState, list[Record]]:
    """VE, first: the last votes on challenges are read, the epoch that ends is settled, then challenges are.

    Reference: network 2.13, 2.17.
    """
    if not state.challenges:
        return settle_epoch(state, params)
    rules = params.rules_at(state.schedule.index)
    before, judged = read_last_segments(state, rules, params)
    state, settled = settle_epoch(before, params)
    state, paid = settle_challenges(state, before, rules, params)
    return state, [*judged, *settled, *paid]


def open_epoch(state: ChainState, block: Block, params: ProtocolParams) -> ChainState:
    """P: the next epoch exists; claims and votes of the last one are pruned; a new scheme brings its threshold."""
    index = state.schedule.index
    rules, before = params.rules_at(index), params.rules_at(index - 1)
    proof = rules.proof
    opened = replace(
        state,
        effective=_preserve_nodes(state, rules, before, params),
        upcoming=UpcomingEpoch(
            index,
            state.height,
            block.block_hash,
            models={model.name: model for model in rules.models},
            start_seconds=block.time_seconds,
        ),
        proofs=proof.open_store(),
        validations=Log(),
        seeds={key: seed for key, seed in state.seeds.items() if key[0] >= index - SEED_EPOCHS_KEPT},
    )
    if proof == before.proof:
        return opened
    difficulty = 1.0 / proof.hit_probability(proof.threshold, params.vector_dim)
    return replace(opened, threshold=proof.threshold, difficulty=difficulty, next_difficulty=difficulty)


def _preserve_nodes(state: ChainState, rules: Rules, before: Rules, params: ProtocolParams) -> EpochGroup:
    """P: another proof scheme starts without preserved nodes; from v0.2.12 on they are drawn here.

    Reference: network 2.1, 2.8.
    """
    group = state.effective
    if rules.proof.claims_by_model and not before.proof.claims_by_model:
        return replace(group, preserved={})
    if rules.preserves_by_episode:
        return replace(group, preserved=draw_episode(state, state.height, rules, params))
    return group


def open_validation(state: ChainState, block: Block, params: ProtocolParams) -> ChainState:
    """V: its time is noted, and its hash draws the committees, where there are any. Reference: network 2.5."""
    assert state.upcoming is not None, "V without P: the schedule is broken"
    upcoming = replace(state.upcoming, validation_seconds=block.time_seconds)
    if params.rules_at(upcoming.index).proof.claims_by_model:
        return replace(state, upcoming=open_voting(state, upcoming, block.block_hash, params))
    noted = replace(state, upcoming=upcoming)
    return draw_committees(noted, block.block_hash, params)


def draw_committees(state: ChainState, block_hash: str, params: ProtocolParams) -> ChainState:
    """V: its hash draws the committees, where there are any, among all members [I]. Reference: protocol 4.9."""
    assert state.upcoming is not None, "V without P: the schedule is broken"
    if params.validation_committee is None:
        return state
    voters = select_voters(state.effective.present, 0)
    committee = Committee(block_hash, voters, params.validation_committee, params.guardians.intersection(voters))
    return replace(state, upcoming=replace(state.upcoming, committee=committee))


def form_epoch(
    state: ChainState, params: ProtocolParams, next_difficulty: NextDifficulty, paid: Collection[str] = ()
) -> tuple[ChainState, list[Record]]:
    """VE, then, in the chain's order (protocol 1.4); `paid` were rewarded for the epoch that ends.

    1. Every claim is counted and judged by the votes of the effective epoch's members; a what-if slashes the rejected.
    2. Accepted claims are merged with the weight of preserved nodes, which no vote judges.
    3. Collateral activates as much of the weight as it covers.
    4. The cap limits every participant with weight.
    5. Nodes are chosen that the next proof of compute passes over.
    6. Participants with a seed become members; the others only took part in steps 4 and 5.
    7. The controller decides.

    Where claims are by model, steps 2 to 6 are those of network 2.9, and a member needs no seed.
    """
    assert state.upcoming is not None, "VE without P: the schedule is broken"
    index, rules = state.upcoming.index, params.rules_at(state.upcoming.index)
    claims = state.proofs.count_claims(rules, state.episode)
    by_model = rules.proof.claims_by_model
    judge = judge_models if by_model else judge_claims
    verdicts = judge(state, claims, state.upcoming, rules)
    accepted = {who: claim for who, claim in claims.items() if verdicts[who].is_accepted}
    observed = observe_epoch(state, index, claims, accepted, params)
    control, wanted = next_difficulty(state.control, observed)
    after = replace(state, observed=observed, control=control, next_difficulty=max(1.0, wanted))
    after, slashed = slash_rejected(after, verdicts, rules)
    if by_model:
        formed = form_models(state, state.upcoming, claims, accepted, params)
        after = replace(after, next_group=build_group(state, state.upcoming, formed, paid, rules))
        after = replace(after, stances=forget_epoch(state.stances), frozen=FrozenStances())
        return after, [*slashed, *describe_models(after, claims, verdicts, params)]
    merged = merge_weights(state, accepted, rules)
    activated = {who: activate_weight(state, who, part.weight, index, params) for who, part in merged.items()}
    capped = cap_members(activated, params.max_individual_power_percentage, rules)
    after = replace(after, next_group=gather_members(state, state.upcoming, merged, capped, rules))
    return after, [*slashed, *describe_judgement(after, claims, verdicts, merged, activated)]


def activate_weight(state: ChainState, who: str, weight: int, index: int, params: ProtocolParams) -> int:
    """The part of a participant's weight that its collateral activates in epoch `index`. Reference: protocol 6.5."""
    return compute_activated_weight(
        weight,
        state.deposits.get(who, Deposit()).active,
        index,
        grace_end_epoch=params.collateral_grace_epochs,
        per_weight_unit=params.collateral_per_weight_unit,
    )


def cap_members(activated: Mapping[str, int], percentage: float | None, rules: Rules) -> dict[str, int]:
    """Limit members' weights: from v0.2.5 the parameter only turns the cap on. Reference: protocol 5.3."""
    share = (rules.fixed_power_cap or percentage) if percentage else None
    return cap_weights(activated, share, positive_only=rules.caps_positive_weights_only)


def switch_epoch(state: ChainState, params: ProtocolParams) -> tuple[ChainState, list[Payment]]:
    """S: the formed epoch becomes effective, and with it the decided difficulty.

    Guardians are boosted in the powers handed to consensus only. Whoever fails at once, by a run of wrong answers, is
    taken out of the group that ends, so that it stays a member of the new one. Reference: protocol 1.4, 5.4, 6.3.
    """
    assert state.next_group is not None, "S without VE: the schedule is broken"
    group = state.next_group
    members = {address: weight for address, weight in group.weights.items() if weight > 0}
    threshold = state.threshold
    if state.next_difficulty != state.difficulty:
        proof = params.rules_at(group.index).proof
        threshold = proof.threshold_for(1.0 / state.next_difficulty, params.vector_dim)
    rules = params.rules_at(group.index)
    service, failures = switch_service(state.service, rules, members, state.height)
    after = replace(
        state,
        effective=replace(group, weights=members),
        service=service,
        confirmation=_start_confirmation(group),
        upcoming=None,
        next_group=None,
        difficulty=state.next_difficulty,
        threshold=threshold,
    )
    after = replace(after, powers=compute_powers(after, rules, params))
    return punish_failures(after, failures, rules, params)


def _start_confirmation(group: EpochGroup) -> Confirmation:
    """Until v0.2.8 preserved nodes are not asked; then readings contain them. Reference: protocol 6.7, network 2.11."""
    if group.formed is None:
        return start_confirmation(group.node_weights, group.preserved)
    totals = {who: group.raw_totals.get(who, 0) for who in group.weights}
    return Confirmation(totals, totals)


def _describe_start(state: ChainState, params: ProtocolParams) -> EpochStarted:
    rules = params.rules_at(state.schedule.index)
    return EpochStarted(
        epoch=state.schedule.index,
        start_height=state.height,
        threshold=state.threshold,
        difficulty=state.difficulty,
        hit_probability=rules.proof.hit_probability(state.threshold, params.vector_dim),
        version=rules.version,
        generation_end_height=state.schedule.generation_end,
    )


def _describe_powers(state: ChainState) -> Iterator[PowerSet]:
    for who, power in sorted(state.powers.items()):
        yield PowerSet(epoch=state.schedule.index, participant=who, consensus_power=power)
