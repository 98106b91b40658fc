"""An epoch without proofs: its hosts are those of the epoch before (network 2.9.1, from v0.2.14 on).

So that a failed proof of compute does not end the network, as it would if nobody had any power.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sim.protocol.models.seating import NodeWeights
from sim.protocol.models.trusted_weight import OldEpoch

FIRST_EPOCH = 2
"""Before it nobody is carried over."""


@dataclass(frozen=True)
class Carried:
    """Hosts that stay."""

    node_weights: NodeWeights
    weights: Mapping[str, int]
    """Sum of a host's nodes; the old weight of one that has none."""


def is_empty(fresh: NodeWeights, preserved: NodeWeights, *, needs_fresh: bool) -> bool:
    """Whether the new epoch has nobody: no node at all, or from v0.2.16 on no fresh one. Reference: network 2.9.1."""
    return not (_has_nodes(fresh) or (_has_nodes(preserved) and not needs_fresh))


def _has_nodes(nodes: NodeWeights) -> bool:
    return any(mine for models in nodes.values() for mine in models.values())


def carry_old_epoch(old: OldEpoch, may_stay: Collection[str]) -> Carried:
    """Return the old hosts that stay, with their old nodes; without any no new epoch is formed.

    `may_stay` have a consensus key and a seed of the new epoch or of the old one, and are neither INVALID, INACTIVE nor
    excluded. Reference: network 2.9.1.
    """
    weights = {who: _weigh(old, who) for who in sorted(old.weights) if who in may_stay}
    staying = {who: weight for who, weight in weights.items() if weight > 0}
    nodes = {who: old.node_weights.get(who, {}) for who in staying}
    return Carried({who: models for who, models in nodes.items() if any(models.values())}, staying)


def _weigh(old: OldEpoch, who: str) -> int:
    nodes = [weight for mine in old.node_weights.get(who, {}).values() for weight in mine.values()]
    return sum(nodes) if nodes else old.weights[who]
