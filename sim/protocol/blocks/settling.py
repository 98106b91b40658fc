"""VE, first: the accounts of the epoch that ends are settled (protocol 1.4, 6.2 to 6.5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction

from sim.protocol.blocks.entitlements import compute_entitlements
from sim.protocol.blocks.params import ProtocolParams
from sim.protocol.blocks.payments import NOBODY, Payment, PaymentKind, pay
from sim.protocol.blocks.records import Record, RewardSettled
from sim.protocol.blocks.state import ChainState
from sim.protocol.money.accounts import Settlement, unlock, write_settlements
from sim.protocol.money.collateral import SLASH_DOWNTIME, Deposit, release_unbonded, slash
from sim.protocol.money.rewards import EPOCH_FACTOR, compute_epoch_reward
from sim.protocol.proofs.claimed import split_claim
from sim.protocol.proofs.votes import Reason, Verdict
from sim.protocol.service.inferences import close_service
from sim.protocol.service.status import is_down
from sim.protocol.switches import Rules


def settle_epoch(state: ChainState, params: ProtocolParams) -> tuple[ChainState, list[Record]]:
    """Settle the effective epoch, in the chain's order. Epoch 0 is skipped. Reference: protocol 1.4.

    1. Unbonding collateral is released, one slice of every vesting schedule unlocks.
    2. Until v0.2.4 who was down loses collateral.
    3. The epoch's emission is minted in full and shared; fees go on top.
    4. Unclaimed records of earlier epochs are burnt.

    From v0.2.7 on governance has what is left in step 3, and what is unclaimed in step 4. Reference: network 2.12.
    """
    state, unlocked = advance_deposits_and_vesting(state)
    if state.effective.index == 0:
        return state, []
    rules = params.rules_at(state.schedule.index)
    state, slashed = slash_downtime(state) if rules.slashes_downtime_at_settlement else (state, [])
    factor = EPOCH_FACTOR if rules.emits_exactly else None
    emission = compute_epoch_reward(state.effective.index, state.emitted, epoch_factor=factor)
    entitlements = compute_entitlements(state, emission, rules)
    fees = sum(counts.fees_ngonka for counts in state.service.counts.values())
    left = emission + fees - sum(part.reward_ngonka + part.fees_ngonka for part in entitlements.values())
    shared = _list_payments(state, entitlements)
    state, burnt = _store(state, entitlements, rules)
    state, rest = _keep_rest(replace(state, emitted=state.emitted + emission, fees=state.fees + fees), left, rules)
    return state, [*entitlements.values(), *unlocked, *slashed, *shared, *rest, *burnt]


def list_paid(rows: Iterable[Record]) -> frozenset[str]:
    """Return the participants that a settlement gave a reward."""
    return frozenset(row.participant for row in rows if isinstance(row, RewardSettled) and row.reward_ngonka > 0)


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
    return slash_deposits(state, dict.fromkeys(down, SLASH_DOWNTIME), "downtime")


def slash_rejected(
    state: ChainState, verdicts: Mapping[str, Verdict], rules: Rules
) -> tuple[ChainState, list[Payment]]:
    """A what-if: hosts lose a share of their collateral whose claims were voted invalid, once for all their claims."""
    rejected = {split_claim(who)[0] for who, verdict in verdicts.items() if verdict.reason is Reason.VOTED_INVALID}
    offenders = dict.fromkeys(sorted(rejected), rules.rejection_slash) if rules.rejection_slash else {}
    return slash_deposits(state, offenders, "rejected claim", to_governance=rules.leaves_slashes_to_governance)


def slash_deposits(
    state: ChainState,
    offenders: Mapping[str, Fraction],
    reason: str,
    required: Mapping[str, int] | None = None,
    *,
    to_governance: bool = False,
) -> tuple[ChainState, list[Payment]]:
    """Take a fraction of each offender's collateral, or of the `required` one; burn it or give it to governance.

    Reference: protocol 6.5, network 2.1.
    """
    deposits, payments, kept, taken = dict(state.deposits), list[Payment](), list[Payment](), 0
    for who, fraction in offenders.items():
        least = None if required is None else required.get(who, 0)
        deposits[who], amount = slash(deposits.get(who, Deposit()), fraction, least)
        taken += amount
        payments += pay(state, who, PaymentKind.SLASHED, amount, reason)
        kept += pay(state, who, PaymentKind.GOVERNANCE, amount, f"slashed: {reason}") if to_governance else []
    state = replace(state, deposits=deposits)
    if to_governance:
        return replace(state, governance=state.governance + taken), payments + kept
    return replace(state, slashed=state.slashed + taken), payments


def _list_payments(state: ChainState, entitlements: Mapping[str, RewardSettled]) -> list[Payment]:
    payments = []
    for who, part in entitlements.items():
        reward = part.reward_ngonka - part.remainder_ngonka
        payments += pay(state, who, PaymentKind.REWARD, reward, part.reason)
        payments += pay(state, who, PaymentKind.REMAINDER, part.remainder_ngonka, "first address with a share")
        payments += pay(state, who, PaymentKind.FEE, part.fees_ngonka, "inferences served")
    return payments


def _keep_rest(state: ChainState, left: int, rules: Rules) -> tuple[ChainState, list[Payment]]:
    """What nobody is entitled to stays in the module; from v0.2.7 on governance has it. Reference: network 2.12."""
    if rules.leaves_rest_to_governance:
        rest = pay(state, NOBODY, PaymentKind.GOVERNANCE, left, "remainder of the settlement")
        return replace(state, governance=state.governance + left), rest
    return replace(state, left=state.left + left), pay(state, NOBODY, PaymentKind.LEFT, left, "nobody is entitled")


def _store(
    state: ChainState, entitlements: Mapping[str, RewardSettled], rules: Rules
) -> tuple[ChainState, list[Payment]]:
    """Write the records; those that they replace are burnt, or go to governance from v0.2.7 on."""
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
    settled, unclaimed = write_settlements(state.settled, new, previous_epoch_index=index)
    payments = []
    kind = PaymentKind.GOVERNANCE if rules.leaves_rest_to_governance else PaymentKind.BURNT
    for who, record in sorted(state.settled.items()):
        if settled.get(who) is not record:
            reason = f"epoch {record.epoch_index} was not claimed in time"
            payments += pay(state, who, kind, record.amount, reason)
    state = replace(state, settled=settled, service=close_service(state.service))
    if rules.leaves_rest_to_governance:
        return replace(state, governance=state.governance + unclaimed), payments
    return replace(state, burnt=state.burnt + unclaimed), payments
