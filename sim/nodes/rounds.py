"""A validation as every validator finds it at V, read once for all of them, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sim.protocol.params import ProtocolParams
from sim.protocol.state import ChainState, UpcomingEpoch
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
    threshold: float
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
            invalid = self.work.are_invalid(self.upcoming.block_hash, dtype, self.claimed, self.threshold)
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
    claims = state.claimed_nonces
    ends = np.cumsum(claims.counts)
    owners = np.searchsorted(ends, np.cumsum(claims.run_lengths) - claims.run_lengths, side="right")
    participants = tuple(claims.participants.tolist())
    return Round(
        upcoming=state.upcoming,
        threshold=state.threshold,
        participants=participants,
        names=np.array(participants, dtype=np.object_),
        n_claimed=claims.counts,
        n_checked=np.minimum(claims.counts, sample_size),
        claimed=Claimed(claims.public_keys, claims.run_lengths, claims.nonces),
        owners=owners,
        work=work,
    )
