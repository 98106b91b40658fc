"""How long a block takes whose difficulty falls while it is awaited: exactly, for every replication at once.

A nonce is found at the rate compute / difficulty, a step function of time. Its sum over time, by which a quota of q
nonces is found, follows the Gamma law of q: one number of the race's stream, the same whatever rule is in force. So
rules that act on the wait and rules that do not still share their luck.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sim.difficulty.interval import Numbers
from sim.difficulty.waiting import Relief
from sim.economy.base import Floats

NEVER = 1e100  # of the wanted time: a wait as good as endless, whose tries are still numbers
CountTries = Callable[[Floats], Floats]
"""Tries of the coming wait, (replications,), by its length / wanted time of an interval."""


def await_quota(
    work: Floats, difficulty: Floats, reliefs: Sequence[Relief], count_tries: CountTries
) -> tuple[Floats, Floats]:
    """Return the tries that a quota takes, and the difficulty in force at its end, (replications,) each.

    `work`: the sum of tries / difficulty at which the quota is found. `difficulty`: at the wait's beginning. The order
    of the reliefs does not matter: they lower the difficulty, each from its moment on.
    """
    if not reliefs:
        return work * difficulty, difficulty
    left, tries, in_force = work, np.zeros_like(work), difficulty
    for after, lowered in zip(*_order(reliefs, len(work)), strict=True):
        by_then = count_tries(after)
        is_later = tries + left * in_force > by_then
        if not np.count_nonzero(is_later):
            break
        left = np.where(is_later, left - (by_then - tries) / in_force, left)
        tries = np.where(is_later, by_then, tries)
        in_force = np.where(is_later, np.minimum(in_force, lowered), in_force)
    return tries + np.maximum(left, 0.0) * in_force, in_force


def _order(reliefs: Sequence[Relief], n_replications: int) -> tuple[Floats, Floats]:
    """Return moments and difficulties, (reliefs, replications), of each replication in the order of their moments."""
    afters = np.clip(_stack([each.after for each in reliefs], n_replications), 0.0, NEVER)
    lowered = _stack([each.difficulty for each in reliefs], n_replications)
    if len(afters) > 1 and np.count_nonzero(afters[1:] < afters[:-1]):
        order = np.argsort(afters, axis=0, kind="stable")
        afters, lowered = (np.take_along_axis(each, order, axis=0) for each in (afters, lowered))
    return afters, lowered


def _stack(parts: Sequence[Numbers], n_replications: int) -> Floats:
    columns = [np.atleast_2d(part) for part in parts]
    return np.concatenate([np.broadcast_to(each, (len(each), n_replications)) for each in columns])
