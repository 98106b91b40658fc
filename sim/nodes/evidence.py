"""Leaves of claims on their way from their hosts to one validator (network 2.5).

1. Some claims are asked for at a time. A question and its answer take the shortest way there and back; uploads do not
   wait for each other [I].
2. A host that is cut off lets the question run into its time limit, one that is down refuses it at once [I]. Either is
   asked again after a pause that grows. After the last attempt the vote is "no".
3. What has arrived is examined. It leads to a "no" at once, or to the queue of what the ML nodes compute again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.network.base import REQUEST_BYTES
from sim.nodes.context import Context
from sim.protocol.proofs.leaves import (
    LEAF_BYTES,
    N_ATTEMPTS,
    N_WORKERS,
    REQUEST_TIMEOUT_S,
    compute_pause_s,
)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
NOTHING: Final = np.empty(0, dtype=np.int64)
PAUSES_S: Final = np.array([compute_pause_s(n_failed) for n_failed in range(N_ATTEMPTS)])


class Evidence:
    """What one validator has fetched of some claims of a model; arrays are by claim, in the order of asking."""

    def __init__(
        self,
        context: Context,
        address: str,
        owners: Sequence[str],
        leaves_asked: Sequence[int],
        suspects: NDArray[np.bool_],
        refuses: Callable[[int], bool],
        *,
        has_instance: bool = True,
    ) -> None:
        """`leaves_asked` are the leaves of each question to an owner, one after the other.

        Of claims that are `suspects` (n,) `refuses` says whether what has arrived makes the vote a "no". A host without
        an instance of the model asks nobody: its attempts fail by themselves.
        """
        self._context = context
        self._address = address
        self._owners = owners
        self._leaves_asked = tuple(leaves_asked)
        self._suspects = suspects
        self._refuses = refuses
        self._has_instance = has_instance
        n = len(owners)
        self._is_there = np.zeros(n, dtype=np.bool_)
        self.is_refused = np.zeros(n, dtype=np.bool_)
        self._n_failed = np.zeros(n, dtype=np.int64)
        trips = self._measure_trips(np.arange(n))
        self._asked_seconds = context.env.now + (np.cumsum(trips) - trips) / N_WORKERS
        self.due_seconds = self._asked_seconds + trips
        """When the leaves of the attempt that runs arrive, if they do."""
        self._next_seconds = float(self.due_seconds.min(initial=np.inf))

    def settle(self) -> Ints:
        """Take what was due until now; return the claims whose leaves did not come, or that are refused."""
        changed: list[Ints] = []
        while self._next_seconds <= self._context.env.now:
            is_open = ~(self._is_there | self.is_refused)
            due = np.flatnonzero(is_open & (self.due_seconds <= self._context.env.now))
            reached = self._find_reached(due)
            self._is_there[due[reached]] = True
            changed += [part for part in (self._refuse_suspects(due[reached]), self._fail(due[~reached])) if part.size]
            is_open = ~(self._is_there | self.is_refused)
            self._next_seconds = float(self.due_seconds[is_open].min(initial=np.inf))
        return np.unique(np.concatenate(changed)) if changed else NOTHING

    def _refuse_suspects(self, arrived: Ints) -> Ints:
        suspects = arrived[self._suspects[arrived]]
        refused = suspects[[self._refuses(claim) for claim in suspects.tolist()]]
        self.is_refused[refused], self._is_there[refused] = True, False
        return refused

    def _fail(self, claims: Ints) -> Ints:
        """An attempt has come to nothing: plan the next one, or refuse after the last. Reference: network 2.5.2."""
        self._n_failed[claims] += 1
        is_last = self._n_failed[claims] >= N_ATTEMPTS
        self.is_refused[claims[is_last]] = True
        again = claims[~is_last]
        self._asked_seconds[again] += self._measure_failures(again) + PAUSES_S[self._n_failed[again] - 1]
        self.due_seconds[again] = self._asked_seconds[again] + self._measure_trips(again)
        return claims

    def _find_reached(self, claims: Ints) -> NDArray[np.bool_]:
        """Which answers get through now, and in time."""
        if not self._has_instance:
            return np.zeros(len(claims), dtype=np.bool_)
        roster = self._context.network.roster
        in_time = self.due_seconds[claims] - self._asked_seconds[claims] <= REQUEST_TIMEOUT_S * len(self._leaves_asked)
        if roster.conditions.is_calm:
            return in_time
        is_open = [roster.is_open(self._address, self._owners[claim]) for claim in claims.tolist()]
        return in_time & np.array(is_open, dtype=np.bool_)

    def _measure_failures(self, claims: Ints) -> Floats:
        """Seconds until an attempt is given up."""
        if not self._has_instance:
            return np.zeros(len(claims))
        roster = self._context.network.roster
        is_down = [not roster.is_up(self._owners[claim]) for claim in claims.tolist()]
        return np.where(is_down, 0.0, REQUEST_TIMEOUT_S)

    def _measure_trips(self, claims: Ints) -> Floats:
        """Seconds from the questions to the owners until their answers; 0 where no way leads there."""
        routes = self._context.network.routes
        places = [routes.index[self._owners[claim]] for claim in claims.tolist()]
        trips = np.zeros(len(claims))
        for n in self._leaves_asked if self._has_instance else ():
            trips += routes.compute_round_trips(self._address, REQUEST_BYTES, n * LEAF_BYTES)[places]
        return np.where(np.isfinite(trips), trips, 0.0)
