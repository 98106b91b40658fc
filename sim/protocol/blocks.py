"""`apply_block`: the state after a block, with the fate of each of its transactions (protocol 1.4, 2, 3, 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from sim.protocol.checks import TxResult, check_claim, check_stateless, check_window
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
from sim.protocol.stages import Schedule, select_epoch
from sim.protocol.state import Block, ChainState, HostRecord
from sim.protocol.transactions import (
    ClaimReward,
    RegisterHost,
    SubmitProofBatch,
    SubmitSeed,
    SubmitValidation,
    Transaction,
)
from sim.protocol.versions import Rules


@dataclass(frozen=True)
class BlockResult:
    """A block's effect: the new state and what an observer wants to know of it."""

    state: ChainState
    tx_results: tuple[TxResult, ...]
    formed: EpochFormed | None = None
    settled: EpochSettled | None = None


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
    effective = Schedule(state.effective.index, state.effective.start_height, params.epoch)
    schedule = select_epoch(effective, block.height)
    draft = Draft(replace(state, height=block.height, priorities=priorities, schedule=schedule))
    rules = params.rules_at(schedule.index)
    results = tuple(apply_transaction(draft, transaction, rules) for transaction in block.transactions)
    return _apply_edge(draft.finish(), results, block, params, next_difficulty)


def _apply_edge(
    state: ChainState,
    results: tuple[TxResult, ...],
    block: Block,
    params: ProtocolParams,
    next_difficulty: NextDifficulty,
) -> BlockResult:
    """In the chain's order: one block can be VE and S at once, where set_new_validators_delay is 0."""
    formed = settled = None
    schedule = state.schedule
    if block.height == schedule.validation_end:
        state, settled = settle_epoch(state)
        state, formed = form_epoch(state, params, next_difficulty)
    if block.height == schedule.set_validators:
        state = switch_epoch(state, params)
    if block.height == schedule.start:
        state = open_epoch(state, block.block_hash, params)
    return BlockResult(state, results, formed, settled)


class Draft:
    """A state that is being changed by one block: each mapping that a transaction touches is copied once."""

    def __init__(self, state: ChainState) -> None:
        self.state = state
        self._changed: dict[str, dict[Any, Any]] = {}

    def edit(self, name: str) -> dict[Any, Any]:
        """Return this block's own copy of one of the state's mappings."""
        if name not in self._changed:
            self._changed[name] = dict(getattr(self.state, name))
            # Checks read the copy too, so that a transaction sees what those before it in the block did.
            view: Any = MappingProxyType(self._changed[name])
            self.state = replace(self.state, **{name: view})
        return self._changed[name]

    def finish(self) -> ChainState:
        """Return the changed state; nobody can write into it any more."""
        self._changed = {}
        return self.state


def apply_transaction(draft: Draft, transaction: Transaction, rules: Rules) -> TxResult:
    """Check one transaction as the chain does, then store it. Reference: protocol 2.1, 3.1, 4.5."""
    result = check_stateless(transaction)
    if result is not TxResult.ACCEPTED:
        return result
    match transaction:
        case RegisterHost():
            draft.edit("hosts")[transaction.creator] = HostRecord(transaction.validator_key, transaction.nodes)
        case SubmitSeed():
            draft.edit("seeds")[transaction.epoch_index, transaction.creator] = transaction.commitment
        case SubmitProofBatch():
            result = check_window(draft.state, transaction.start_height, is_batch=True)
            if result is TxResult.ACCEPTED:
                draft.edit("batches")[transaction.creator, transaction.batch_id] = as_stored(transaction, rules)
        case SubmitValidation():
            result = check_window(draft.state, transaction.start_height, is_batch=False)
            if result is TxResult.ACCEPTED:
                draft.edit("frauds")[transaction.participant, transaction.creator] = transaction.is_fraud
        case ClaimReward():
            result = check_claim(draft.state, transaction)
            if result is TxResult.ACCEPTED:
                _pay_claim(draft, transaction)
    return result


def as_stored(batch: SubmitProofBatch, rules: Rules) -> SubmitProofBatch:
    """v0.2.0 forgets which ML node a batch came from. Reference: protocol 3.1."""
    return batch if rules.stores_node_ids else replace(batch, proofs=replace(batch.proofs, node_id=None))


def _pay_claim(draft: Draft, claim: ClaimReward) -> None:
    balances = draft.edit("balances")
    settlement = draft.edit("settled").pop(claim.creator)
    balances[claim.creator] = balances.get(claim.creator, 0) + settlement.amount
