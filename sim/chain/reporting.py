"""Turns an agreed block and its effect into records."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sim.chain.ledger import Agreement
from sim.difficulty.base import Target
from sim.metrics.recorder import Recorder
from sim.metrics.records import BlockAgreed, DifficultyDecided, TransactionIncluded
from sim.protocol.blocks.params import ProtocolParams
from sim.protocol.blocks.stages import Edge
from sim.protocol.blocks.state import ChainState
from sim.protocol.blocks.transition import BlockResult
from sim.protocol.consensus.transactions import TxResult

UNCONTROLLED = "valid_nonces_per_epoch"  # in the frame `difficulty` of controllers without a target


@dataclass(frozen=True)
class BlockReporter:
    """Records the public facts of every agreed block."""

    recorder: Recorder
    params: ProtocolParams
    target: Target | None
    """The controller's target; None for a controller without a setpoint."""

    def report(self, agreement: Agreement, result: BlockResult) -> None:
        """Record the block, the fate of its transactions, the rows of the rules and the controller's decision."""
        block, schedule = agreement.block, result.state.schedule
        self.recorder.add(
            BlockAgreed(
                height=block.height,
                epoch=schedule.index,
                stage=schedule.stage_at(block.height),
                proposer=block.proposer,
                time_seconds=agreement.seconds,
                round=agreement.round_index,
                timestamp_seconds=block.time_seconds,
                block_hash=block.block_hash,
                n_transactions=len(block.transactions),
                size_bytes=block.size_bytes,
                n_absent=len(block.absent),
            )
        )
        for transaction, fate in zip(block.transactions, result.tx_results, strict=True):
            if fate is not TxResult.REPLAYED:  # whose fate is that of the block that contained it first
                self.recorder.add(
                    TransactionIncluded(
                        tx_id=transaction.tx_id, height=block.height, included_seconds=agreement.seconds, result=fate
                    )
                )
        for row in result.rows:
            self.recorder.add(row)
        if Edge.VE in schedule.edges_at(block.height):
            self.recorder.add(self._describe_decision(result.state))

    def _describe_decision(self, state: ChainState) -> DifficultyDecided:
        proof = self.params.rules_at(state.schedule.index).proof
        target, seen = self.target, state.observed
        assert seen is not None, "a decision without VE: the schedule is broken"
        return DifficultyDecided(
            epoch=seen.epoch_index,
            height=state.height,
            quantity=UNCONTROLLED if target is None else target.quantity,
            measured=float(seen.valid_nonces) if target is None else target.measure(seen),
            setpoint=math.nan if target is None else target.setpoint,
            difficulty=seen.difficulty,
            next_difficulty=state.next_difficulty,
            next_threshold=proof.threshold_for(1.0 / state.next_difficulty, self.params.vector_dim),
        )
