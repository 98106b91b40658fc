"""Preserved nodes of an episode in 2026 (network 2.8, 2.19)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from fractions import Fraction

from sim.protocol.models.episode_preserved import EpisodeDraw, draw_preserved, find_big, leave_proof
from sim.protocol.models.seating import keep_heaviest
from sim.protocol.proofs.preserved import Cut, ModelNode, compute_outlier_bound, find_cut, select_eligible
from sim.theory.row import Row

CUTS: tuple[tuple[list[int], int, Cut], ...] = (
    ([10, 10], 25, Cut(10, 1)),
    ([10] * 4, 25, Cut(10, 1)),
    ([10] * 4, 75, Cut(10, 3)),
    ([30, 25, 20, 15], 25, Cut(29)),
    ([50, 40, 30, 20, 10], 70, Cut(29)),
    ([10], 25, Cut(9)),
    ([], 25, Cut(0)),
)
"""Weights, percent, bound and number; 0 for none."""
STAYING: tuple[tuple[str, dict[int, int], Cut, list[int]], ...] = (
    ("2 of four nodes of 10, bound 10", dict.fromkeys((1, 2, 3, 4), 10), Cut(10, 2), [1, 2]),
    ("2 of four nodes of 10, bound 9", dict.fromkeys((1, 2, 3, 4), 10), Cut(9, 2), []),
    ("three of 10 and one of 15, bound 15", {3: 10, 1: 10, 4: 15, 2: 10}, Cut(15), [1, 2, 3, 4]),
)
BIG: tuple[tuple[list[int], int, int], ...] = (([40, 10], 100, 0), ([30, 30, 30], 90, 30), ([80, 10], 100, 79))
"""Powers, weight of all, least power of a big host."""
OUTLIERS: tuple[tuple[str, list[int], int], ...] = (
    ("9 nodes", [20, 25, 30, 35, 40, 40, 45, 50, 35], 56),
    ("100 nodes of 10, 100 of 20", [10] * 100 + [20] * 100, 36),
)
TWENTY = {f"{i:02}": dict(enumerate([20] * 5 + [10] * 5)) for i in range(20)}
SIX = {who: dict.fromkeys((1, 2, 3, 4), 10) for who in "abcdef"}
TWO = {"a": {1: 50, 2: 40, 3: 30}, "b": {1: 20, 2: 10}}


def preserved_rows() -> Iterator[Row]:
    """Yield cuts, bounds, the 34 % rule and whole draws."""
    for weights, percent, cut in CUTS:
        yield Row.exact(f"network of 2026: cut of {weights} at {percent} %", find_cut(weights, percent), cut)
    for case, nodes, cut, ids in STAYING:
        kept = select_eligible([ModelNode("h", *node) for node in nodes.items()], {"h": cut})["h"]
        yield Row.exact(f"network of 2026: nodes that stay, {case}", [node.node_id for node in kept], ids)
    for powers, total, least in BIG:
        found = find_big({str(place): power for place, power in enumerate(powers)}, total)
        yield Row.exact(f"network of 2026: big from, powers {powers} of {total}", found, least)
    for case, weights, bound in OUTLIERS:
        yield Row.exact(f"network of 2026: bound of outliers, {case}", compute_outlier_bound(weights), bound)
    for node, is_taken in ((10, False), (5, True)):
        free = leave_proof({"h": [ModelNode("h", 1, node)]}, {"h": 10}, {"h": 40}, 34)
        yield Row.exact(f"network of 2026: 34 % rule, {node} of 10, power 40 is taken", bool(free["h"]), is_taken)
    yield from _draw_rows()
    doubled = keep_heaviest([(2, 10), (1, 5), (2, 20)])
    yield Row.exact("network of 2026: doubled id, the heaviest stays", doubled, {1: 5, 2: 20})


def _draw_rows() -> Iterator[Row]:
    chosen = draw_preserved(_describe(TWENTY, TWENTY, 140))
    weight = sum(TWENTY[who][node_id] for who, ids in chosen.items() for node_id in ids)
    yield Row.exact("network of 2026: 20 hosts, share .5: hosts and weight", (len(chosen), weight), (11, 550))
    yield Row.exact("network of 2026: 20 hosts without rewards", draw_preserved(_describe(TWENTY, (), 140)), {})
    drawn = {frozenset(draw_preserved(_describe(SIX, SIX, anchor))) for anchor in range(100, 1000, 100)}
    yield Row.exact("network of 2026: 6 hosts, anchors 100 to 900 draw alike", len(drawn) == 1, False)
    worked = draw_preserved(_describe(TWO, TWO, 140, "0.3", {"a": 80, "b": 10}, 100))
    yield Row.exact("network of 2026: big host a and b, share .3", worked, {"a": {2, 3}, "b": {2}})


def _describe(
    hosts: Mapping[str, Mapping[int, int]],
    rewarded: Collection[str],
    anchor: int,
    share: str = "0.5",
    powers: Mapping[str, int] | None = None,
    total: int | None = None,
) -> EpisodeDraw:
    return EpisodeDraw(
        epoch_index=7,
        anchor_height=anchor,
        node_weights={who: {"m": nodes} for who, nodes in hosts.items()},
        voting_powers={"m": powers or {}},
        total=total or sum(sum(nodes.values()) for nodes in hosts.values()),
        rewarded={"m": rewarded},
        share=Fraction(share),
    )
