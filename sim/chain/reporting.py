"""Turns an agreed block and its effect into records."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pow.sphere import hit_probability, r_target_for
from sim.chain.agreement import Agreement
from sim.difficulty.base import Target
from sim.metrics.recorder import Recorder
from sim.metrics.records import (
    NO_CLAIM,
    BlockAgreed,
    DifficultyDecided,
    EpochStarted,
    InferencesServed,
    ParticipantJudged,
    PaymentMade,
    PowerSet,
    PriceReached,
    RewardClaimed,
    RewardSettled,
    TransactionIncluded,
    WeightConfirmed,
)
from sim.protocol.blocks import BlockResult
from sim.protocol.checks import TxResult
from sim.protocol.epochs import EpochFormed, ParticipantOutcome
from sim.protocol.inference_status import Status
from sim.protocol.params import ProtocolParams
from sim.protocol.running import EpochServed, EventClosed
from sim.protocol.settling import EpochSettled
from sim.protocol.stages import Edge
from sim.protocol.state import EpochObservation
from sim.protocol.transactions import ClaimReward

UNCONTROLLED = "valid_nonces_per_epoch"  # what the frame shows where nothing is controlled


@dataclass(frozen=True)
class BlockReporter:
    """Writes what every observer of the chain can see."""

    recorder: Recorder
    params: ProtocolParams
    target: Target | None
    """What the controller holds at its setpoint; None where it holds nothing."""

    def report(self, agreement: Agreement, result: BlockResult) -> None:
        """Record the block, the fate of its transactions and whatever edge it is."""
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
            )
        )
        self._report_transactions(agreement, result)
        edges = schedule.edges_at(block.height)
        if Edge.P in edges:
            self._report_start(agreement, result)
        if result.settled is not None:
            self._report_settled(result.settled)
        if result.formed is not None:
            self._report_formed(block.height, result.formed)
        if Edge.S in edges:
            for participant, power in sorted(result.state.powers.items()):
                self.recorder.add(PowerSet(schedule.index, participant, power))
        if result.served is not None:
            self._report_served(result.served)
        if result.confirmed is not None:
            self._report_confirmed(block.height, result.confirmed)
        for payment in result.payments:
            row = (payment.participant, payment.kind, payment.amount_ngonka, payment.reason)
            self.recorder.add(PaymentMade(schedule.index, block.height, *row))

    def _report_transactions(self, agreement: Agreement, result: BlockResult) -> None:
        block = agreement.block
        for transaction, fate in zip(block.transactions, result.tx_results, strict=True):
            self.recorder.add(TransactionIncluded(transaction.tx_id, block.height, agreement.seconds, fate))
            if isinstance(transaction, ClaimReward) and fate is TxResult.ACCEPTED:
                self.recorder.add(RewardClaimed(transaction.epoch_index, transaction.creator, block.height))

    def _report_start(self, agreement: Agreement, result: BlockResult) -> None:
        block, state, epoch = agreement.block, result.state, result.state.schedule.index
        self.recorder.add(
            EpochStarted(
                epoch=epoch,
                start_height=block.height,
                start_seconds=agreement.seconds,
                block_hash=block.block_hash,
                r_target=state.r_target,
                difficulty=state.difficulty,
                hit_probability=hit_probability(state.r_target, self.params.vector_dim),
                version=self.params.rules_at(epoch).version,
            )
        )

    def _report_settled(self, settled: EpochSettled) -> None:
        for who, part in settled.entitlements.items():
            row = (part.uncapped_weight, part.weight, part.reward, part.fees, part.reason)
            self.recorder.add(RewardSettled(settled.index, who, *row))

    def _report_served(self, served: EpochServed) -> None:
        for who, counts in sorted(served.counts.items()):
            row = (counts.n_total, counts.n_missed, counts.n_invalid, counts.fees_ngonka)
            self.recorder.add(InferencesServed(served.index, who, *row, served.statuses.get(who, Status.RAMPING)))
        for model, price in sorted(served.prices.items()):
            self.recorder.add(PriceReached(served.index, model, price))

    def _report_confirmed(self, height: int, closed: EventClosed) -> None:
        for who, before in sorted(closed.before.items()):
            row = (before, closed.measured.get(who, 0), closed.after[who], who in closed.failed)
            self.recorder.add(WeightConfirmed(closed.index, height, who, *row))

    def _report_formed(self, height: int, formed: EpochFormed) -> None:
        for participant, outcome in sorted(formed.outcomes.items()):
            self.recorder.add(_judged(formed.index, participant, outcome))
        self.recorder.add(
            DifficultyDecided(
                epoch=formed.index,
                height=height,
                quantity=UNCONTROLLED if self.target is None else self.target.quantity,
                measured=_measure(self.target, formed.observation),
                setpoint=math.nan if self.target is None else self.target.setpoint,
                difficulty=formed.observation.difficulty,
                next_difficulty=formed.next_difficulty,
                next_r_target=r_target_for(1.0 / formed.next_difficulty, self.params.vector_dim),
            )
        )


def _measure(target: Target | None, observation: EpochObservation) -> float:
    return float(observation.valid_nonces) if target is None else target.measure(observation)


def _judged(epoch: int, participant: str, outcome: ParticipantOutcome) -> ParticipantJudged:
    claim, verdict = outcome.claim, outcome.verdict
    return ParticipantJudged(
        epoch=epoch,
        participant=participant,
        claimed_nonces=claim.claimed_nonces,
        distinct_nonces=claim.distinct_nonces,
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
        activated_weight=outcome.activated_weight,
        is_member=outcome.is_member,
        weight=outcome.weight,
    )
