"""A proposer that tries many hashes for block V: the best of m draws of its committees (protocol 4.9)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy import stats

from sim.protocol.versions import VERSIONS
from sim.strategies.actions import Propose
from sim.strategies.base import Identity
from sim.strategies.events import ProposalDue
from sim.strategies.proposers.grind_hash import GrindHash, count_own_slots
from sim.theory.row import Row
from sim.theory.strategies.gain import make_row

N_BLOCKS, TRIES, SLOTS = 200, 16, 32
WEIGHTS = {"own": 1, "other": 3}
HEIGHT = 40


def grinding_rows(_quick: bool) -> Iterator[Row]:
    """Yield the mean number of own slots in 200 blocks; each is the largest of 16 binomial numbers."""
    strategy, identity = GrindHash(TRIES), Identity("own", ("own",))
    view = _build_view()
    found = []
    for block in range(N_BLOCKS):
        get_hash = partial(_name_hash, block)
        answer = strategy.react(strategy.start(identity), ProposalDue(view, HEIGHT, get_hash), np.random.default_rng(1))
        found += [
            count_own_slots(view, get_hash(action.hash_index), identity.addresses)
            for action in answer[1] or ()
            if isinstance(action, Propose)
        ]
    share = WEIGHTS["own"] / sum(WEIGHTS.values())
    theory = float(np.sum(1.0 - stats.binom.cdf(np.arange(SLOTS), SLOTS, share) ** TRIES))
    label = f"own slots of {SLOTS} with a quarter of all weight, best of {TRIES} hashes (grind_hash)"
    yield make_row(label, np.array(found, dtype=np.float64), theory)


def _name_hash(block: int, number: int) -> str:
    return f"{block} {number}"


def _build_view() -> Any:
    """Return as much of a host's view before block V as the strategy reads."""
    episode = SimpleNamespace(epoch_index=1, validation_start=HEIGHT)
    state = SimpleNamespace(
        running=episode,
        episode=episode,
        proofs=SimpleNamespace(participants=("own",)),
        effective=SimpleNamespace(present=WEIGHTS),
    )
    params = SimpleNamespace(validation_committee=SLOTS, rules_at=lambda _: VERSIONS["v0.2.0"])
    return SimpleNamespace(state=state, params=params)
