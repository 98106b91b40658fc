"""A validation as every validator finds it at V, read once for all of them, as arrays."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sim.protocol.params import ProtocolParams
from sim.protocol.state import ChainState, UpcomingEpoch
from sim.protocol.transactions import SubmitProofBatch
from sim.work.base import BulkWork, Claimed

Ints = NDArray[np.int64]
FEWEST_HOSTS = 50  # smaller networks are fast nonce by nonce


def is_validated_in_bulk(tier: str, n_hosts: int) -> bool:
    """Whether validators work on arrays, if the computing can: in the tier `paths`, from 50 hosts on.

    The tier `events` gives each vote its own way through the network.
    """
    return tier == "paths" and n_hosts >= FEWEST_HOSTS


@dataclass(frozen=True, eq=False)
class Round:
    """Everybody's claims at block V."""

    upcoming: UpcomingEpoch
    r_target: float
    participants: tuple[str, ...]
    names: NDArray[np.object_]
    """The same, to be picked by places."""
    n_claimed: Ints
    n_checked: Ints
    """Size of every validator's sample of each claim."""
    claimed: Claimed
    owners: Ints
    """Place of the participant of each key in `claimed`."""
    work: BulkWork
    _invalid: dict[str, Ints] = field(default_factory=dict)

    def count_invalid(self, dtype: str) -> Ints:
        """How many nonces of each claim are found invalid in these numerics, by whoever has them: int64 (claims,)."""
        if dtype not in self._invalid:
            invalid = self.work.are_invalid(self.upcoming.block_hash, dtype, self.claimed, self.r_target)
            places = np.repeat(self.owners, self.claimed.counts)[invalid]
            self._invalid[dtype] = np.bincount(places, minlength=len(self.participants))
        return self._invalid[dtype]


class Rounds:
    """Hands out the round of a chain state; hosts that reach V one after another share it."""

    def __init__(self, work: BulkWork, params: ProtocolParams) -> None:
        self._work = work
        self._params = params
        self._read: tuple[ChainState, Round] | None = None

    def get(self, state: ChainState) -> Round:
        """Return the round at this state, read when it is first asked for."""
        if self._read is None or self._read[0] is not state:
            self._read = state, read_round(state, self._work, self._params.validation_sample_size)
        return self._read[1]


def read_round(state: ChainState, work: BulkWork, sample_size: int) -> Round:
    """Read all batches once. Reference: protocol 4.1, 4.2."""
    assert state.upcoming is not None, "validation without an upcoming epoch"
    runs = [
        (place, key, nonces)
        for place, batches in enumerate(state.batches_by_participant.values())
        for key, nonces in _group_by_key(batches)
    ]
    counts = np.array([len(nonces) for _, _, nonces in runs], dtype=np.int64)
    all_nonces = np.fromiter(itertools.chain.from_iterable(nonces for *_, nonces in runs), np.int64, int(counts.sum()))
    owners = np.array([place for place, *_ in runs], dtype=np.int64)
    participants = tuple(state.batches_by_participant)
    n_claimed = np.zeros(len(participants), dtype=np.int64)
    np.add.at(n_claimed, owners, counts)
    return Round(
        upcoming=state.upcoming,
        r_target=state.r_target,
        participants=participants,
        names=np.array(participants, dtype=np.object_),
        n_claimed=n_claimed,
        n_checked=np.minimum(n_claimed, sample_size),
        claimed=Claimed(tuple(key for _, key, _ in runs), counts, all_nonces),
        owners=owners,
        work=work,
    )


def _group_by_key(batches: Iterable[SubmitProofBatch]) -> Iterable[tuple[str, list[int]]]:
    """One participant's nonces by the public key that they were computed with: one key, unless somebody cheats."""
    grouped: dict[str, list[int]] = {}
    for batch in batches:
        grouped.setdefault(batch.proofs.public_key, []).extend(batch.proofs.nonces)
    return grouped.items()
