"""Which tier a network runs in, and the rule behind `tier: auto`.

Shortest paths are exact where no upload has to wait. How often one waits follows from the load: an uplink that is busy
for a share rho of the time lets a message wait rho / (2 (1 - rho)) of its own transfer time (M/D/1), 2.6 % at 5 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx

from sim.network.links import BITS_PER_BYTE, get_upload_rate
from sim.scenario.schema import NetworkConfig

LARGEST_SHARE = 0.05  # of the time in which the busiest uplink may be busy for `paths` to be taken
AUTO, EVENTS, PATHS = "auto", "events", "paths"


@dataclass(frozen=True)
class TierChoice:
    """The tier that the scenario asks for, the one that was taken, and why."""

    asked: str
    tier: str
    reason: str


def compute_busiest_share(graph: nx.DiGraph, bytes_per_second: float) -> float:
    """Return the share of time for which the busiest uplink is busy: each host sends each message on to its peers.

    A host of degree d passes a message on d - 1 times (the origin: d times, for one of n messages).
    """
    bits = BITS_PER_BYTE * bytes_per_second
    return max((bits * max(graph.out_degree(host) - 1, 0) / get_upload_rate(graph, host) for host in graph), default=0)


def choose_tier(
    config: NetworkConfig, graph: nx.DiGraph, bytes_per_second: float, *, has_bursts: bool = False
) -> TierChoice:
    """Return the tier that the scenario names; for `auto`, `paths` while the busiest uplink is busy for at most 5 %.

    `bytes_per_second`: new messages of all hosts in the busiest stage. `has_bursts`: some fault loses transfers for a
    while.
    """
    if config.tier != AUTO:
        return TierChoice(config.tier, config.tier, "the scenario names it")
    if config.loss or config.announce_above is not None or has_bursts:
        return TierChoice(AUTO, EVENTS, "only this tier knows losses and announcements")
    share = compute_busiest_share(graph, bytes_per_second)
    told = f"the busiest uplink is expected to be busy for {100 * share:.2g} % of its busiest stage"
    tier, sign = (PATHS, "at most") if share <= LARGEST_SHARE else (EVENTS, "more than")
    return TierChoice(AUTO, tier, f"{told}, {sign} {100 * LARGEST_SHARE:g} %")
