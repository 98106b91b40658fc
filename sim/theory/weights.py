"""Caps, preserved nodes and shares of an epoch's emission against the network's own tests (protocol 5.2, 5.3, 6.2)."""

from __future__ import annotations

from collections.abc import Iterator
from math import comb

from sim.protocol.money.rewards import split_reward
from sim.protocol.proofs.preserved import (
    ModelNode,
    compute_cuts,
    compute_outlier_bound,
    find_cut,
    select_eligible,
    select_share,
)
from sim.protocol.proofs.weights import cap_weights
from sim.protocol.versions import VERSIONS
from sim.theory.row import Row

LATER = VERSIONS["v0.2.5"]
CAPS = (
    ((1000, 2000, 4000, 8000), 2250),
    ((1000, 2000, 1000), 1333),
    ((1000, 2000, 7000), 2000),
    ((10, 10, 10, 970), 12),
    ((*[10] * 9, 900), 38),
)
"""Weights -> the largest of them under the cap of 30 %; two fifths are left to one of three."""
CUTS = (((10, 10, 10, 10), 25, 10), ((30, 25, 20, 15), 25, 29), ((50, 40, 30, 20, 10), 70, 29), ((10,), 25, 9))
BOUNDS = (((20, 25, 30, 35, 40, 40, 45, 50, 35), 56), ((*[10] * 100, *[20] * 100), 36))
REWARDS = (((250, 150), 600, 300), ((700, 100), 1000, 500), ((1000, 1000, 1000), 100, 34))
"""Preserved and confirmed weights, emission -> the first one's reward."""
N_EQUAL, N_DRAWN, N_GIVING = 10, 6, 4
"""Hosts that are alike; those drawn, a half and one; those whose first nodes are a tenth of the weight."""


def weight_rows(quick: bool) -> Iterator[Row]:
    """Yield the comparisons; only the bias by address is drawn."""
    for weights, published in CAPS:
        capped = cap_weights({str(place): weight for place, weight in enumerate(weights)}, LATER.fixed_power_cap)
        yield Row.absolute(
            f"cap of 30 % on {len(weights)} hosts, heaviest {max(weights)}", max(capped.values()), published, 0
        )
    for weights, percent, published in CUTS:
        label = f"cut of {len(weights)} weights at {percent} %, heaviest {max(weights)}"
        yield Row.absolute(label, find_cut(weights, percent).limit, published, 0)
    for weights, published in BOUNDS:
        yield Row.absolute(
            f"bound of outliers among {len(weights)} ML nodes", compute_outlier_bound(weights), published, 0
        )
    for weights, emission, published in REWARDS:
        named = {str(place): weight for place, weight in enumerate(weights)}
        ours = split_reward(cap_weights(named, LATER.settlement_cap), emission)["0"]
        yield Row.absolute(f"reward of the first of {len(weights)}, R = {emission}, v0.2.5", ours, published, 0)
    yield Row.absolute("preserved weight of 20 hosts at a share of 0.5", _preserve_of_twenty(), 550, 0)
    for n_nodes in (4, 5, 9):
        label = f"eligible of {n_nodes} equal ML nodes of a big host"
        yield Row.absolute(label, _count_eligible(n_nodes), -(-n_nodes // 4), 0)
    yield from _bias_rows(1000 if quick else 10_000)


def _list_nodes(address: str, *weights: int) -> list[ModelNode]:
    return [ModelNode(address, node_id, weight) for node_id, weight in enumerate(weights, start=1)]


def _preserve_of_twenty() -> int:
    """Return what the network's test of 20 hosts gives: five nodes of 20 and five of 10 each."""
    nodes = [node for i in range(20) for node in _list_nodes(f"{i:02}", *[20] * 5, *[10] * 5)]
    hosts = {node.address for node in nodes}
    chosen = select_share(2, {"m": nodes}, dict.fromkeys(hosts, 150), {"m": hosts}, 0.5)
    return sum(node.weight for node in nodes if node.node_id in chosen.get(node.address, ()))


def _count_eligible(n_nodes: int) -> int:
    nodes = [node for i in range(5) for node in _list_nodes(str(i), *[7] * n_nodes)]
    return len(select_eligible(nodes, compute_cuts({"m": nodes}))["0"])


def _bias_rows(n_epochs: int) -> Iterator[Row]:
    """Equal hosts: the first by address gives whenever it is drawn, a later one only if few before it are drawn too."""
    nodes = [node for i in range(N_EQUAL) for node in _list_nodes(str(i), 10, 10, 10, 10)]
    hosts = {node.address for node in nodes}
    capped = dict.fromkeys(hosts, 40)
    chosen = [select_share(epoch, {"m": nodes}, capped, {"m": hosts}, 0.1) for epoch in range(2, 2 + n_epochs)]
    for place in (0, 4, 5):
        n_given = sum(str(place) in given for given in chosen)
        label = f"host {place + 1} of {N_EQUAL} by address preserves a node"
        yield Row.binomial(label, n_given, n_epochs, _chance_to_give(place))
    last = sum(str(N_EQUAL - 1) in given for given in chosen)
    yield Row.absolute(f"host {N_EQUAL} of {N_EQUAL} by address preserves a node", last, 0, 0)


def _chance_to_give(place: int) -> float:
    """Return the chance to be drawn with fewer than `N_GIVING` of the `place` hosts before it (hypergeometric)."""
    others = N_EQUAL - 1
    ways = sum(comb(place, k) * comb(others - place, N_DRAWN - 1 - k) for k in range(min(place + 1, N_GIVING)))
    return ways / comb(N_EQUAL, N_DRAWN)
