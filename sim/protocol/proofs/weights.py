"""Weight: of counted nonces, kept without proof, and under the power cap (protocol 5.1, 5.3).

1. Nonces are counted by ML node; where duplicates do not count, the first stored batch gets the credit.
2. A batch weighs its counted nonces times the version's scale, truncated; a node weighs what its batches weigh.
3. Accepted fresh weight is merged with the weight of nodes that were preserved.
4. The power cap limits every member's share.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

SMALL_NETWORK_LIMITS = {2: Fraction(1, 2), 3: Fraction(2, 5)}
QUOTIENT_PLACES = 16
NodeId = int | None
"""None where the chain has forgotten which node a batch came from."""


@dataclass(frozen=True)
class MergedWeight:
    """A participant's weight before collateral and cap."""

    weight: int
    node_weights: Mapping[int, int]
    """By registered node; a node keeps it if it is preserved next time."""
    dropped: int = 0
    """Weight of batches from nodes that are preserved, not registered or serve no governance model."""


class CountedBatch(NamedTuple):
    """A stored batch: its ML node, and its nonces that count."""

    node_id: NodeId
    n_counted: int


def count_batches(batches: Iterable[tuple[NodeId, tuple[int, ...]]], *, counts_duplicates: bool) -> list[CountedBatch]:
    """Count one participant's nonces batch by batch; `batches` are (node, nonces) in the order of their storage keys.

    A nonce that may count once only counts for the first stored batch that lists it, of whichever node.
    Reference: protocol 5.1.
    """
    counted, seen = [], set[int]()
    for node_id, nonces in batches:
        new = nonces if counts_duplicates else set(nonces) - seen
        seen.update(nonces)
        counted.append(CountedBatch(node_id, len(new)))
    return counted


def weigh_batches(
    counted: Iterable[CountedBatch], scale: Fraction, *, truncates_by_node: bool = False
) -> dict[NodeId, int]:
    """Weight of each node: counted nonces times scale, truncated batch by batch.

    So small batches lose: at a scale of 2.5 each odd count loses one half. With `truncates_by_node`, a what-if, only
    the sum of a node's batches is truncated. Reference: protocol 5.1.
    """
    if truncates_by_node:
        whole = weigh_batches(counted, Fraction(1))
        return {node_id: n_counted * scale.numerator // scale.denominator for node_id, n_counted in whole.items()}
    weights: dict[NodeId, int] = {}
    for node_id, n_counted in counted:
        weights[node_id] = weights.get(node_id, 0) + n_counted * scale.numerator // scale.denominator
    return weights


def merge_by_addition(fresh: int, preserved: Mapping[int, int], registered: Collection[int]) -> MergedWeight:
    """v0.2.0: fresh and preserved weight are added as numbers; fresh weight is spread over the other nodes.

    Reference: protocol 5.1, distributeLegacyWeight.
    """
    others = [node_id for node_id in sorted(registered) if node_id not in preserved]
    return MergedWeight(fresh + sum(preserved.values()), {**preserved, **spread_evenly(fresh, others)})


def spread_evenly(total: int, node_ids: Collection[int]) -> dict[int, int]:
    """Divide by the number of nodes; the first `remainder` nodes get +1 twice, as on the chain.

    The nodes may so hold total + remainder together, while the participant's weight stays `total`. Without any node
    the chain divides by zero [I]; here no node gets weight. Reference: protocol 5.1.
    """
    if not node_ids:
        return {}
    share, remainder = divmod(total, len(node_ids))
    return {node_id: share + (2 if place < remainder else 0) for place, node_id in enumerate(node_ids)}


def merge_by_node(fresh: Mapping[NodeId, int], preserved: Mapping[int, int], admitted: Collection[int]) -> MergedWeight:
    """v0.2.2 on: the sum over distinct nodes that are registered and serve a governance model (`admitted`).

    A preserved node keeps its old weight; the weight of batches that it sent all the same is dropped, though their
    nonces were counted, so that no other node of its host has them again. Reference: protocol 5.1, 5.2.
    """
    merged = dict(fresh)
    merged.update(preserved.items())
    kept = {node_id: weight for node_id, weight in merged.items() if node_id is not None and node_id in admitted}
    weight = sum(kept.values())
    return MergedWeight(weight, kept, sum(fresh.values()) + sum(preserved.values()) - weight)


def compute_power_cap(weights: Iterable[int], percentage: float | None, *, positive_only: bool = False) -> int | None:
    """Return the largest weight that the cap leaves, or None where it does not bind. Reference: protocol 5.3.

    Walks up the sorted weights: the first one that exceeds its allowed share of (those below it + itself for all
    above) fixes the cap. Shares are exact decimals, quotients have 16 places, and the cap is truncated. None and 0 are
    no cap. A share below 1 / n cannot be met by n equal members: the cap is 0, and all lose everything; with
    `positive_only` members without weight do not count, and a cap of 0 does not bind.
    """
    ascending = sorted(weight for weight in weights if weight > 0 or not positive_only)
    n = len(ascending)
    if n <= 1 or not percentage:
        return None
    limit, below = get_limit(n, percentage), 0
    for k, weight in enumerate(ascending):
        if weight > limit * (below + weight * (n - k)):
            denominator = 1 - limit * (n - k)
            cap = weight if denominator <= 0 else math.trunc(round(limit * below / denominator, QUOTIENT_PLACES))
            return None if positive_only and cap <= 0 else cap
        below += weight
    return None


def cap_by_full_weight(weights: Mapping[str, int], percentage: float, full_weight: int) -> dict[str, int]:
    """What-if: no weight is above a share of a total that confirmations do not shrink. Reference: protocol 6.2."""
    n = sum(weight > 0 for weight in weights.values())
    if n <= 1 or not percentage:
        return dict(weights)
    cap = math.trunc(get_limit(n, percentage) * full_weight)
    return {address: min(weight, cap) for address, weight in weights.items()}


def get_limit(n: int, percentage: float) -> Fraction:
    """Return the share that one of n members may hold: two or three may hold more. Reference: protocol 5.3."""
    return max(Fraction(str(percentage)), SMALL_NETWORK_LIMITS.get(n, Fraction(0)))


def cap_weights(weights: Mapping[str, int], percentage: float | None, *, positive_only: bool = False) -> dict[str, int]:
    """Apply the power cap to every member: min(weight, cap). Weights of nodes stay uncapped."""
    cap = compute_power_cap(weights.values(), percentage, positive_only=positive_only)
    return {address: weight if cap is None else min(weight, cap) for address, weight in weights.items()}
