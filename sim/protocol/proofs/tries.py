"""How many nonces were tried, and when they arrived, told from the nonces that are claimed (protocol 3.2).

Hosts do not report tries. But nonces are tried in order, so that the largest claimed one of an ML node tells how far it
came, as the largest of some serial numbers tells how many were made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from sim.protocol.weights import NodeId

Listed = tuple[NodeId, Sequence[int]]
"""An ML node and nonces that it claims."""


def estimate_success_rate(claimed: Mapping[str, Iterable[Listed]], highest_node_ids: Mapping[str, int]) -> float:
    """Claimed nonces / tries, tries by `estimate_tries` for each ML node; 0 where nothing was claimed.

    `claimed` is by address. A node's nonces are strided by the highest number handed out, which the chain knows from
    registrations as far as nodes are registered (`highest_node_ids`, by address). Where the chain forgets nodes, all
    nodes of a host count as one that tries every number: right if they are equally fast. A host that leaves numbers
    out looks less lucky than it is, at no cost (protocol 3.2 is not enforced).
    """
    found, tries = 0, 0.0
    for who, own in claimed.items():
        by_node: dict[NodeId, set[int]] = {}
        for node_id, nonces in own:
            by_node.setdefault(node_id, set()).update(nonces)
        for node_id, distinct in by_node.items():
            found += len(distinct)
            tries += estimate_tries(distinct, highest_node_ids.get(who, 1) if node_id is not None else 1)
    return found / tries if tries else 0.0


def estimate_tries(nonces: Collection[int], stride: int) -> float:
    """Return the unbiased estimate of how many nonces were tried in steps of `stride` from at most `stride` on.

    With the last of k valid ones at place m it is m · (1 + 1 / k) - 1; its standard deviation is near m / k. 0 for no
    nonce at all.
    """
    if not nonces:
        return 0.0
    last = max(max(nonces) - 1, 0) // stride + 1
    return last * (1.0 + 1.0 / len(nonces)) - 1.0


def count_arrivals(
    taken: Iterable[Iterable[tuple[int, Sequence[int]]]],
    start_height: int,
    last_height: int,
    *,
    counts_duplicates: bool,
) -> tuple[int, ...]:
    """Nonces by block, from the one after `start_height` to the last; each as often as it counts.

    `taken` holds for each participant (height, nonces) of its messages.
    """
    counts = [0] * (last_height - start_height)
    for messages in taken:
        seen: set[int] = set()
        for height, nonces in sorted(messages, key=lambda each: each[0]):
            new = nonces if counts_duplicates else set(nonces) - seen
            seen.update(new)
            counts[height - start_height - 1] += len(new)
    return tuple(counts)
