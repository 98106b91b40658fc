"""Commitments of a challenged host: one for each slice of a segment, with the leaves of a slice side by side (2.13)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.protocol.proofs.answer_book import Run
from sim.protocol.proofs.claimed import mark_segment
from sim.protocol.proofs.commits import Commits, HeldCommit
from sim.protocol.proofs.leaves import draw_leaves


def spread_samples(rises: Sequence[int], n_samples: int) -> list[int]:
    """Return how many samples each slice gets, by its own count: floors first, then the largest remainders [I].

    At most as many as there are artifacts. Reference: network 2.13.
    """
    total = sum(rises)
    if total <= n_samples:
        return list(rises)
    given = [n_samples * rise // total for rise in rises]
    by_remainder = sorted(range(len(rises)), key=lambda place: (-(n_samples * rises[place] % total), place))
    for place in by_remainder[: n_samples - sum(given)]:
        given[place] += 1
    return given


@dataclass(frozen=True)
class SliceCommit(HeldCommit):
    """The last commitment about one model in a segment; `earlier` leads to those of the slices before."""

    def list_ends(self) -> list[int]:
        """Return the leaves that there were at the end of each slice, ascending; the last number is its count."""
        held: HeldCommit | None = self
        ends = []
        while held is not None:
            ends.append(held.count)
            held = held.earlier
        return ends[::-1]

    def draw(self, size: int, seed: int) -> NDArray[np.int64]:
        """Return the places of a sample, int64 (size,), spread over slices, ranked inside each [I]."""
        ends = [0, *self.list_ends()]
        rises = [after - before for before, after in pairwise(ends)]
        drawn = [
            first + draw_leaves(rise, n, seed + place)
            for place, (first, rise, n) in enumerate(zip(ends, rises, spread_samples(rises, size), strict=False))
            if n
        ]
        return np.concatenate(drawn)

    def read_runs(self) -> list[Run]:
        """Return its leaves under the law, slice after slice."""
        return [run for first, last in self._list_spans() for run in self.answers.read_runs(last, first)]

    def read_vectors(self) -> tuple[list[str], NDArray[np.int64], NDArray[Any]]:
        """Return keys (n,), nonces (n,) and vectors (n, k) of its leaves, slice after slice."""
        read = [self.answers.read_vectors(last, first) for first, last in self._list_spans()]
        keys = [key for own, _, _ in read for key in own]
        return keys, np.concatenate([part[1] for part in read]), np.concatenate([part[2] for part in read])

    def _list_spans(self) -> Iterator[tuple[int, int]]:
        return pairwise([0, *self.list_ends()])


def gather_segment(target: str, start: int, held: Mapping[str, SliceCommit]) -> Commits:
    """Return the commitments of one segment as a store, whose claims bear names of segments."""
    return Commits({target: {mark_segment(model, start): commit for model, commit in held.items()}})
