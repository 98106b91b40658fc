"""What the chain checks in a transaction before it stores it, and what it does not (protocol 2.1, 3.1, 4.5).

Stateless checks need the message alone. `ProofBatch` refuses to be built without nonces, with a negative nonce, with a
distance that is negative or not finite, or with lists of unequal length, so these need no answer here.

Never checked:

- in a seed: the window, the signature, membership;
- in a proof batch: duplicates, the number of nonces, whether sender, hardware and node id are known, distances against
  r_target;
- in a validation: its creator at all, membership, whether its target exists.

Whatever passes overwrites an earlier message with the same key: (epoch, address) of a seed, (address, batch_id) of a
batch, (participant, validator) of a validation.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum

from sim.protocol.service import validated_enough
from sim.protocol.state import ChainState
from sim.protocol.transactions import ClaimReward, RegisterHost, SubmitProofBatch, SubmitSeed, Transaction
from sim.protocol.versions import Rules


class TxResult(StrEnum):
    """What became of a transaction that a block contains."""

    ACCEPTED = "accepted"
    REPLAYED = "replayed"
    NO_ADDRESS = "no creator address"
    NO_EPOCH = "epoch below 1"
    BLANK_BATCH_ID = "blank batch id"
    NO_UPCOMING_EPOCH = "no upcoming epoch"
    WRONG_START = "wrong start height"
    OUTSIDE_WINDOW = "outside its window"
    NOTHING_TO_CLAIM = "nothing to claim"
    WRONG_SEED = "seed does not match its commitment"
    MISSED_VALIDATIONS = "missed too many validations"

    @property
    def is_late(self) -> bool:
        """Whether its window or its epoch was over: nobody sends anything ahead of those."""
        return self in (TxResult.OUTSIDE_WINDOW, TxResult.WRONG_START, TxResult.NO_UPCOMING_EPOCH)


def commit_seed(seed: int, creator: str) -> str:
    """Commitment to a private seed; stands for the network's signature over it [I]. Reference: protocol 2.1."""
    return hashlib.sha256(f"{seed}:{creator}".encode()).hexdigest()


def check_stateless(transaction: Transaction) -> TxResult:
    """Check the message by itself. Reference: protocol 2.1, 3.1, 4.5."""
    if isinstance(transaction, (RegisterHost, SubmitSeed, SubmitProofBatch)) and not transaction.creator:
        return TxResult.NO_ADDRESS
    if isinstance(transaction, SubmitSeed) and transaction.epoch_index < 1:
        return TxResult.NO_EPOCH
    if isinstance(transaction, SubmitProofBatch) and not transaction.batch_id.strip():
        return TxResult.BLANK_BATCH_ID
    return TxResult.ACCEPTED


def check_window(state: ChainState, start_height: int, *, is_batch: bool) -> TxResult:
    """An upcoming epoch exists, the start height is its P, and the height is inside the window, in this order.

    Reference: protocol 3.1 (batches), 4.5 (validations).
    """
    if state.upcoming is None:
        return TxResult.NO_UPCOMING_EPOCH
    if start_height != state.upcoming.start_height:
        return TxResult.WRONG_START
    schedule, height = state.schedule, state.height
    is_open = schedule.accepts_batch(height) if is_batch else schedule.accepts_validation(height)
    return TxResult.ACCEPTED if is_open else TxResult.OUTSIDE_WINDOW


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
