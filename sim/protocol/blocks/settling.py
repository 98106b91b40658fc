"""VE, first: the accounts of the epoch that ends are settled (protocol 1.4, 6.2 to 6.5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from sim.protocol.blocks.params import ProtocolParams
from sim.protocol.blocks.payments import NOBODY, Payment, PaymentKind, pay
from sim.protocol.blocks.records import Record, RewardSettled
from sim.protocol.blocks.state import ChainState
from sim.protocol.money.accounts import Settlement, add_work_coins, unlock, write_settlements
from sim.protocol.money.collateral import SLASH_DOWNTIME, Deposit, release_unbonded, slash
from sim.protocol.money.rewards import (
    compute_effective_weights,
    compute_epoch_reward,
    floor_shares,
    select_entitled,
    split_reward,
)
from sim.protocol.proofs.weights import cap_by_full_weight, cap_weights
from sim.protocol.service.inferences import Counts, close_service
from sim.protocol.service.misses import passes_miss_test
from sim.protocol.service.sequential import is_unconfirmed
from sim.protocol.service.status import FAILED, Status, is_down
from sim.protocol.switches import Rules

PAID = "paid"
NOT_SETTLED = "beyond the settled page"
INVALID = "INVALID"
INACTIVE = "INACTIVE"
UNCONFIRMED = "failed a confirmation"
MISSED = "missed too many requests"
UNPAID = frozenset({INVALID, INACTIVE, UNCONFIRMED})
"""Reasons for which a member's weight does not count in the distribution, and its fees stay in the module."""


def settle_epoch(state: ChainState, params: ProtocolParams) -> tuple[ChainState, list[Record]]:
    """Settle the effective epoch, in the chain's order. Epoch 0 is skipped. Reference: protocol 1.4.

    1. Unbonding collateral is released, one slice of every vesting schedule unlocks.
    2. Until v0.2.4 who was down loses collateral.
    3. The epoch's emission is minted in full and shared; fees go on top.
    4. Unclaimed records of earlier epochs are burnt; from v0.2.7 on they and what step 3 leaves go to governance.
    """
    state, unlocked = advance_deposits_and_vesting(state)
    if state.effective.index == 0:
        return state, []
    rules = params.rules_at(state.schedule.index)
    state, slashed = slash_downtime(state) if rules.slashes_downtime_at_settlement else (state, [])
    emission = compute_epoch_reward(state.effective.index, state.emitted)
    entitlements = compute_entitlements(state, emission, rules)
    fees = sum(counts.fees_ngonka for counts in state.service.counts.values())
    left = emission + fees - sum(part.reward_ngonka + part.fees_ngonka for part in entitlements.values())
    shared = _list_payments(state, entitlements, left, rules)
    state, expired = _store(state, entitlements, rules)
    state = replace(state, emitted=state.emitted + emission, fees=state.fees + fees)
    if rules.leaves_rest_to_governance:
        state = replace(state, governance=state.governance + left)
    else:
        state = replace(state, left=state.left + left)
    return state, [*entitlements.values(), *unlocked, *slashed, *shared, *expired]


def advance_deposits_and_vesting(state: ChainState) -> tuple[ChainState, list[Payment]]:
    """Both are keyed by the effective epoch. Reference: protocol 1.4, 6.4, 6.5."""
    vesting, deposits, freed, payments = {}, {}, Counter[str](), list[Payment]()
    for who, deposit in state.deposits.items():
        deposits[who], amount = release_unbonded(deposit, state.effective.index)
        freed[who] += amount
        payments += pay(state, who, PaymentKind.RELEASED, amount, "unbonded")
    for who, schedule in state.vesting.items():
        rest, amount = unlock(schedule)
        freed[who] += amount
        payments += pay(state, who, PaymentKind.VESTED, amount, "slice of the epoch")
        if rest:
            vesting[who] = rest
    balances = Counter(state.balances) + freed
    return replace(state, vesting=vesting, balances=dict(balances), deposits=deposits), payments


def slash_downtime(state: ChainState) -> tuple[ChainState, list[Payment]]:
    """A member that missed more than 5 % of its requests loses a tenth of its collateral. Reference: protocol 6.3."""
    down = [who for who, counts in sorted(state.service.counts.items()) if is_down(counts.n_missed, counts.n_finished)]
    return slash_deposits(state, down, SLASH_DOWNTIME, "downtime", PaymentKind.SLASHED)


def slash_deposits(
    state: ChainState, offenders: list[str], fraction: Fraction, reason: str, kind: PaymentKind
) -> tuple[ChainState, list[Payment]]:
    """Take a share of each offender's collateral. Reference: protocol 6.5."""
    deposits, payments = dict(state.deposits), list[Payment]()
    for who in offenders:
        deposits[who], amount = slash(deposits.get(who, Deposit()), fraction)
        payments += pay(state, who, kind, amount, reason)
    slashed = state.slashed + sum(payment.amount_ngonka for payment in payments)
    return replace(state, deposits=deposits, slashed=slashed), payments


def compute_entitlements(state: ChainState, emission: int, rules: Rules) -> dict[str, RewardSettled]:
    """Parts in an epoch's emission and fees, by address, or the reason for none. Reference: protocol 6.2, 6.3."""
    uncapped, weights = get_reward_weights(state, rules)
    reasons = {who: _why(state, who, rules) for who in state.effective.weights}
    settled = set(
        sorted(state.hosts)[: rules.settlement_page_limit or None]
    )  # one page by address; others count nowhere
    reasons = {who: reason if who in settled else NOT_SETTLED for who, reason in reasons.items()}
    settled_weights = {who: weights.get(who, 0) for who, reason in reasons.items() if reason != NOT_SETTLED}
    excluded = {who for who, reason in reasons.items() if reason in UNPAID}
    punished = {who for who, reason in reasons.items() if reason == MISSED}
    kept, divisor = select_entitled(settled_weights, excluded, punished, recomputes_total=rules.recomputes_total)
    if rules.caps_rewards_by_full_weight:
        divisor = get_full_weight(state, rules)
        rewards = floor_shares(kept, emission, divisor)
    elif rules.leaves_rest_to_governance:
        rewards = floor_shares(kept, emission, divisor)
    else:
        preferred = state.effective.carried if rules.remainder_prefers_preserved else ()
        rewards = split_reward(kept, emission, divisor=divisor, preferred=preferred)
    fees = {who: counts.fees_ngonka for who, counts in state.service.counts.items()}
    amounts = add_work_coins(rewards, fees, excluded | {who for who in reasons if who not in settled})
    return {
        who: RewardSettled(
            epoch=state.effective.index,
            participant=who,
            uncapped_weight=uncapped.get(who, 0),
            weight=weights.get(who, 0),
            reward_ngonka=rewards.get(who, 0),
            remainder_ngonka=rewards.get(who, 0) - (kept.get(who, 0) * emission // divisor if divisor else 0),
            fees_ngonka=amounts.get(who, 0) - rewards.get(who, 0),
            reason=reason,
        )
        for who, reason in sorted(reasons.items())
    }


def get_reward_weights(state: ChainState, rules: Rules) -> tuple[dict[str, int], dict[str, int]]:
    """Weights that rewards follow, before and after the settlement's cap. Reference: protocol 6.2.

    Until v0.2.4 the members' final weights; from v0.2.5 on preserved plus confirmed weight of ACTIVE participants under
    a second cap.
    """
    group = state.effective
    if not rules.settles_confirmed_weight:
        return dict(group.weights), dict(group.weights)
    preserved = {
        who: sum(group.node_weights[who].get(node_id, 0) for node_id in group.preserved.get(who, ()))
        for who in group.weights
    }
    active = {who for who in group.weights if state.service.get_status(who) not in FAILED}
    confirmed = {who: weight for who, weight in state.confirmation.weights.items() if who in group.weights}
    uncapped = compute_effective_weights(preserved, confirmed, active)
    if rules.caps_rewards_by_full_weight:
        return uncapped, cap_by_full_weight(uncapped, rules.settlement_cap, get_full_weight(state, rules))
    return uncapped, cap_weights(uncapped, rules.settlement_cap, positive_only=rules.caps_positive_weights_only)


def get_full_weight(state: ChainState, rules: Rules) -> int:
    """All members' weight before any confirmation: of their ML nodes, or the final one where rewards follow it."""
    group = state.effective
    if not rules.settles_confirmed_weight:
        return sum(group.weights.values())
    return sum(sum(group.node_weights[who].values()) for who in group.weights)


def _why(state: ChainState, who: str, rules: Rules) -> str:
    status = state.service.get_status(who)
    if status is Status.INVALID:
        return INVALID
    if status is Status.INACTIVE:
        record = state.service.records[who]
        return UNCONFIRMED if is_unconfirmed(record, rules.confirmation_alpha) else INACTIVE
    counts = state.service.counts.get(who, Counts())
    p0 = rules.miss_probability
    if not p0:
        return PAID
    approximates = rules.approximates_misses
    is_tolerated = passes_miss_test(counts.n_missed, counts.n_total, miss_rate=p0, approximates=approximates)
    return PAID if is_tolerated else MISSED


def _list_payments(
    state: ChainState, entitlements: Mapping[str, RewardSettled], left: int, rules: Rules
) -> list[Payment]:
    payments = []
    for who, part in entitlements.items():
        reward = part.reward_ngonka - part.remainder_ngonka
        payments += pay(state, who, PaymentKind.REWARD, reward, part.reason)
        payments += pay(state, who, PaymentKind.REMAINDER, part.remainder_ngonka, "first address with a share")
        payments += pay(state, who, PaymentKind.FEE, part.fees_ngonka, "inferences served")
    kind = PaymentKind.GOVERNANCE if rules.leaves_rest_to_governance else PaymentKind.LEFT
    return payments + pay(state, NOBODY, kind, left, "nobody is entitled")


def _store(
    state: ChainState, entitlements: Mapping[str, RewardSettled], rules: Rules
) -> tuple[ChainState, list[Payment]]:
    """Write the records; those that they replace are burnt, or governance has them."""
    index = state.effective.index
    new = {
        who: Settlement(
            epoch_index=index,
            amount=part.reward_ngonka + part.fees_ngonka,
            commitment=state.seeds.get((index, who), ""),
            cutoff_height=state.schedule.start - state.schedule.params.inference_validation_cutoff,
            has_node_during_poc=bool(state.effective.preserved.get(who)),
        )
        for who, part in entitlements.items()
    }
    settled, expired = write_settlements(state.settled, new, previous_epoch_index=index)
    kind = PaymentKind.GOVERNANCE if rules.leaves_rest_to_governance else PaymentKind.BURNT
    payments = []
    for who, record in sorted(state.settled.items()):
        if settled.get(who) is not record:
            reason = f"epoch {record.epoch_index} was not claimed in time"
            payments += pay(state, who, kind, record.amount, reason)
    state = replace(state, settled=settled, service=close_service(state.service))
    if rules.leaves_rest_to_governance:
        return replace(state, governance=state.governance + expired), payments
    return replace(state, burnt=state.burnt + expired), payments
