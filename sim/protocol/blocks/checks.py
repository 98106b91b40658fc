"""Checks of the chain on a transaction before it is stored, and the checks that it omits (protocol 2.1, 4.5).

Stateless checks need the message alone. Checks of a claim belong to the proof scheme (`proofs`).

Never checked:

- in a seed: the window, the signature, membership;
- in a validation: its creator at all, membership, whether its target exists.

A message that passes overwrites an earlier one with the same key: (epoch, address) of a seed, (participant, validator)
of a validation.
"""

from __future__ import annotations

import hashlib
from typing import Any

from sim.protocol.blocks.state import ChainState
from sim.protocol.consensus.transactions import (
    ClaimReward,
    DeclareIntent,
    DelegatePower,
    RefuseModel,
    SubmitSeed,
    SubmitValidation,
    Transaction,
    TxResult,
)
from sim.protocol.service.inferences import validated_enough
from sim.protocol.switches import Rules


def commit_seed(seed: int, creator: str) -> str:
    """Commitment to a private seed; stands for the network's signature over it [I]. Reference: protocol 2.1."""
    return hashlib.sha256(f"{seed}:{creator}".encode()).hexdigest()


def check_stateless(transaction: Transaction) -> TxResult:
    """Check the message by itself. Reference: protocol 2.1, 3.1, 4.5."""
    needs_address = not isinstance(transaction, (SubmitValidation, ClaimReward))
    if needs_address and not transaction.creator:
        return TxResult.NO_ADDRESS
    if isinstance(transaction, SubmitSeed) and transaction.epoch_index < 1:
        return TxResult.NO_EPOCH
    return TxResult.ACCEPTED


def check_start(state: ChainState, start_height: int) -> TxResult:
    """A proof of compute runs, and the start height is its P, or the block that triggered the confirmation.

    Reference: protocol 3.1 (claims), 4.5 (validations), network 2.7.
    """
    if state.running is None:
        return TxResult.NO_UPCOMING_EPOCH
    return TxResult.ACCEPTED if start_height == state.running.start_height else TxResult.WRONG_START


def check_overlap(state: ChainState, rules: Rules) -> TxResult:
    """A confirmation's pause may last beyond the next P; with the defect no claim is taken until it ends.

    Reference: network 2.1 (#748), [I].
    """
    is_shut_out = rules.confirmation_shuts_out_proof and not state.episode.is_confirmation
    overlaps = is_shut_out and state.height < state.confirmation.pause_end
    return TxResult.CONFIRMATION_RUNS if overlaps else TxResult.ACCEPTED


def check_validation(state: ChainState, start_height: int) -> TxResult:
    """It is about the running proof of compute, and the height is inside the window. Reference: protocol 4.5."""
    started = check_start(state, start_height)
    if started is not TxResult.ACCEPTED:
        return started
    is_open = state.episode.validation_start < state.height <= state.episode.validation_end
    return TxResult.ACCEPTED if is_open else TxResult.OUTSIDE_WINDOW


def is_late(state: ChainState, rules: Rules, transaction: Transaction) -> bool:
    """Whether a claim, or votes, can no longer be taken in the next block, as mempools ask from v0.2.7 on.

    Messages about challenges have windows of their own. Reference: network 2.1.
    """
    if not isinstance(transaction, (SubmitValidation, *rules.proof.messages)):
        return False
    message: Any = transaction
    episode, height = state.running, state.height + 1
    if episode is None or message.start_height != episode.start_height:
        return message.start_height < height and not (state.challenges and _is_about_challenge(state, message))
    if isinstance(message, SubmitValidation):
        return height > episode.validation_end
    if height <= episode.last_claim:
        return False
    return state.proofs.take(message, height, episode, rules)[0] == TxResult.OUTSIDE_WINDOW


def _is_about_challenge(state: ChainState, message: Any) -> bool:
    """Segments have keys like proofs of compute; of an ended challenge it does not matter any more."""
    running = (challenge.segment for challenge in state.challenges.values())
    return any(segment is not None and segment.start == message.start_height for segment in running)


def check_stance(state: ChainState, stance: DelegatePower | RefuseModel | DeclareIntent, rules: Rules) -> TxResult:
    """From v0.2.12 on participants may say how they take part in governance's models; a delegate is one too.

    Reference: network 2.7.
    """
    if not rules.groups_models:
        return TxResult.UNKNOWN_MESSAGE
    if stance.creator not in state.hosts:
        return TxResult.NO_PARTICIPANT
    if all(model.name != stance.model for model in rules.models):
        return TxResult.UNKNOWN_MODEL
    if isinstance(stance, DelegatePower) and stance.to and stance.to not in state.hosts:
        return TxResult.UNKNOWN_DELEGATE
    return TxResult.ACCEPTED


def check_claim(state: ChainState, claim: ClaimReward, rules: Rules) -> TxResult:
    """A record of that epoch with an amount exists, the seed is the one committed to, validations were made.

    That only the epoch before can be claimed (v0.2.2) needs no test: older records are burnt at the settlement.
    Inferences from the cut-off on count only where one of the claimer's nodes stayed active during the proof of
    compute. Reference: protocol 2.1.
    """
    settlement = state.settled.get(claim.creator)
    if settlement is None or settlement.epoch_index != claim.epoch_index or settlement.amount == 0:
        return TxResult.NOTHING_TO_CLAIM
    if commit_seed(claim.seed, claim.creator) != settlement.commitment:
        return TxResult.WRONG_SEED
    enough = validated_enough(
        state.service,
        claim.creator,
        claim.epoch_index,
        claim.seed,
        rules,
        cutoff_height=settlement.cutoff_height,
        has_node_during_poc=settlement.has_node_during_poc,
    )
    return TxResult.ACCEPTED if enough else TxResult.MISSED_VALIDATIONS
