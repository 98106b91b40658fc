"""One work for several proof schemes: a part for each, opened when the run first asks for it.

A run may pass from one scheme to another at an upgrade; a run of one scheme opens that one only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.protocol.proofs.claimed import ClaimedNonces
from sim.work.base import Produced, Sample, Task, Work, WorkCounts


class WorkByScheme(AbstractContextManager["WorkByScheme", None]):
    """Implements `sim.work.base.Work` by a work for each scheme; the first scheme's describes the whole."""

    def __init__(self, openers: Mapping[str, Callable[[], Work]]) -> None:
        self._openers = openers
        self._first = next(iter(openers))
        self._works: dict[str, Work] = {}
        self._opened = ExitStack()

    def __exit__(self, *error: object) -> None:
        self._opened.close()

    def _get(self, scheme: str) -> Work:
        if scheme not in self._works:
            self._works[scheme] = self._opened.enter_context(self._openers[scheme]())
        return self._works[scheme]

    @property
    def counts(self) -> WorkCounts:
        """Totals of all schemes since the start of the run."""
        each = [work.counts for work in self._works.values()]
        return WorkCounts(sum(counts.computed for counts in each), sum(counts.shared for counts in each))

    def announce(self, task: Task, n_turns: int) -> None:
        """Tell the task's scheme."""
        self._get(task.scheme).announce(task, n_turns)

    def produce(self, task: Task, turns: range) -> Produced:
        """Try nonces for the task's scheme."""
        return self._get(task.scheme).produce(task, turns)

    def count_contradictions(self, claims: ClaimedNonces, sample: Sample) -> NDArray[np.int64]:
        """Re-execute samples of claims of one scheme."""
        return self._get(claims.scheme).count_contradictions(claims, sample)

    def forget(self, block_hash: str) -> None:
        """Free everything held for a network seed."""
        for work in self._works.values():
            work.forget(block_hash)

    def describe(self) -> dict[str, Any]:
        """Return the first scheme's settings and totals, those of the others under their names."""
        others = {scheme: work.describe() for scheme, work in self._works.items() if scheme != self._first}
        return {**self._get(self._first).describe(), **others}
