"""Which nonces an ML node tries: the stride between them depends on the version (protocol 3.2)."""

from __future__ import annotations

from collections.abc import Collection

from pow.seeds import nonce_range


def compute_n_nodes(dispatched: Collection[int], highest_node_id: int, *, counts_nodes_handed_out: bool) -> int:
    """Return the `node_count` that ML nodes are told: the stride of their nonces. Reference: protocol 3.2.

    v0.2.0: the number of nodes `dispatched` in the same pass, so that nodes that start in different passes, or a set
    with gaps such as {1, 3}, share nonces. v0.2.2 on: the highest node number handed out so far; no two nodes meet.
    """
    return highest_node_id if counts_nodes_handed_out else len(dispatched)


def get_node_ranges(node_id: int, n_nodes: int, n_gpu_groups: int) -> tuple[range, ...]:
    """Return the nonces of each GPU group of an ML node; groups of one node never meet."""
    return tuple(nonce_range(node_id, n_nodes, group, n_gpu_groups) for group in range(n_gpu_groups))
