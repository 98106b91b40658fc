"""VE, first: the accounts of the epoch that ends are settled (protocol 1.4, 6.2 to 6.5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from sim.protocol.collateral import SLASH_DOWNTIME, Deposit, release_unbonded, slash
from sim.protocol.inference_status import is_down, passes_miss_test
from sim.protocol.params import ProtocolParams
from sim.protocol.payments import NOBODY, Payment, PaymentKind
from sim.protocol.rewards import (
    compute_effective_weights,
    compute_epoch_reward,
    select_entitled,
    select_settled,
    split_reward,
)
from sim.protocol.service import Counts, close_service
from sim.protocol.settlements import add_work_coins, write_settlements
from sim.protocol.state import ChainState, Settlement
from sim.protocol.versions import Rules
from sim.protocol.vesting import unlock
from sim.protocol.weights import cap_weights

PAID = "paid"
NOT_SETTLED = "beyond the settled page"
INVALID = "INVALID"
JAILED = "failed a confirmation"
MISSED = "missed too many requests"


@dataclass(frozen=True)
class Entitlement:
    """A member's part in a settlement."""

    uncapped_weight: int
    weight: int
    """What the reward follows."""
    reward: int
    """With the remainder."""
    remainder: int
    """What truncation and punishments left over, for the first one paid."""
    fees: int
    reason: str
    """Paid, or why not."""


@dataclass(frozen=True)
class EpochSettled:
    """Rewards of an epoch that ended, in ngonka, by address, and every movement of coins at its settlement."""

    index: int
    entitlements: Mapping[str, Entitlement]
    emission: int
    payments: tuple[Payment, ...]


def settle_epoch(state: ChainState, params: ProtocolParams) -> tuple[ChainState, EpochSettled | None]:
    """Settle the effective epoch, in the chain's order. Epoch 0 is skipped. Reference: protocol 1.4.

    1. Unbonding collateral is released, one slice of every vesting schedule unlocks.
    2. Who was down loses collateral.
    3. The epoch's emission is minted in full and shared; fees go on top.
    4. Records of earlier epochs that nobody claimed are burnt.
    """
    state, unlocked = advance_deposits_and_vesting(state)
    if state.effective.index == 0:
        return state, None
    rules = params.rules_at(state.schedule.index)
    state, slashed = slash_downtime(state)
    emission = compute_epoch_reward(state.effective.index, state.emitted)
    entitlements = compute_entitlements(state, emission, rules)
    fees = sum(counts.fees_ngonka for counts in state.service.counts.values())
    shared = _list_payments(entitlements, emission, fees)
    cutoff_height = state.schedule.start - state.schedule.params.inference_validation_cutoff
    state, burnt = _store(state, entitlements, emission, fees, cutoff_height)
    payments = (*unlocked, *slashed, *shared, *burnt)
    return state, EpochSettled(state.effective.index, entitlements, emission, payments)


def advance_deposits_and_vesting(state: ChainState) -> tuple[ChainState, list[Payment]]:
    """Both are keyed by the effective epoch. Reference: protocol 1.4, 6.4, 6.5."""
    epoch_index = state.effective.index
    vesting, deposits, freed = {}, {}, Counter[str]()
    payments = []
    for who, deposit in state.deposits.items():
        deposits[who], amount = release_unbonded(deposit, epoch_index)
        freed[who] += amount
        if amount:
            payments.append(Payment(who, PaymentKind.RELEASED, amount, "unbonded"))
    for who, schedule in state.vesting.items():
        rest, amount = unlock(schedule)
        freed[who] += amount
        payments.append(Payment(who, PaymentKind.VESTED, amount, "slice of the epoch"))
        if rest:
            vesting[who] = rest
    balances = {
        **state.balances,
        **{who: state.balances.get(who, 0) + amount for who, amount in freed.items() if amount},
    }
    return replace(state, vesting=vesting, balances=balances, deposits=deposits), payments


def slash_downtime(state: ChainState) -> tuple[ChainState, list[Payment]]:
    """Who missed more than 5 % of its requests loses a tenth of its collateral. Reference: protocol 6.3."""
    down = [who for who, counts in sorted(state.service.counts.items()) if is_down(counts.n_missed, counts.n_finished)]
    return slash_deposits(state, down, SLASH_DOWNTIME, "downtime")


def slash_deposits(
    state: ChainState, offenders: list[str], fraction: Fraction, reason: str
) -> tuple[ChainState, list[Payment]]:
    """Burn a share of each offender's collateral. Reference: protocol 6.5."""
    deposits, payments = dict(state.deposits), []
    for who in offenders:
        deposits[who], amount = slash(deposits.get(who, Deposit()), fraction)
        if amount:
            payments.append(Payment(who, PaymentKind.SLASHED, amount, reason))
    slashed = state.slashed + sum(payment.amount_ngonka for payment in payments)
    return replace(state, deposits=deposits, slashed=slashed), payments


def compute_entitlements(state: ChainState, emission: int, rules: Rules) -> dict[str, Entitlement]:
    """Who gets what of an epoch's emission and fees, by address, and why not. Reference: protocol 6.2, 6.3."""
    uncapped, weights = get_reward_weights(state, rules)
    reasons = {who: _why(state, who, rules) for who in state.effective.weights}
    settled = set(select_settled(state.hosts, n_rows=rules.settlement_page_limit or None))
    reasons = {who: reason if who in settled else NOT_SETTLED for who, reason in reasons.items()}
    settled_weights = {who: weights.get(who, 0) for who, reason in reasons.items() if reason != NOT_SETTLED}
    excluded = {who for who, reason in reasons.items() if reason in (INVALID, JAILED)}
    punished = {who for who, reason in reasons.items() if reason == MISSED}
    kept, divisor = select_entitled(settled_weights, excluded, punished, recomputes_total=rules.recomputes_total)
    rewards = split_reward(kept, emission, divisor=divisor)
    fees = {who: counts.fees_ngonka for who, counts in state.service.counts.items()}
    invalid = {who for who, reason in reasons.items() if reason in (INVALID, NOT_SETTLED)}
    amounts = add_work_coins(rewards, fees, invalid)
    return {
        who: Entitlement(
            uncapped_weight=uncapped.get(who, 0),
            weight=weights.get(who, 0),
            reward=rewards.get(who, 0),
            remainder=rewards.get(who, 0) - (kept.get(who, 0) * emission // divisor if divisor else 0),
            fees=amounts.get(who, 0) - rewards.get(who, 0),
            reason=reason,
        )
        for who, reason in sorted(reasons.items())
    }


def get_reward_weights(state: ChainState, rules: Rules) -> tuple[dict[str, int], dict[str, int]]:
    """Weights that rewards follow, before and after the settlement's cap. Reference: protocol 6.2.

    Until v0.2.3 the members' final weights; from v0.2.5 on preserved plus confirmed weight of ACTIVE participants under
    a second cap. RAMPING participants are paid like ACTIVE ones [I].
    """
    group = state.effective
    if not rules.settles_confirmed_weight:
        return dict(group.weights), dict(group.weights)
    preserved = {
        who: sum(group.node_weights[who].get(node_id, 0) for node_id in group.preserved.get(who, ()))
        for who in group.weights
    }
    active = {
        who for who in group.weights if not state.service.is_invalid(who) and who not in state.confirmation.jailed
    }
    confirmed = {who: weight for who, weight in state.confirmation.weights.items() if who in group.weights}
    uncapped = compute_effective_weights(preserved, confirmed, active, percentage=0.0)
    return uncapped, cap_weights(uncapped, rules.settlement_cap)


def _why(state: ChainState, who: str, rules: Rules) -> str:
    if state.service.is_invalid(who):
        return INVALID
    if who in state.confirmation.jailed:
        return JAILED
    counts = state.service.counts.get(who, Counts())
    p0 = rules.miss_probability
    return MISSED if p0 and not passes_miss_test(counts.n_missed, counts.n_total, miss_rate=p0) else PAID


def _list_payments(entitlements: Mapping[str, Entitlement], emission: int, fees: int) -> list[Payment]:
    payments = []
    for who, part in entitlements.items():
        payments += [
            Payment(who, PaymentKind.REWARD, part.reward - part.remainder, part.reason),
            Payment(who, PaymentKind.REMAINDER, part.remainder, "first address with a share"),
            Payment(who, PaymentKind.FEE, part.fees, "inferences served"),
        ]
    left = emission + fees - sum(part.reward + part.fees for part in entitlements.values())
    payments.append(Payment(NOBODY, PaymentKind.LEFT, left, "nobody is entitled"))
    return [payment for payment in payments if payment.amount_ngonka]


def _store(
    state: ChainState, entitlements: Mapping[str, Entitlement], emission: int, fees: int, cutoff_height: int
) -> tuple[ChainState, list[Payment]]:
    """Write the records, burn those that they replace, keep what nobody is entitled to in the module."""
    index = state.effective.index
    new = {
        who: Settlement(
            epoch_index=index,
            amount=part.reward + part.fees,
            commitment=state.seeds.get((index, who), ""),
            cutoff_height=cutoff_height,
            has_node_during_poc=bool(state.effective.preserved.get(who)),
        )
        for who, part in entitlements.items()
    }
    settled, burnt_ngonka = write_settlements(state.settled, new, previous_epoch_index=index)
    burnt = [
        Payment(who, PaymentKind.BURNT, record.amount, f"epoch {record.epoch_index} was not claimed in time")
        for who, record in sorted(state.settled.items())
        if settled.get(who) is not record and record.amount
    ]
    entitled = sum(part.reward + part.fees for part in entitlements.values())
    after = replace(
        state,
        settled=settled,
        service=close_service(state.service),
        emitted=state.emitted + emission,
        fees=state.fees + fees,
        left=state.left + emission + fees - entitled,
        burnt=state.burnt + burnt_ngonka,
    )
    return after, burnt
