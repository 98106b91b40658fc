"""Every claim of a proof of compute as arrays: what validators read at block V (protocol 4.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, groupby

import numpy as np
from numpy.typing import NDArray

from sim.protocol.transactions import SubmitProofBatch

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ClaimedNonces:
    """All claims, one after another in the order in which validators read them."""

    block_hash: str
    """Network seed that the nonces were computed under."""
    r_target: float
    """A sampled nonce contradicts its claim where its recomputed distance lies above this."""
    participants: NDArray[np.object_]
    """(claims,) addresses"""
    counts: Ints
    """(claims,) nonces of each claim"""
    nonces: Ints
    """(n,) inside a claim in the order of its batches, which is what sampled positions count in"""
    public_keys: tuple[str, ...]
    """(runs,) keys that the nonces were computed with: one run a claim, unless its batches name several keys."""
    run_lengths: Ints
    """(runs,) nonces of each run"""

    @cached_property
    def starts(self) -> Ints:
        """(claims,) place of each claim's first nonce in `nonces`."""
        return np.cumsum(self.counts) - self.counts

    @cached_property
    def _run_ends(self) -> Ints:
        return np.cumsum(self.run_lengths)

    def get_requests(self, place: int, positions: Ints) -> list[tuple[str, int]]:
        """Return (public key, nonce) at some positions of one claim."""
        wanted = self.starts[place] + positions
        runs = np.searchsorted(self._run_ends, wanted, side="right")
        keys = [self.public_keys[run] for run in runs.tolist()]
        return list(zip(keys, self.nonces[wanted].tolist(), strict=True))


def read_claimed_nonces(
    batches_by_participant: Mapping[str, Sequence[SubmitProofBatch]], block_hash: str, r_target: float
) -> ClaimedNonces:
    """Read all batches once. Reference: protocol 4.1."""
    runs = [
        (place, key, list(chain.from_iterable(batch.proofs.nonces for batch in group)))
        for place, batches in enumerate(batches_by_participant.values())
        for key, group in groupby(batches, key=lambda batch: batch.proofs.public_key)
    ]
    run_lengths = np.array([len(nonces) for *_, nonces in runs], dtype=np.int64)
    counts = np.zeros(len(batches_by_participant), dtype=np.int64)
    np.add.at(counts, [place for place, *_ in runs], run_lengths)
    return ClaimedNonces(
        block_hash=block_hash,
        r_target=r_target,
        participants=np.array(list(batches_by_participant), dtype=np.object_),
        counts=counts,
        nonces=np.fromiter(chain.from_iterable(nonces for *_, nonces in runs), np.int64, int(run_lengths.sum())),
        public_keys=tuple(key for _, key, _ in runs),
        run_lengths=run_lengths,
    )
