"""Committees: the members that may judge a participant, drawn in proportion to weight (protocol 4.9).

1. Every participant has the same number of slots.
2. A slot picks a member of the effective epoch with probability proportional to weight, from a hash of (hash of block
   V, address, slot number); a member may hold several.
3. More than two thirds of all slots decide, either way. An empty or silent slot is an abstention.
4. Where they do not, the guardians among the members decide: those that vote must agree on valid.

No draw is known before block V. Guardians check every participant, since any may come to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pow.seeds import hash_to_number

NOBODY = -1


@dataclass(frozen=True)
class Committee:
    """The draw of one validation; slots of a participant are drawn when they are first asked for."""

    block_hash: str
    """Of block V."""
    weights: Mapping[str, int]
    """Of the effective epoch's members, all above 0."""
    n_slots: int
    """Of each participant."""
    guardians: frozenset[str] = frozenset()
    """Members that decide where a committee does not."""
    _drawn: dict[str, NDArray[np.int64]] = field(default_factory=dict, compare=False, repr=False)

    def draw(self, participants: Sequence[str]) -> NDArray[np.int64]:
        """Return the holder of every slot, as a place in the order of `weights`: int64 (participants, slots).

        In an epoch without members every slot is `NOBODY`'s.
        """
        if not (self.weights and participants):
            return np.full((len(participants), self.n_slots), NOBODY, dtype=np.int64)
        new = [participant for participant in participants if participant not in self._drawn]
        if new:
            rows = draw_slots(self.block_hash, new, list(self.weights.values()), self.n_slots)
            self._drawn.update(zip(new, rows, strict=True))
        return np.stack([self._drawn[participant] for participant in participants])

    def assign(self, participants: Sequence[str]) -> dict[str, NDArray[np.int64]]:
        """Claims that each member checks, as places in `participants`: by its slots; a guardian checks all."""
        if not (participants and self.weights):
            return {}
        n, members = len(participants), list(self.weights)
        # One number per pair of holder and participant: sorted and without repetitions, it groups places by holder.
        pairs = np.unique(self.draw(participants) * n + np.arange(n)[:, np.newaxis])
        holders, places = np.divmod(pairs, n)
        # Members without a slot get an empty part between two equal ends.
        ends = np.searchsorted(holders, np.arange(1, len(members)))
        duties = dict(zip(members, np.split(places, ends), strict=True))
        return {who: np.arange(n) if who in self.guardians else duties[who] for who in members}


def draw_slots(block_hash: str, participants: Sequence[str], weights: Sequence[int], n_slots: int) -> NDArray[np.int64]:
    """Return the holder's place in `weights` for every slot, int64 (participants, slots). Reference: protocol 4.9.

    The slot's ticket is the number that the hash of "{hash}_{address}_{slot}" gives [I]; its remainder by
    the total weight falls into the holder's part of the weights laid end to end.
    """
    drawn = [hash_to_number(f"{block_hash}_{who}_{slot}") for who in participants for slot in range(n_slots)]
    ends = np.cumsum(np.array(weights, dtype=np.int64))
    tickets = np.array(drawn, dtype=np.uint64) % np.uint64(ends[-1])
    return np.searchsorted(ends, tickets.astype(np.int64), side="right").reshape(len(participants), n_slots)


def decide_by_slots(n_valid: int, n_invalid: int, n_slots: int) -> bool | None:
    """True where more than two thirds of all slots say valid, False where they say invalid, otherwise None."""
    if 3 * n_valid > 2 * n_slots:
        return True
    return False if 3 * n_invalid > 2 * n_slots else None


def decide_by_guardians(n_valid: int, n_invalid: int) -> bool | None:
    """True where all guardians that vote say valid, False where one does not, None where none votes."""
    return n_invalid == 0 if n_valid + n_invalid else None
