"""`apply_block`: the state after a block, with the fate of each of its transactions (protocol 1.4, 2, 3, 4)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from sim.protocol.epochs import (
    EpochFormed,
    EpochSettled,
    NextDifficulty,
    form_epoch,
    open_epoch,
    settle_epoch,
    switch_epoch,
)
from sim.protocol.params import ProtocolParams
from sim.protocol.stages import Schedule
from sim.protocol.state import Block, ChainState
from sim.protocol.transactions import ClaimReward, SubmitProofBatch, SubmitSeed, SubmitValidation, Transaction


class TxResult(StrEnum):
    """What became of a transaction that a block contains."""

    ACCEPTED = "accepted"
    NO_UPCOMING_EPOCH = "no upcoming epoch"
    WRONG_START = "wrong start height"
    OUTSIDE_WINDOW = "outside its window"
    NOTHING_TO_CLAIM = "nothing to claim"
    WRONG_SEED = "seed does not match its commitment"


@dataclass(frozen=True)
class BlockResult:
    """A block's effect: the new state and what an observer wants to know of it."""

    state: ChainState
    tx_results: tuple[TxResult, ...]
    formed: EpochFormed | None = None
    settled: EpochSettled | None = None


def commit_seed(seed: int, creator: str) -> str:
    """Commitment to a private seed; stands for the network's signature over it [I]. Reference: protocol 2.1."""
    return hashlib.sha256(f"{seed}:{creator}".encode()).hexdigest()


def schedule_at(height: int, params: ProtocolParams) -> Schedule | None:
    """Return the epoch whose [P, next P) holds the height; None during epoch 0. Reference: protocol 1.1."""
    index = (height + params.epoch.epoch_shift) // params.epoch.epoch_length
    return Schedule.of(index, params.epoch) if index >= 1 else None


def apply_block(
    state: ChainState,
    block: Block,
    priorities: Mapping[str, int],
    params: ProtocolParams,
    next_difficulty: NextDifficulty,
) -> BlockResult:
    """Apply the transactions in order, then the epoch's edge if the height is one. Reference: protocol 1.4."""
    if block.height != state.height + 1:
        raise ValueError(f"block {block.height} does not follow height {state.height}")
    schedule = schedule_at(block.height, params)
    state = replace(state, height=block.height, priorities=priorities)
    results = []
    for transaction in block.transactions:
        state, result = apply_transaction(state, transaction, schedule)
        results.append(result)
    return _apply_edge(state, tuple(results), block, schedule, params, next_difficulty)


def _apply_edge(
    state: ChainState,
    results: tuple[TxResult, ...],
    block: Block,
    schedule: Schedule | None,
    params: ProtocolParams,
    next_difficulty: NextDifficulty,
) -> BlockResult:
    """In the chain's order: one block can be VE and S at once, where set_new_validators_delay is 0."""
    formed = settled = None
    if schedule is not None and block.height == schedule.validation_end:
        state, settled = settle_epoch(state)
        state, formed = form_epoch(state, params, next_difficulty)
    if schedule is not None and block.height == schedule.set_validators:
        state = switch_epoch(state, params)
    if schedule is not None and block.height == schedule.start:
        state = open_epoch(state, block.block_hash)
    return BlockResult(state, results, formed, settled)


def apply_transaction(
    state: ChainState, transaction: Transaction, schedule: Schedule | None
) -> tuple[ChainState, TxResult]:
    """Check one transaction as the chain does and store it; what it does *not* check matters too (protocol 3.1)."""
    match transaction:
        case SubmitSeed():  # no window, no signature, no membership; a later one overwrites (protocol 2.1)
            key = (transaction.epoch_index, transaction.creator)
            return replace(state, seeds={**state.seeds, key: transaction.commitment}), TxResult.ACCEPTED
        case SubmitProofBatch():
            result = _check_window(state, transaction.start_height, schedule, is_batch=True)
            if result is not TxResult.ACCEPTED:
                return state, result
            stored = {**state.batches, (transaction.creator, transaction.batch_id): transaction}
            return replace(state, batches=stored), result
        case SubmitValidation():
            result = _check_window(state, transaction.start_height, schedule, is_batch=False)
            if result is not TxResult.ACCEPTED:
                return state, result
            vote = {(transaction.participant, transaction.creator): transaction.is_fraud}
            return replace(state, frauds={**state.frauds, **vote}), result
        case ClaimReward():
            return _claim(state, transaction)


def _check_window(state: ChainState, start_height: int, schedule: Schedule | None, *, is_batch: bool) -> TxResult:
    if state.upcoming is None or schedule is None:
        return TxResult.NO_UPCOMING_EPOCH
    if start_height != state.upcoming.start_height:
        return TxResult.WRONG_START
    is_open = schedule.accepts_batch(state.height) if is_batch else schedule.accepts_validation(state.height)
    return TxResult.ACCEPTED if is_open else TxResult.OUTSIDE_WINDOW


def _claim(state: ChainState, claim: ClaimReward) -> tuple[ChainState, TxResult]:
    settlement = state.settled.get(claim.creator)
    if settlement is None or settlement.epoch_index != claim.epoch_index or settlement.amount == 0:
        return state, TxResult.NOTHING_TO_CLAIM
    if commit_seed(claim.seed, claim.creator) != settlement.commitment:
        return state, TxResult.WRONG_SEED
    balances = {**state.balances, claim.creator: state.balances.get(claim.creator, 0) + settlement.amount}
    settled = {address: record for address, record in state.settled.items() if address != claim.creator}
    return replace(state, balances=balances, settled=settled), TxResult.ACCEPTED
