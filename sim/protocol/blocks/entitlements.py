"""Who has a part in the emission and the fees of an epoch that ends (protocol 6.2, 6.3, network 2.12)."""

from __future__ import annotations

from sim.protocol.blocks.records import RewardSettled
from sim.protocol.blocks.state import ChainState
from sim.protocol.money.accounts import add_work_coins
from sim.protocol.money.reward_cuts import apply_penalties, pass_shares_on
from sim.protocol.money.rewards import compute_effective_weights, floor_shares, select_entitled, split_reward
from sim.protocol.proofs.confirmation import compute_confirmed_part
from sim.protocol.proofs.weights import cap_by_full_weight, cap_weights
from sim.protocol.service.inferences import Counts
from sim.protocol.service.misses import passes_miss_test
from sim.protocol.service.network_misses import choose_miss_rate
from sim.protocol.service.sequential import is_unconfirmed
from sim.protocol.service.status import FAILED, Status
from sim.protocol.switches import Rules

PAID = "paid"
NOT_SETTLED = "beyond the settled page"
INVALID = "INVALID"
INACTIVE = "INACTIVE"
UNCONFIRMED = "failed a confirmation"
MISSED = "missed too many requests"
UNPAID = frozenset({INVALID, INACTIVE, UNCONFIRMED})
"""Reasons for which a member's weight does not count in the distribution, and its fees stay in the module."""


def compute_entitlements(state: ChainState, emission: int, rules: Rules) -> dict[str, RewardSettled]:
    """Parts in an epoch's emission and fees, by address, or the reason for none. Reference: protocol 6.2, 6.3."""
    uncapped, weights = get_reward_weights(state, rules)
    reasons = find_reasons(state, rules)
    settled_weights = {who: weights.get(who, 0) for who, reason in reasons.items() if reason != NOT_SETTLED}
    excluded = {who for who, reason in reasons.items() if reason in UNPAID}
    punished = {who for who, reason in reasons.items() if reason == MISSED}
    kept, divisor = select_entitled(settled_weights, excluded, punished, recomputes_total=rules.recomputes_total)
    kept = cut_for_models(state, kept, rules)
    if rules.caps_rewards_by_full_weight or rules.divides_by_full_weight:
        divisor = get_full_weight(state, rules)
    if rules.caps_rewards_by_full_weight or rules.leaves_rest_to_governance:
        rewards = floor_shares(kept, emission, divisor)
    else:
        preferred = state.effective.carried if rules.remainder_prefers_preserved else ()
        rewards = split_reward(kept, emission, divisor=divisor, preferred=preferred)
    fees = {who: counts.fees_ngonka for who, counts in state.service.counts.items()}
    amounts = add_work_coins(rewards, fees, excluded | {who for who in reasons if who not in settled_weights})
    return {
        who: RewardSettled(
            epoch=state.effective.index,
            participant=who,
            uncapped_weight=uncapped.get(who, 0),
            weight=(kept if reason == PAID else weights).get(who, 0),
            reward_ngonka=rewards.get(who, 0),
            remainder_ngonka=rewards.get(who, 0) - (kept.get(who, 0) * emission // divisor if divisor else 0),
            fees_ngonka=amounts.get(who, 0) - rewards.get(who, 0),
            reason=reason,
        )
        for who, reason in sorted(reasons.items())
    }


def cut_for_models(state: ChainState, kept: dict[str, int], rules: Rules) -> dict[str, int]:
    """Take penalties and delegates' shares from reward weights, where they have not been taken from the weights before.

    Reference: network 2.12.
    """
    if rules.penalizes_weight:
        return kept
    return pass_shares_on(apply_penalties(kept, state.effective.penalties), state.effective.delegated_shares)


def get_reward_weights(state: ChainState, rules: Rules) -> tuple[dict[str, int], dict[str, int]]:
    """Weights that rewards follow, before and after the settlement's cap. Reference: protocol 6.2, network 2.12.

    Until v0.2.4 the members' final weights; from v0.2.5 on preserved plus confirmed weight of ACTIVE participants under
    a second cap; from v0.2.9 on the part of their final weights that this is of what all their ML nodes weigh.
    """
    group = state.effective
    if not rules.settles_confirmed_weight:
        return dict(group.weights), dict(group.weights)
    active = {who for who in group.weights if state.service.get_status(who) not in FAILED}
    confirmed = {who: weight for who, weight in state.confirmation.weights.items() if who in group.weights}
    uncapped = compute_effective_weights(_get_unproven_weights(state), confirmed, active)
    if rules.scales_by_confirmation:
        raw, shown = group.raw_totals, uncapped
        uncapped = {who: compute_confirmed_part(group.weights[who], shown[who], raw.get(who, 0)) for who in shown}
    if rules.caps_rewards_by_full_weight:
        return uncapped, cap_by_full_weight(uncapped, rules.settlement_cap, get_full_weight(state, rules))
    return uncapped, cap_weights(uncapped, rules.settlement_cap, positive_only=rules.caps_positive_weights_only)


def _get_unproven_weights(state: ChainState) -> dict[str, int]:
    """Weights of ML nodes that no confirmation asks; none where readings contain preserved nodes."""
    group = state.effective
    if group.formed is not None:
        return dict.fromkeys(group.weights, 0)
    return {
        who: sum(group.node_weights[who].get(node_id, 0) for node_id in group.preserved.get(who, ()))
        for who in group.weights
    }


def get_full_weight(state: ChainState, rules: Rules) -> int:
    """All members' weight before any confirmation: of their ML nodes, or the final one where rewards follow it."""
    group = state.effective
    if rules.scales_by_confirmation or not rules.settles_confirmed_weight:
        return sum(weight for weight in group.weights.values() if weight > 0)
    return sum(sum(group.node_weights[who].values()) for who in group.weights)


def find_reasons(state: ChainState, rules: Rules) -> dict[str, str]:
    """Why each member of the settled epoch is paid or not. One page by address is settled; others count nowhere."""
    settled, rate = set(sorted(state.hosts)[: rules.settlement_page_limit or None]), get_miss_rate(state, rules)
    return {
        who: _find_reason(state, who, rules, rate) if who in settled else NOT_SETTLED for who in state.effective.weights
    }


def get_miss_rate(state: ChainState, rules: Rules) -> float:
    """P0 of the settlement's miss test; 0: nobody is punished. Reference: protocol 6.3, network 2.12."""
    if not rules.miss_probability or not rules.adapts_miss_probability:
        return rules.miss_probability
    requests = ((counts.n_missed, counts.n_total) for counts in state.service.counts.values())
    return choose_miss_rate(requests, rules.miss_probability) or 0.0


def _find_reason(state: ChainState, who: str, rules: Rules, miss_rate: float) -> str:
    status = state.service.get_status(who)
    if status is Status.INVALID:
        return INVALID
    if status is Status.INACTIVE:
        record = state.service.records[who]
        return UNCONFIRMED if is_unconfirmed(record, rules.confirmation_alpha) else INACTIVE
    if not miss_rate:
        return PAID
    counts, approximates = state.service.counts.get(who, Counts()), rules.approximates_misses
    is_tolerated = passes_miss_test(counts.n_missed, counts.n_total, miss_rate=miss_rate, approximates=approximates)
    return PAID if is_tolerated else MISSED
