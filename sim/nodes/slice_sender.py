"""What a challenged host claims: its answers of a segment, and one commitment for each slice (network 2.13)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sim.protocol.consensus.transactions import Transaction
from sim.protocol.models.challenge import Segment
from sim.protocol.proofs.answer_book import AnswerBook
from sim.protocol.proofs.base import NodeClaim
from sim.protocol.proofs.commits import StoreCommit
from sim.strategies.actions import ClaimResults

SPARE_BLOCKS = 2
"""Blocks that are left for a slice's commitment, the last one of the slice included [I]."""


class SliceSender:
    """Keeps a host's answers of the segment that runs; they are on disk and outlive a crash."""

    def __init__(self, address: str, public_key: str, send: Callable[[Transaction], None]) -> None:
        self._address = address
        self._public_key = public_key
        self._send = send
        self._start: int | None = None
        self._book = AnswerBook()
        self._last_slice = -1

    @property
    def is_open(self) -> bool:
        """A segment runs."""
        return self._start is not None

    def open(self, start: int) -> None:
        """Begin a segment, without an answer."""
        self._start, self._book, self._last_slice = start, AnswerBook(), -1

    def close(self) -> None:
        """The segment is over; what comes later is lost."""
        self._start = None

    def add(self, claim: ClaimResults, model: str) -> None:
        """Claim answers of an ML node that serves a model."""
        told = np.asarray(claim.nonces, dtype=np.int64), np.asarray(claim.values)
        self._book.append(NodeClaim(claim.node_id, self._public_key, *told, model))

    def commit(self, height: int, segment: Segment) -> None:
        """After the block of this height, send the commitment of the slice that ends soon, once."""
        if self._start is None or not segment.start <= height + 1 < segment.end:
            return
        index = segment.find_slice(height + 1)
        if index <= self._last_slice or height + SPARE_BLOCKS < segment.find_slice_end(height + 1):
            return
        self._last_slice = index
        entries = self._book.commit(self._address)
        if entries:
            tx_id = f"slice/{self._address}/{self._start}/{index}"
            self._send(StoreCommit(tx_id, self._address, self._start, entries, self._book))
