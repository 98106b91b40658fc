"""Random graphs of networkx, given to hosts in an order in which the network is whole at every moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import networkx as nx
import numpy as np

from sim.streams import Streams
from sim.topologies.base import Member

SEEDS = 2**32


def draw_pairs(
    name: str, degree: int, draw: Callable[[int, int], nx.Graph], members: Sequence[Member], streams: Streams
) -> Iterator[tuple[Member, Member]]:
    """Yield the pairs of `draw(n hosts, integer seed)`, drawn again until it is connected; the earlier member first.

    With at most `degree` hosts every host is linked to every other. A place in the graph is drawn for each member, so
    that a host that joins is linked to one that is there: every prefix of the members is connected.
    """
    generator = streams("topology", name)
    n = len(members)
    graph = nx.complete_graph(n) if n <= degree + 1 else _draw_connected(draw, n, generator)
    rank = {node: position for position, node in enumerate(order_connected(graph, generator))}
    for low, high in sorted(tuple(sorted((rank[a], rank[b]))) for a, b in graph.edges):
        yield members[low], members[high]


def _draw_connected(draw: Callable[[int, int], nx.Graph], n: int, generator: np.random.Generator) -> nx.Graph:
    while True:  # all these graphs are connected with high probability
        graph = draw(n, int(generator.integers(SEEDS)))
        if nx.is_connected(graph):
            return graph


def order_connected(graph: nx.Graph, generator: np.random.Generator) -> list[int]:
    """Return the nodes of a connected graph in a random order of which every prefix is connected.

    The order grows from a node, each time by one random neighbour of the nodes in it.
    """
    frontier = [int(generator.integers(len(graph)))] if len(graph) else []
    seen = set(frontier)
    order = []
    while frontier:
        chosen = int(generator.integers(len(frontier)))
        frontier[chosen], frontier[-1] = frontier[-1], frontier[chosen]
        order.append(frontier.pop())
        found = sorted(set(graph[order[-1]]) - seen)
        seen.update(found)
        frontier += found
    return order
