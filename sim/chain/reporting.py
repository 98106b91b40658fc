"""Turns an agreed block and its effect into records."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pow.sphere import hit_probability, r_target_for
from sim.metrics.recorder import Recorder
from sim.metrics.records import (
    NO_CLAIM,
    BlockAgreed,
    DifficultyDecided,
    EpochStarted,
    ParticipantJudged,
    RewardClaimed,
    RewardSettled,
    TransactionIncluded,
)
from sim.protocol.blocks import BlockResult
from sim.protocol.checks import TxResult
from sim.protocol.epochs import EpochFormed, EpochSettled, ParticipantOutcome
from sim.protocol.params import ProtocolParams
from sim.protocol.state import Block
from sim.protocol.transactions import ClaimReward


@dataclass(frozen=True)
class BlockReporter:
    """Writes what every observer of the chain can see."""

    recorder: Recorder
    params: ProtocolParams
    setpoint: float | None

    def report(self, block: Block, result: BlockResult) -> None:
        """Record the block, the fate of its transactions and whatever edge it is."""
        schedule = result.state.schedule
        self.recorder.add(
            BlockAgreed(
                height=block.height,
                epoch=schedule.index,
                stage=schedule.stage_at(block.height),
                proposer=block.proposer,
                time_seconds=block.time_seconds,
                block_hash=block.block_hash,
                n_transactions=len(block.transactions),
                size_bytes=block.size_bytes,
            )
        )
        self._report_transactions(block, result)
        if block.height == schedule.start:
            self._report_start(schedule.index, block, result)
        if result.settled is not None:
            self._report_settled(result.settled)
        if result.formed is not None:
            self._report_formed(block.height, result.formed)

    def _report_transactions(self, block: Block, result: BlockResult) -> None:
        for transaction, fate in zip(block.transactions, result.tx_results, strict=True):
            self.recorder.add(TransactionIncluded(transaction.tx_id, block.height, block.time_seconds, fate))
            if isinstance(transaction, ClaimReward) and fate is TxResult.ACCEPTED:
                self.recorder.add(RewardClaimed(transaction.epoch_index, transaction.creator, block.height))

    def _report_start(self, epoch: int, block: Block, result: BlockResult) -> None:
        state = result.state
        self.recorder.add(
            EpochStarted(
                epoch=epoch,
                start_height=block.height,
                start_seconds=block.time_seconds,
                block_hash=block.block_hash,
                r_target=state.r_target,
                difficulty=state.difficulty,
                hit_probability=hit_probability(state.r_target, self.params.vector_dim),
            )
        )

    def _report_settled(self, settled: EpochSettled) -> None:
        for participant, reward in settled.rewards.items():
            self.recorder.add(RewardSettled(settled.index, participant, settled.weights[participant], reward))

    def _report_formed(self, height: int, formed: EpochFormed) -> None:
        for participant, outcome in sorted(formed.outcomes.items()):
            self.recorder.add(_judged(formed.index, participant, outcome))
        self.recorder.add(
            DifficultyDecided(
                epoch=formed.index,
                height=height,
                measured=formed.observation.valid_nonces,
                setpoint=math.nan if self.setpoint is None else self.setpoint,
                difficulty=formed.observation.difficulty,
                next_difficulty=formed.next_difficulty,
                next_r_target=r_target_for(1.0 / formed.next_difficulty, self.params.vector_dim),
            )
        )


def _judged(epoch: int, participant: str, outcome: ParticipantOutcome) -> ParticipantJudged:
    claim, verdict = outcome.claim, outcome.verdict
    return ParticipantJudged(
        epoch=epoch,
        participant=participant,
        claimed_nonces=claim.claimed_nonces,
        counted_nonces=claim.counted_nonces,
        claimed_weight=claim.weight,
        valid_vote_weight=verdict.valid_weight if verdict else 0,
        invalid_vote_weight=verdict.invalid_weight if verdict else 0,
        total_vote_weight=verdict.total_weight if verdict else 0,
        is_accepted=verdict is not None and verdict.is_accepted,
        reason=verdict.reason if verdict else NO_CLAIM,
        preserved_weight=outcome.preserved_weight,
        dropped_weight=outcome.merged.dropped,
        uncapped_weight=outcome.merged.weight,
        is_member=outcome.is_member,
        weight=outcome.weight,
    )
