"""Verdicts on segments of challenges: faults at the seal, votes at the read-out, and who is paid (network 2.13)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

from sim.protocol.blocks.challenging import put_challenge, seal_segments, seed_segments
from sim.protocol.blocks.entitlements import get_full_weight
from sim.protocol.blocks.judging import read_votes
from sim.protocol.blocks.params import ProtocolParams
from sim.protocol.blocks.payments import Payment, PaymentKind, pay
from sim.protocol.blocks.readings import fold_readings
from sim.protocol.blocks.records import ChallengeSettled, Record, SegmentJudged
from sim.protocol.blocks.state import Block, ChainState
from sim.protocol.models.challenge import (
    ChallengeEnd,
    ChallengePayout,
    Segment,
    SegmentFault,
    find_fault,
    settle_challenge,
)
from sim.protocol.models.challenged import LEFT, PASSED, SHORT, Challenge, SegmentRun
from sim.protocol.money.accounts import vest
from sim.protocol.proofs.acceptance import judge_answers
from sim.protocol.proofs.claimed import mark_segment, name_claim
from sim.protocol.proofs.confirmation_readings import Reading, weigh_models
from sim.protocol.proofs.votes import Claimant, Reason, Verdict
from sim.protocol.switches import Rules

NO_VERDICT = Verdict("", Reason.NO_MEMBER_VOTED, 0, 0, 0)
OWN_FAULTS = frozenset({*SegmentFault, Reason.VOTED_INVALID})
"""For which the challenger gets a prize."""


class _Sealed(NamedTuple):
    """A segment that is over, with what decides on it."""

    challenge: Challenge
    run: SegmentRun
    segment: Segment

    @classmethod
    def of(cls, challenge: Challenge, params: ProtocolParams) -> _Sealed:
        assert challenge.segment is not None, "no segment to judge"
        assert challenge.segment.end is not None, "a segment that runs is not judged"
        return cls(challenge, challenge.segment, challenge.segment.plan(challenge.segment.end, params.challenges))

    @property
    def n_judged_blocks(self) -> int:
        return sum(blocks for _, blocks in self.segment.list_judged_slices())

    def count_judged(self, model: str) -> int:
        """Nonces that were committed by the end of the last judged slice."""
        judged = {index for index, _ in self.segment.list_judged_slices()}
        counts = self.run.count_by_slice(self.segment, model)
        return max((count for index, count in counts.items() if index in judged), default=0)


def advance_challenges(state: ChainState, block: Block, params: ProtocolParams) -> tuple[ChainState, list[Record]]:
    """Act as the chain does on challenges at each block, before a confirmation acts."""
    state = seed_segments(state, block)
    return seal_and_check(state, params.rules_at(state.schedule.index), params)


def seal_and_check(state: ChainState, rules: Rules, params: ProtocolParams) -> tuple[ChainState, list[Record]]:
    """Seal the segments that end with this block; whoever lacks commitments or work has failed at once."""
    state, sealed = seal_segments(state, rules)
    rows = list[Record]()
    for challenge in sealed:
        one = _Sealed.of(challenge, params)
        faults = {model: _find_fault(one, model, rules) for model in challenge.per_block}
        fault = next(filter(None, faults.values()), None)
        if fault is not None:
            rows += [_describe(state, one, model, NO_VERDICT, found or PASSED) for model, found in faults.items()]
            state = put_challenge(state, challenge.close(ChallengeEnd.FAILED, fault.value, state.height))
            nothing = {challenge.target: _read_nothing(state, challenge.target)}
            state, folded = fold_readings(state, nothing, {}, rules, params)
            rows += folded
    return state, rows


def _find_fault(one: _Sealed, model: str, rules: Rules) -> SegmentFault | None:
    counts = one.run.count_by_slice(one.segment, model)
    return find_fault(one.segment, counts, one.challenge.per_block[model], rules.confirmation_tolerance)


def read_segments(
    state: ChainState, rules: Rules, params: ProtocolParams, next_hash: str | None
) -> tuple[ChainState, dict[str, Reading], list[Record]]:
    """Judge the sealed segments by the votes of this validation; return what each target has shown, by address.

    The next segment of those that pass starts with the next block, which `next_hash` seeds; None: there is none.
    """
    rows, readings = list[Record](), dict[str, Reading]()
    voted = {next(iter(seen.proofs.participants)).partition(" ")[0]: seen for seen in state.sealed_segments}
    for target, challenge in sorted(state.challenges.items()):
        if challenge.end is None and target not in state.effective.present:
            state = put_challenge(state, challenge.close(ChallengeEnd.VOID, LEFT, state.height))
        elif challenge.is_sealed:
            one = _Sealed.of(challenge, params)
            reasons, told = _judge(state, one, voted.get(target), rules)
            rows += told
            failed = next(filter(None, reasons), None)
            if failed is not None:
                readings[target] = _read_nothing(state, target)
                state = put_challenge(state, _end(challenge, reasons, state.height))
            else:
                if one.segment.is_judged and challenge.per_block:
                    readings[target] = _read_shown(state, one)
                start = None if next_hash is None else state.height + 1
                state = put_challenge(state, challenge.go_on(start, next_hash or ""))
    return state, readings, rows


def _end(challenge: Challenge, reasons: Sequence[Reason | None], height: int) -> Challenge:
    """A model that is voted down decides before one on which nobody has a final vote [I]."""
    own = next((reason for reason in reasons if reason in OWN_FAULTS), None)
    if own is not None:
        return challenge.close(ChallengeEnd.FAILED, own.value, height)
    return challenge.close(ChallengeEnd.VOID, next(filter(None, reasons)).value, height)


def _judge(
    state: ChainState, one: _Sealed, seen: ChainState | None, rules: Rules
) -> tuple[list[Reason | None], list[Record]]:
    """Return, for each model, why the segment fails; None where it passes."""
    models = sorted(one.challenge.per_block)
    if not one.segment.is_judged:
        return [], [_describe(state, one, model, NO_VERDICT, SHORT) for model in models or [""]]
    verdicts = {model: _count_votes(one, model, seen, rules) for model in models}
    rows: list[Record] = [
        _describe(state, one, model, verdict, PASSED if verdict.is_accepted else verdict.reason)
        for model, verdict in verdicts.items()
    ]
    return [None if verdict.is_accepted else verdict.reason for verdict in verdicts.values()], rows


def _count_votes(one: _Sealed, model: str, seen: ChainState | None, rules: Rules) -> Verdict:
    if seen is None or seen.ballot is None:
        return NO_VERDICT
    said = read_votes(one.run.votes, first_stands=rules.first_vote_stands)
    name = name_claim(one.challenge.target, mark_segment(model, one.run.start))
    return judge_answers(
        Claimant(one.challenge.target, max(1, one.count_judged(model))),
        model,
        {who: not is_fraud for who, is_fraud in said.get(name, {}).items() if who != one.challenge.target},
        seen.ballot.snapshot,
        seen.ballot.bar,
        guardians_need_power=seen.ballot.guardians_need_power,
    )


def _describe(state: ChainState, one: _Sealed, model: str, verdict: Verdict, reason: str) -> SegmentJudged:
    counts = one.run.count_by_slice(one.segment, model)
    expected = one.challenge.per_block.get(model, Fraction(0)) * one.n_judged_blocks
    return SegmentJudged(
        epoch=state.effective.index,
        height=state.height,
        participant=one.challenge.target,
        model=model,
        start_height=one.segment.start,
        end_height=one.segment.end,
        committed_slices=len(counts),
        judged_slices=len(one.segment.list_judged_slices()) if one.segment.is_judged else 0,
        committed_nonces=max(counts.values(), default=0),
        expected_nonces=float(expected),
        valid_vote_power=verdict.valid_weight,
        invalid_vote_power=verdict.invalid_weight,
        total_vote_weight=verdict.total_weight,
        is_passed=reason in (PASSED, SHORT),
        reason=str(reason),
    )


def _read_nothing(state: ChainState, target: str) -> Reading:
    """A failed segment has shown nothing. Reference: network 2.13."""
    return Reading(0, max(1, state.effective.raw_totals.get(target, 0)))


def _read_shown(state: ChainState, one: _Sealed) -> Reading:
    """The share of its weight that the work shows, model by model, in units of its raw total [I]."""
    group, blocks = state.effective, one.n_judged_blocks
    assert group.formed is not None, "challenges need models"
    scales = group.formed.groups.scales
    raw = {model: sum(nodes.values()) for model, nodes in group.model_weights.get(one.challenge.target, {}).items()}
    rates = one.challenge.per_block
    shown = {
        model: int(weight * min(Fraction(1), one.count_judged(model) / (rates[model] * blocks)))
        for model, weight in raw.items()
        if model in rates
    }
    return Reading(weigh_models(shown, scales), weigh_models({model: raw[model] for model in shown}, scales))


def read_last_segments(state: ChainState, rules: Rules, params: ProtocolParams) -> tuple[ChainState, list[Record]]:
    """VE: judge the last segments, before the epoch is settled; who has passed all has passed."""
    state, readings, rows = read_segments(state, rules, params, None)
    measured = {who: reading.shown for who, reading in readings.items()}
    state, folded = fold_readings(state, readings, measured, rules, params)
    for challenge in state.challenges.values():
        if challenge.end is None:
            state = put_challenge(state, challenge.close(ChallengeEnd.PASSED, PASSED, state.height))
    return state, [*rows, *folded]


def settle_challenges(
    state: ChainState, before: ChainState, rules: Rules, params: ProtocolParams
) -> tuple[ChainState, list[Record]]:
    """VE: share out stakes and prizes; `before` is the state before the epoch's settlement, which has come first."""
    rows, room = list[Record](), _get_rest(state, rules) - _get_rest(before, rules)
    for target, challenge in sorted(state.challenges.items()):
        assert challenge.end is not None, "a challenge that is open is not settled"
        full = before.effective.weights.get(target, 0)
        payout = settle_challenge(
            challenge.end, challenge.stake, full, get_full_weight(before, rules), state.emitted - before.emitted
        )
        payout = payout._replace(prize=min(payout.prize, room))
        room -= payout.prize
        state, paid = _pay_out(state, challenge, payout, rules, params.vesting_epochs)
        rows += [*paid, _describe_payout(before, challenge, payout)]
    return replace(state, challenges={}), rows


def _get_rest(state: ChainState, rules: Rules) -> int:
    """Coins that went to nobody so far, where the version puts them."""
    return state.governance if rules.leaves_rest_to_governance else state.left


def _pay_out(
    state: ChainState, challenge: Challenge, payout: ChallengePayout, rules: Rules, n_epochs: int
) -> tuple[ChainState, list[Payment]]:
    who, target = challenge.challenger, challenge.target
    payments = [
        *pay(state, target, PaymentKind.FORFEITED, payout.stake_to_target, f"passed the challenge of {who}"),
        *pay(state, who, PaymentKind.RETURNED, payout.stake_back, f"challenge of {target}: {challenge.reason}"),
        *pay(state, who, PaymentKind.PRIZE, payout.prize, f"challenge of {target}: {challenge.reason}"),
    ]
    state = _give(state, target, payout.stake_to_target, n_epochs)
    state = _give(state, who, payout.prize, n_epochs)
    state = _give(state, who, payout.stake_back, 0)
    if rules.leaves_rest_to_governance:
        return replace(state, governance=state.governance - payout.prize), payments
    return replace(state, left=state.left - payout.prize), payments


def _give(state: ChainState, who: str, amount: int, n_epochs: int) -> ChainState:
    """Coins vest, or are free at once."""
    if not amount:
        return state
    schedule, free = vest(state.vesting.get(who, ()), amount, n_epochs=n_epochs)
    vesting = {**state.vesting, who: schedule} if schedule else state.vesting
    return replace(state, vesting=vesting, balances={**state.balances, who: state.balances.get(who, 0) + free})


def _describe_payout(state: ChainState, challenge: Challenge, payout: ChallengePayout) -> ChallengeSettled:
    assert challenge.end is not None, "a payout before the end"
    return ChallengeSettled(
        epoch=state.effective.index,
        height=challenge.height,
        challenger=challenge.challenger,
        participant=challenge.target,
        exposure_ngonka=challenge.stake.exposure,
        stake_ngonka=challenge.stake.locked,
        passed_segments=challenge.n_passed,
        end_height=challenge.end_height,
        outcome=challenge.end.value,
        reason=challenge.reason,
        stake_to_target_ngonka=payout.stake_to_target,
        stake_back_ngonka=payout.stake_back,
        prize_ngonka=payout.prize,
    )
