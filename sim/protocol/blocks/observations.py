"""Observations of a finished epoch for a controller, made at VE from the chain's own state alone.

1. Valid nonces: the counted nonces of accepted participants.
2. Their times, and the tries behind them: the proof scheme reads them from the claims (`proofs`).
3. Validation work: votes name participant and validator; a vote stands for its sample.

All of it is known at VE and acts from the next S on: a decision answers the epoch before, never the running one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sim.protocol.blocks.fast.tallies import read_votes
from sim.protocol.blocks.params import ProtocolParams
from sim.protocol.blocks.state import ChainState, EpochObservation
from sim.protocol.proofs.base import CountedClaim


def observe_epoch(
    state: ChainState,
    index: int,
    claims: Mapping[str, CountedClaim],
    accepted: Mapping[str, CountedClaim],
    params: ProtocolParams,
) -> EpochObservation:
    """Return the observation of epoch `index` from the state at its VE."""
    hardware = {who: record.nodes for who, record in state.hosts.items()}
    told = state.proofs.observe(accepted, hardware, state.episode, params.rules_at(index))
    return EpochObservation(
        epoch_index=index,
        difficulty=state.difficulty,
        valid_nonces=sum(claim.counted_nonces for claim in accepted.values()),
        success_rate=told.success_rate,
        arrivals=told.arrivals,
        checked_per_validator=count_checked(state, claims, params.validation_sample_size),
    )


def count_checked(state: ChainState, claims: Mapping[str, CountedClaim], sample_size: int) -> float:
    """Nonces that a validator recomputed on average, over validators that voted; 0 without any.

    A validator that votes on a participant has recomputed its sample, or says so. Reference: protocol 4.2, 4.8.
    """
    validators = sorted({validation.creator for validation in state.validations})
    if not validators:
        return 0.0
    votes = read_votes(state.validations, list(claims), validators)
    sizes = np.array([min(sample_size, claim.claimed_nonces) for claim in claims.values()], dtype=np.int64)
    return float(sizes[votes.pairs // len(validators)].sum() / len(validators))
