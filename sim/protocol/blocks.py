"""`apply_block`: the state after a block, with the fate of each of its transactions (protocol 1.4, 2, 3, 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from sim.protocol.checks import TxResult, check_claim, check_stateless, check_window
from sim.protocol.collateral import Deposit, deposit
from sim.protocol.epochs import EpochFormed, NextDifficulty, process_epoch
from sim.protocol.params import ProtocolParams
from sim.protocol.payments import Payment, PaymentKind
from sim.protocol.running import EpochServed, EventClosed, apply_confirmation, apply_inferences
from sim.protocol.settling import EpochSettled
from sim.protocol.stages import Schedule, select_epoch
from sim.protocol.state import Block, ChainState, HostRecord
from sim.protocol.transactions import (
    ClaimReward,
    RegisterHost,
    SubmitProofBatch,
    SubmitSeed,
    SubmitValidation,
    SubmitValidations,
    Transaction,
)
from sim.protocol.versions import Rules
from sim.protocol.vesting import vest


@dataclass(frozen=True)
class BlockResult:
    """A block's effect: the new state and what an observer wants to know of it."""

    state: ChainState
    tx_results: tuple[TxResult, ...]
    formed: EpochFormed | None = None
    settled: EpochSettled | None = None
    served: EpochServed | None = None
    confirmed: EventClosed | None = None
    payments: tuple[Payment, ...] = ()
    """Every movement of coins in this block."""


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
    effective = Schedule(state.effective.index, state.effective.start_height, params.epoch_at(block.height))
    schedule = select_epoch(effective, block.height)
    draft = Draft(replace(state, height=block.height, priorities=priorities, schedule=schedule))
    rules = params.rules_at(schedule.index)
    results = tuple(apply_transaction(draft, transaction, params, rules) for transaction in block.transactions)
    state, served = apply_inferences(draft.finish(), block.inferences, params)
    paid = (*draft.payments, *(served.payments if served else ()))
    state, settled, formed = process_epoch(state, block, params, next_difficulty)
    state, confirmed = apply_confirmation(state, block, params)
    paid += settled.payments if settled else ()
    return BlockResult(state, results, formed, settled, served, confirmed, paid)


class Draft:
    """A state that is being changed by one block: each mapping that a transaction touches is copied once.

    Logs are not copied; what a block adds to them joins at its end, since no check reads them.
    """

    def __init__(self, state: ChainState) -> None:
        self.state = state
        self.payments: list[Payment] = []
        self._changed: dict[str, dict[Any, Any]] = {}
        self._added: dict[str, list[Any]] = {}

    def edit(self, name: str) -> dict[Any, Any]:
        """Return this block's own copy of one of the state's mappings."""
        if name not in self._changed:
            self._changed[name] = dict(getattr(self.state, name))
            # Checks read the copy too, so that a transaction sees what those before it in the block did.
            view: Any = MappingProxyType(self._changed[name])
            self.state = replace(self.state, **{name: view})
        return self._changed[name]

    def add(self, name: str, item: object) -> None:
        """Append to one of the state's logs."""
        self._added.setdefault(name, []).append(item)

    def finish(self) -> ChainState:
        """Return the changed state; nobody can write into it any more."""
        self.state = replace(
            self.state, **{name: getattr(self.state, name).extended(items) for name, items in self._added.items()}
        )
        self._changed, self._added = {}, {}
        return self.state


def apply_transaction(draft: Draft, transaction: Transaction, params: ProtocolParams, rules: Rules) -> TxResult:
    """Check one transaction as the chain does, then store it. Reference: protocol 2.1, 3.1, 4.5."""
    result = check_stateless(transaction)
    if result is not TxResult.ACCEPTED:
        return result
    match transaction:
        case RegisterHost():
            draft.edit("hosts")[transaction.creator] = HostRecord(transaction.validator_key, transaction.nodes)
            held = draft.edit("deposits").get(transaction.creator, Deposit())
            draft.edit("deposits")[transaction.creator] = deposit(held, transaction.collateral_ngonka)
        case SubmitSeed():
            draft.edit("seeds")[transaction.epoch_index, transaction.creator] = transaction.commitment
        case SubmitProofBatch():
            result = check_window(draft.state, transaction.start_height, is_batch=True)
            if result is TxResult.ACCEPTED:
                draft.add("batches", as_stored(transaction, rules))
                draft.add("batch_heights", draft.state.height)
        case SubmitValidation() | SubmitValidations():
            result = check_window(draft.state, transaction.start_height, is_batch=False)
            if result is TxResult.ACCEPTED:
                draft.add("validations", transaction)
        case ClaimReward():
            result = check_claim(draft.state, transaction, rules)
            if result is TxResult.ACCEPTED:
                _pay_claim(draft, transaction, params.vesting_epochs)
    return result


def as_stored(batch: SubmitProofBatch, rules: Rules) -> SubmitProofBatch:
    """v0.2.0 forgets which ML node a batch came from. Reference: protocol 3.1."""
    return batch if rules.stores_node_ids else replace(batch, proofs=replace(batch.proofs, node_id=None))


def _pay_claim(draft: Draft, claim: ClaimReward, vesting_epochs: int) -> None:
    """The record is gone; its amount joins the vesting schedule, or is free at once. Reference: protocol 6.4."""
    who, amount = claim.creator, draft.edit("settled").pop(claim.creator).amount
    schedule, free = vest(draft.state.vesting.get(who, ()), amount, n_epochs=vesting_epochs)
    if schedule:
        draft.edit("vesting")[who] = schedule
    if free:
        draft.edit("balances")[who] = draft.state.balances.get(who, 0) + free
    reason = f"vests over {vesting_epochs} epochs" if vesting_epochs else "free at once"
    draft.payments.append(Payment(who, PaymentKind.CLAIM, amount, reason))
