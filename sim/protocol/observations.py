"""What the chain can know of a finished epoch at VE, for a controller: its own state and nothing else.

1. Valid nonces: the counted nonces of accepted participants.
2. When they came: the blocks that took their batches.
3. Tries behind them: nobody reports them, but nonces are tried in order, so that the places of an ML node's valid ones
   tell how rare they are (`sim.protocol.success`).
4. Validation work: votes name participant and validator; a vote stands for its sample.

All of it is known at VE and acts from the next S on: a decision answers the epoch before, never the running one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sim.protocol.fast.tallies import read_votes
from sim.protocol.formation import Claim
from sim.protocol.params import ProtocolParams
from sim.protocol.state import ChainState, EpochObservation
from sim.protocol.success import estimate_rate
from sim.protocol.transactions import SubmitProofBatch
from sim.protocol.versions import Rules
from sim.protocol.weights import NodeId

LARGEST = 2**62
"""Nonces beyond count as this one, which no ML node reaches."""


def observe_epoch(
    state: ChainState, index: int, claims: Mapping[str, Claim], accepted: Mapping[str, Claim], params: ProtocolParams
) -> EpochObservation:
    """Return the observation of epoch `index` from the state at its VE."""
    rules = params.rules_at(index)
    batches = {who: own for who, own in state.batches_by_participant.items() if who in accepted}
    return EpochObservation(
        epoch_index=index,
        difficulty=state.difficulty,
        valid_nonces=sum(claim.counted_nonces for claim in accepted.values()),
        success_rate=estimate_success_rate(state, batches, rules),
        arrivals=count_arrivals(state, batches, rules),
        checked_per_validator=count_checked(state, claims, params.validation_sample_size),
    )


def estimate_success_rate(state: ChainState, batches: Mapping[str, Sequence[SubmitProofBatch]], rules: Rules) -> float:
    """Valid nonces / tries, by `estimate_rate` from the places of each ML node's nonces; 0 where nothing was found.

    A node's nonces are strided by the highest number handed out, which the chain knows from registrations as far as
    nodes are registered. Where batches have lost their node, all nodes of a host count as one that tries every number:
    right if they are equally fast. A host that leaves numbers out looks less lucky than it is, and protocol 3.2 is not
    enforced: `sim.protocol.success` says how far hosts who lie are kept from moving the estimate.
    """
    places = []
    for who, own in batches.items():
        record = state.hosts.get(who)
        highest = max((node.node_id for node in record.nodes), default=1) if record is not None else 1
        by_node: dict[NodeId, set[int]] = {}
        for batch in own:
            by_node.setdefault(batch.proofs.node_id, set()).update(batch.proofs.nonces)
        for node_id, nonces in by_node.items():
            places.append(find_places(nonces, highest if rules.stores_node_ids and node_id is not None else 1))
    return estimate_rate(places)


def find_places(nonces: Collection[int], stride: int) -> NDArray[np.int64]:
    """Return the places, ascending from 1, of nonces tried in steps of `stride`, the first of which is at most that."""
    tried = np.fromiter((min(max(nonce - 1, 0), LARGEST) for nonce in nonces), dtype=np.int64, count=len(nonces))
    return np.unique(tried // stride + 1)


def count_arrivals(
    state: ChainState, batches: Mapping[str, Sequence[SubmitProofBatch]], rules: Rules
) -> tuple[int, ...]:
    """Nonces by block, from P + 1 to the last block that takes batches; each as often as it counts."""
    assert state.upcoming is not None, "an observation without P: the schedule is broken"
    start = state.upcoming.start_height
    heights = {
        (batch.creator, batch.batch_id): height
        for batch, height in zip(state.batches, state.batch_heights, strict=True)
    }
    last = max([state.schedule.last_batch, *heights.values()])  # governance may have shortened the window
    counts = [0] * (last - start)
    for who, own in batches.items():
        seen: set[int] = set()
        taken = [(heights[who, batch.batch_id], batch) for batch in own]
        for height, batch in sorted(taken, key=lambda each: each[0]):
            new = batch.proofs.nonces if rules.counts_duplicates else set(batch.proofs.nonces) - seen
            seen.update(new)
            counts[height - start - 1] += len(new)
    return tuple(counts)


def count_checked(state: ChainState, claims: Mapping[str, Claim], sample_size: int) -> float:
    """Nonces that a validator recomputed on average, of those who voted at all; 0 where nobody did.

    Whoever votes on a participant has recomputed its sample, or says so. Reference: protocol 4.2, 4.8.
    """
    validators = sorted({validation.creator for validation in state.validations})
    if not validators:
        return 0.0
    votes = read_votes(state.validations, list(claims), validators)
    sizes = np.array([min(sample_size, claim.claimed_nonces) for claim in claims.values()], dtype=np.int64)
    return float(sizes[votes.pairs // len(validators)].sum() / len(validators))
