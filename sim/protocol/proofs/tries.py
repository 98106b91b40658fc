"""The number of tries, and the arrivals of nonces, estimated from the claimed nonces (protocol 3.2).

Hosts do not report tries. But nonces are tried in order, so that the places of an ML node's claimed ones tell how rare
they are (`success`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sim.protocol.proofs.success import estimate_rate
from sim.protocol.proofs.weights import NodeId

Listed = tuple[NodeId, Sequence[int]]
"""An ML node and nonces that it claims."""


LARGEST = 2**62
"""Nonces beyond count as this one, which no ML node reaches."""


def estimate_success_rate(claimed: Mapping[str, Iterable[Listed]], highest_node_ids: Mapping[str, int]) -> float:
    """Claimed nonces / tries, by `estimate_rate` from the places of each ML node's nonces; 0 where nothing was claimed.

    `claimed` is by address. A node's nonces are strided by the highest number handed out, which the chain knows from
    registrations as far as nodes are registered (`highest_node_ids`, by address). Where the chain forgets nodes, all
    nodes of a host count as one that tries every number: right if they are equally fast. A host that leaves numbers
    out looks less lucky than it is, and protocol 3.2 is not enforced: `success` bounds the effect of liars.
    """
    places = []
    for who, own in claimed.items():
        by_node: dict[NodeId, set[int]] = {}
        for node_id, nonces in own:
            by_node.setdefault(node_id, set()).update(nonces)
        for node_id, distinct in by_node.items():
            places.append(find_places(distinct, highest_node_ids.get(who, 1) if node_id is not None else 1))
    return estimate_rate(places)


def find_places(nonces: Collection[int], stride: int) -> NDArray[np.int64]:
    """Return the places, ascending from 1, of nonces tried in steps of `stride`, the first of which is at most that."""
    tried = np.fromiter((min(max(nonce - 1, 0), LARGEST) for nonce in nonces), dtype=np.int64, count=len(nonces))
    return np.unique(tried // stride + 1)


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
