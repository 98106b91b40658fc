"""Challenges on chain: they open, segments run and are sealed, commitments and votes arrive (network 2.13).

1. A challenge is taken in a block; its first segment starts with the next one, seeded by that block's hash.
2. A segment is sealed at the next validation, of a confirmation or of the next epoch: what is missing fails it at once.
3. What remains is voted on in that validation, and read with it (`challenge_verdicts`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from sim.protocol.blocks.params import ProtocolParams
from sim.protocol.blocks.payments import Payment, PaymentKind, pay
from sim.protocol.blocks.state import Block, ChainState
from sim.protocol.consensus.transactions import OpenChallenge, SubmitValidation, TxResult
from sim.protocol.models.challenge import ChallengeMoment, Stake, compute_stake, find_refusal
from sim.protocol.models.challenged import Challenge, SegmentRun
from sim.protocol.money.rewards import EPOCH_FACTOR, compute_epoch_reward
from sim.protocol.proofs.claimed import find_segment, split_claim
from sim.protocol.proofs.commit_rules import CommitFault, check_commit
from sim.protocol.proofs.commits import Commits, StoreCommit
from sim.protocol.proofs.slices import SliceCommit
from sim.protocol.service.status import FAILED
from sim.protocol.switches import Rules


def put_challenge(state: ChainState, challenge: Challenge) -> ChainState:
    """Return the state with a challenge in the place of its target's earlier state."""
    return replace(state, challenges={**state.challenges, challenge.target: challenge})


def get_window_start(state: ChainState, rules: Rules) -> int:
    """Return the height from which no confirmation may begin, and at which challenges end."""
    coming = state.schedule.next_start if state.upcoming is None else state.upcoming.start_height
    return coming - rules.confirmation_safety_blocks


def find_segment_end(state: ChainState, rules: Rules) -> int:
    """Return the block after the last one of the segments that run: the next validation's start, or the window's."""
    window, run = get_window_start(state, rules), state.confirmation_run
    if run is not None and state.height <= run.heights.validation_start:
        return min(window, run.heights.validation_start)
    return window


def take_challenge(
    state: ChainState, message: OpenChallenge, rules: Rules, params: ProtocolParams
) -> tuple[str, ChainState, list[Payment]]:
    """Take a challenge, and lock its stake, or say why not. Reference: network 2.13."""
    if not (rules.allows_challenges and rules.proof.claims_by_model):
        return TxResult.UNKNOWN_MESSAGE, state, []
    who, target, moment = message.creator, message.target, _describe_moment(state, message.target, rules, params)
    stake = _compute_stake(state, target, moment, rules, params)
    is_active = target in state.effective.present and state.service.get_status(target) not in FAILED
    refusal = find_refusal(
        who,
        target,
        stake,
        moment,
        is_active=is_active,
        balance=state.balances.get(who, 0),
        params=params.challenges,
    )
    if refusal is not None:
        return refusal, state, []
    opened = Challenge(who, target, state.height, stake, measure_rates(state, target), SegmentRun(state.height + 1))
    balances = {**state.balances, who: state.balances[who] - stake.locked}
    locked = pay(state, who, PaymentKind.STAKED, stake.locked, f"challenge of {target}")
    return TxResult.ACCEPTED, put_challenge(replace(state, balances=balances), opened), locked


def _describe_moment(state: ChainState, target: str, rules: Rules, params: ProtocolParams) -> ChallengeMoment:
    """A confirmation counts as running until its pause ends. Reference: network 2.11."""
    is_pausing = state.height < state.confirmation.pause_end
    is_open = state.upcoming is None
    known = {who for who, challenge in state.challenges.items() if challenge.end is None or who == target}
    return ChallengeMoment(
        height=state.height,
        inference_start=state.schedule.set_validators if is_open else state.height,
        window_start=get_window_start(state, rules),
        is_confirming=state.confirmation.end_height is not None or is_pausing,
        open_targets=frozenset(known),
        allowed=params.challengers,
    )


def _compute_stake(
    state: ChainState, target: str, moment: ChallengeMoment, rules: Rules, params: ProtocolParams
) -> Stake:
    group = state.effective
    if group.index == 0:
        return Stake(0, 0)  # it is not paid
    reward = compute_epoch_reward(
        group.index, state.emitted, epoch_factor=EPOCH_FACTOR if rules.emits_exactly else None
    )
    total = sum(group.weights.values())
    return compute_stake(group.weights.get(target, 0), total, reward, moment, params.challenges)


def measure_rates(state: ChainState, target: str) -> dict[str, Fraction]:
    """Return the artifacts per block that a member showed last, by model with a scale.

    Of ML nodes that the last proof of compute passed over the stored weight stands for their count [I].
    Reference: network 2.13.
    """
    epoch, group = state.schedule.params, state.effective
    scales = {} if group.formed is None else group.formed.groups.scales
    shown = state.proofs.by_host.get(target, {}) if isinstance(state.proofs, Commits) else {}
    rates = {}
    for model, nodes in group.model_weights.get(target, {}).items():
        listed = (shown[model].distribution or {}) if model in shown else {}
        count = sum(listed.values()) + sum(weight for node, weight in nodes.items() if node not in listed)
        if model in scales and count > 0:
            rates[model] = Fraction(count, epoch.poc_stage_duration + epoch.poc_exchange_duration)
    return rates


def take_slice(state: ChainState, message: Any, params: ProtocolParams, rules: Rules) -> tuple[str, ChainState] | None:
    """Take a challenged host's commitment for a slice, or refuse it; None where the message is about none.

    One in a slice, with counts that rise over the segment. Reference: network 2.13.
    """
    challenge = state.challenges.get(message.creator)
    segment = None if challenge is None else challenge.segment
    if challenge is None or segment is None or not isinstance(message, StoreCommit):
        return None
    if message.start_height != segment.start:
        return None
    if not (challenge.is_running and segment.start <= state.height < find_segment_end(state, rules)):
        return TxResult.OUTSIDE_WINDOW, state
    fault = _check_slice(state, message, segment, params, rules)
    if fault is not None:
        return fault, state
    held = {
        entry.model: SliceCommit(
            count=entry.count,
            root=entry.root,
            height=state.height,
            answers=message.book.by_model[entry.model],
            earlier=segment.held.get(entry.model),
        )
        for entry in message.entries
    }
    grown = replace(segment, held={**segment.held, **held})
    return TxResult.ACCEPTED, put_challenge(state, replace(challenge, segment=grown))


def _check_slice(
    state: ChainState, message: StoreCommit, segment: SegmentRun, params: ProtocolParams, rules: Rules
) -> CommitFault | None:
    planned = segment.plan(find_segment_end(state, rules), params.challenges)
    now = planned.find_slice(state.height)
    last = [segment.held[entry.model].height for entry in message.entries if entry.model in segment.held]
    if any(planned.find_slice(height) == now for height in last):
        return CommitFault.SAME_SLICE
    known = {model.name for model in rules.models} or {entry.model for entry in message.entries}
    return check_commit(message.entries, segment.held, state.height, known)


def take_segment_votes(state: ChainState, message: SubmitValidation) -> tuple[str, ChainState] | None:
    """Take votes on a segment, or refuse them; None where they are about claims of a proof of compute."""
    start = find_segment(message.participants[0]) if message.participants else None
    if start is None:
        return None
    challenge = state.challenges.get(split_claim(message.participants[0])[0])
    segment = None if challenge is None else challenge.segment
    if challenge is None or segment is None or segment.start != start or not challenge.is_sealed:
        return TxResult.WRONG_START, state
    episode = state.running
    if episode is None or not episode.validation_start < state.height <= episode.validation_end:
        return TxResult.OUTSIDE_WINDOW, state
    voted = replace(segment, votes=segment.votes.extended([message]))
    return TxResult.ACCEPTED, put_challenge(state, replace(challenge, segment=voted))


def seed_segments(state: ChainState, block: Block) -> ChainState:
    """The block before a segment's first one seeds it."""
    for challenge, segment in _list_running(state):
        if segment.start == block.height + 1 and not segment.seed_hash:
            state = put_challenge(state, replace(challenge, segment=replace(segment, seed_hash=block.block_hash)))
    return state


def _list_running(state: ChainState) -> list[tuple[Challenge, SegmentRun]]:
    known = [challenge for _, challenge in sorted(state.challenges.items()) if challenge.is_running]
    return [(challenge, challenge.segment) for challenge in known if challenge.segment is not None]


def seal_segments(state: ChainState, rules: Rules) -> tuple[ChainState, list[Challenge]]:
    """Seal what ends with this block; return the challenges whose segment it was."""
    end, sealed = find_segment_end(state, rules), []
    if state.height < end and state.upcoming is None:
        return state, []
    for challenge, segment in _list_running(state):
        closed = replace(challenge, segment=replace(segment, end=min(end, state.height)))
        sealed.append(closed)
        state = put_challenge(state, closed)
    return state, sealed


def list_absences(state: ChainState, rules: Rules) -> Mapping[str, range]:
    """Return the heights at which challenged hosts serve no inference, by address. Reference: network 2.13."""
    window = get_window_start(state, rules)
    return {who: range(challenge.height + 1, window) for who, challenge in state.challenges.items()}
