"""Hosts of one operator that check each claim once and all vote alike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from sim.strategies import strategies
from sim.strategies.actions import Check, Vote
from sim.strategies.base import Answer, Identity
from sim.strategies.events import BlockApplied, ChecksDone, ClaimsKnown


@dataclass(frozen=True)
class Pool:
    """What the hosts of the operator know of an epoch."""

    addresses: tuple[str, ...]
    epoch: int = 0
    verdicts: tuple[tuple[str, bool], ...] = ()
    n_sent: tuple[tuple[str, int], ...] = ()
    """(host, verdicts that it has sent)"""


@strategies.register("vote_pool")
@dataclass(frozen=True)
class VotePool:
    """Divides the claims among the operator's hosts; each votes on all by what any of them found."""

    events: ClassVar = (ClaimsKnown, ChecksDone, BlockApplied)

    def start(self, identity: Identity) -> Pool:
        """Know who is in the pool."""
        return Pool(identity.addresses)

    def react(
        self, pool: Pool, event: ClaimsKnown | ChecksDone | BlockApplied, generator: np.random.Generator
    ) -> Answer:
        """Check a share; send what is new to a host at each of its blocks."""
        address = event.view.address
        if isinstance(event, ClaimsKnown):
            share = event.participants[pool.addresses.index(address) :: len(pool.addresses)]
            return pool if pool.epoch == event.epoch else Pool(pool.addresses, event.epoch), (Check(share),)
        if isinstance(event, ChecksDone):
            new = tuple(zip(event.participants, event.frauds.tolist(), strict=True))
            return replace(pool, verdicts=pool.verdicts + new), ()
        sent = dict(pool.n_sent)
        unsent = pool.verdicts[sent.get(address, 0) :]
        vote = Vote(tuple(who for who, _ in unsent), np.array([fraud for _, fraud in unsent], dtype=np.bool_))
        return replace(pool, n_sent=(*{**sent, address: len(pool.verdicts)}.items(),)), (vote,)
