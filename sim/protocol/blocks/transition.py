"""`apply_block`: the state after a block, with the fate of each of its transactions (protocol 1.4, 2, 3, 4)."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from sim.protocol.blocks.challenge_verdicts import advance_challenges
from sim.protocol.blocks.challenging import take_challenge, take_segment_votes, take_slice
from sim.protocol.blocks.checks import (
    check_claim,
    check_overlap,
    check_stance,
    check_start,
    check_stateless,
    check_validation,
)
from sim.protocol.blocks.epochs import NextDifficulty, process_epoch
from sim.protocol.blocks.model_groups import freeze_stances, take_stance
from sim.protocol.blocks.params import ProtocolParams
from sim.protocol.blocks.payments import PaymentKind, pay
from sim.protocol.blocks.records import Record, RewardClaimed, SeedCommitted
from sim.protocol.blocks.running import apply_confirmation, apply_inferences
from sim.protocol.blocks.signatures import check_release, judge_signatures, release_validator
from sim.protocol.blocks.stages import get_schedule, select_epoch
from sim.protocol.blocks.state import Block, ChainState, HostRecord
from sim.protocol.consensus.signing import follow_validators
from sim.protocol.consensus.transactions import (
    ClaimReward,
    DeclareIntent,
    DelegatePower,
    DepositCollateral,
    OpenChallenge,
    RefuseModel,
    RegisterHost,
    ReleaseCollateral,
    SubmitSeed,
    SubmitValidation,
    Transaction,
    TxResult,
    Unjail,
)
from sim.protocol.consensus.validators import select_validators
from sim.protocol.money.accounts import Settlement, VestingSchedule, vest
from sim.protocol.money.collateral import Deposit, deposit, withdraw
from sim.protocol.switches import Rules

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True)
class BlockResult:
    """A block's effect: the new state, the fates of its transactions, and rows for observers."""

    state: ChainState
    tx_results: tuple[str, ...]
    """Each a `TxResult`, or a proof scheme's own text."""
    rows: tuple[Record, ...]
    """Facts that every observer of the chain sees."""


def apply_block(
    state: ChainState,
    block: Block,
    priorities: Mapping[str, int],
    params: ProtocolParams,
    next_difficulty: NextDifficulty,
    included: Container[str] = frozenset(),
) -> BlockResult:
    """Apply the transactions in order, then the epoch's edge if the height is one. Reference: protocol 1.4.

    `included`: ids of the transactions in earlier blocks. The chain stores none of them again, nor one that this block
    holds twice, whatever mempools let through; so nothing is paid or counted twice.
    """
    if block.height != state.height + 1:
        raise ValueError(f"block {block.height} does not follow height {state.height}")
    effective = get_schedule(state.effective.index, state.effective.start_height, params.epoch_at(block.height))
    schedule = select_epoch(effective, block.height)
    begun = replace(state, height=block.height, priorities=priorities, schedule=schedule)
    signed, punished = judge_signatures(begun, block, params)
    draft = Draft(signed, block.time_seconds)
    results = _apply_transactions(draft, block, params, included)
    after, served = apply_inferences(draft.finish(), block.inferences, params)
    after, edges = process_epoch(freeze_stances(after, params), block, params, next_difficulty)
    after, sealed = advance_challenges(after, block, params) if after.challenges else (after, [])
    after, confirmed = apply_confirmation(after, block, params)
    if after.powers is not state.powers:
        signers = follow_validators(after.signing, select_validators(after.powers), block.height + 1)
        after = replace(after, signing=signers)
    return BlockResult(after, results, (*punished, *draft.rows, *served, *edges, *sealed, *confirmed))


class _Copied(Generic[K, V]):
    """One of the state's mappings, by the name of the attribute: copied when the block first touches it."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, draft: Draft, owner: type) -> dict[K, V]:
        copy = draft.__dict__[self._name] = dict(getattr(draft.state, self._name))
        # Checks read the copy too, so that a transaction sees the effects of those before it in the block.
        view: Any = MappingProxyType(copy)
        draft.state = replace(draft.state, **{self._name: view})
        return copy


def _apply_transactions(
    draft: Draft, block: Block, params: ProtocolParams, included: Container[str]
) -> tuple[str, ...]:
    rules, seen = params.rules_at(draft.state.schedule.index), set[str]()
    results: list[str] = []
    for transaction in block.transactions:
        if transaction.tx_id in included or transaction.tx_id in seen:
            results.append(TxResult.REPLAYED)
        else:
            seen.add(transaction.tx_id)
            results.append(apply_transaction(draft, transaction, params, rules))
    return tuple(results)


class Draft:
    """A state that is being changed by one block: each mapping that a transaction touches is copied once.

    Logs are not copied; a block's additions to them join at its end, since no check reads them.
    """

    hosts = _Copied[str, HostRecord]()
    deposits = _Copied[str, Deposit]()
    seeds = _Copied[tuple[int, str], str]()
    settled = _Copied[str, Settlement]()
    vesting = _Copied[str, VestingSchedule]()
    balances = _Copied[str, int]()

    def __init__(self, state: ChainState, time_seconds: float = 0.0) -> None:
        """`time_seconds`: the block's own time."""
        self.state = state
        self.time_seconds = time_seconds
        self.rows: list[Record] = []
        self.proofs = state.proofs
        self.validations: list[SubmitValidation] = []

    def finish(self) -> ChainState:
        """Return the state with everything that the block added."""
        return replace(
            self.state,
            proofs=self.proofs,
            validations=self.state.validations.extended(self.validations),
        )


def apply_transaction(draft: Draft, transaction: Transaction, params: ProtocolParams, rules: Rules) -> str:
    """Check one transaction as the chain does, then store it. Reference: protocol 2.1, 3.1, 4.5."""
    result: str = check_stateless(transaction)
    if result is not TxResult.ACCEPTED:
        return result
    match transaction:
        case RegisterHost():
            draft.hosts[transaction.creator] = HostRecord(transaction.validator_key, transaction.nodes)
            held = draft.deposits.get(transaction.creator, Deposit())
            draft.deposits[transaction.creator] = deposit(held, transaction.collateral_ngonka)
        case SubmitSeed():
            _commit_seed(draft, transaction)
        case SubmitValidation():
            result = _take_votes(draft, transaction)
        case ClaimReward():
            result = check_claim(draft.state, transaction, rules)
            if result is TxResult.ACCEPTED:
                _pay_claim(draft, transaction, params.vesting_epochs)
        case DepositCollateral():
            result = _move_into_collateral(draft, transaction.creator, transaction.amount_ngonka)
        case ReleaseCollateral():
            result = _unbond(draft, transaction.creator, transaction.amount_ngonka)
        case Unjail():
            result = check_release(draft.state, transaction.creator, draft.time_seconds)
            if result is TxResult.ACCEPTED:
                draft.state = release_validator(draft.state, transaction.creator, rules, params)
        case DelegatePower() | RefuseModel() | DeclareIntent():
            result = check_stance(draft.state, transaction, rules)
            if result is TxResult.ACCEPTED:
                draft.state = replace(draft.state, stances=take_stance(draft.state.stances, transaction))
        case OpenChallenge():
            result, draft.state, locked = take_challenge(draft.state, transaction, rules, params)
            draft.rows += locked
        case _:
            result = _take_proof(draft, transaction, params, rules)
    return result


def _take_votes(draft: Draft, votes: SubmitValidation) -> str:
    """Votes are about claims of the running proof of compute, or about a segment of a challenge."""
    about_segment = take_segment_votes(draft.state, votes) if draft.state.challenges else None
    if about_segment is not None:
        result, draft.state = about_segment
        return result
    result = check_validation(draft.state, votes.start_height)
    if result is TxResult.ACCEPTED:
        draft.validations.append(votes)
    return result


def _commit_seed(draft: Draft, seed: SubmitSeed) -> None:
    draft.seeds[seed.epoch_index, seed.creator] = seed.commitment
    draft.rows.append(
        SeedCommitted(
            tx_id=seed.tx_id,
            epoch=seed.epoch_index,
            participant=seed.creator,
            height=draft.state.height,
            commitment=seed.commitment,
        )
    )


def _take_proof(draft: Draft, message: Any, params: ProtocolParams, rules: Rules) -> str:
    """Everything else belongs to the proof scheme in force, or to none."""
    if not isinstance(message, rules.proof.messages):
        return TxResult.OTHER_SCHEME
    about_slice = take_slice(draft.state, message, params, rules) if draft.state.challenges else None
    if about_slice is not None:
        result, draft.state = about_slice
        return result
    state = draft.state
    result = check_start(state, message.start_height)
    if result is TxResult.ACCEPTED:
        result = check_overlap(state, rules)
    if result is TxResult.ACCEPTED:
        result, draft.proofs = draft.proofs.take(message, state.height, state.episode, rules)
    return result


def _pay_claim(draft: Draft, claim: ClaimReward, vesting_epochs: int) -> None:
    """The record is gone; its amount joins the vesting schedule, or is free at once. Reference: protocol 6.4."""
    who, amount = claim.creator, draft.settled.pop(claim.creator).amount
    schedule, free = vest(draft.vesting.get(who, ()), amount, n_epochs=vesting_epochs)
    if schedule:
        draft.vesting[who] = schedule
    if free:
        draft.balances[who] = draft.balances.get(who, 0) + free
    reason = f"vests over {vesting_epochs} epochs" if vesting_epochs else "free at once"
    draft.rows.append(RewardClaimed(epoch=claim.epoch_index, participant=who, height=draft.state.height))
    draft.rows += pay(draft.state, who, PaymentKind.CLAIM, amount, reason)


def _move_into_collateral(draft: Draft, who: str, amount: int) -> TxResult:
    """Free coins become collateral at once. Reference: protocol 6.5."""
    free = draft.balances.get(who, 0)
    if not 0 < amount <= free:
        return TxResult.NOT_ENOUGH_COINS
    draft.balances[who] = free - amount
    draft.deposits[who] = deposit(draft.deposits.get(who, Deposit()), amount)
    draft.rows += pay(draft.state, who, PaymentKind.DEPOSITED, amount, "from the balance")
    return TxResult.ACCEPTED


def _unbond(draft: Draft, who: str, amount: int) -> TxResult:
    """Collateral stops to activate weight at once and is free an epoch later. Reference: protocol 6.5."""
    held = draft.deposits.get(who, Deposit())
    if not 0 < amount <= held.active:
        return TxResult.NOT_ENOUGH_COLLATERAL
    draft.deposits[who] = withdraw(held, amount, draft.state.effective.index)
    return TxResult.ACCEPTED
