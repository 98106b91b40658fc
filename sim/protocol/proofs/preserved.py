"""Preserved nodes (POC_SLOT): ML nodes that serve through the next proof of compute and keep their weight unproven.

They are chosen when an epoch is formed, are preserved in the proof of compute that follows, and keep the weight they
have now. Until v0.2.3 half of each participant's nodes are drawn; from v0.2.5 a tenth of each model's weight.

Where the specification names an effect but not its arithmetic, the choice is marked [I]. Reference: protocol 5.2.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pow.seeds import hash_to_number
from sim.protocol.consensus.transactions import HardwareNode

FIRST_EPOCH = 2  # no node is preserved out of epochs 0 and 1
LARGE_SHARE = Fraction(3, 4)
HEAVIEST_SHARE = Fraction(1, 4)
IQR_FACTOR = 1.5
MOST_FULLY_PRESERVED = Fraction(34, 100)
Preserved = dict[str, frozenset[int]]


@dataclass(frozen=True)
class ModelNode:
    """One ML node as the choice sees it."""

    address: str
    node_id: int
    weight: int


def compute_slot_seed(*parts: str | int) -> int:
    """The number that the hash of the parts gives, joined by "_". Any host can compute it beforehand."""
    return hash_to_number("_".join(map(str, parts)))


def group_by_model(
    node_weights: Mapping[str, Mapping[int, int]],
    hardware: Mapping[str, Sequence[HardwareNode]],
    governance_models: Collection[str],
) -> dict[str, list[ModelNode]]:
    """Models in order; each node with a weight goes to the governance model it serves, others get no slot."""
    grouped: dict[str, list[ModelNode]] = {model: [] for model in sorted(governance_models)}
    for address in sorted(node_weights):
        for node in sorted(hardware.get(address, ()), key=lambda node: node.node_id):
            if node.model in grouped and node.node_id in node_weights[address]:
                weight = node_weights[address][node.node_id]
                grouped[node.model].append(ModelNode(address, node.node_id, weight))
    return grouped


def select_half(epoch_index: int, models: Mapping[str, Sequence[ModelNode]]) -> Preserved:
    """Until v0.2.3: floor(n / 2) of each participant's n nodes of a model, by a shuffle with the slot seed.

    A participant with a single node never gets a slot. The shuffle is NumPy's PCG64, as in `draws`.
    Reference: protocol 5.2, version 1.
    """
    chosen: dict[str, set[int]] = defaultdict(set)
    if epoch_index < FIRST_EPOCH:
        return {}
    for model, nodes in models.items():
        for address, mine in _by_address(nodes).items():
            seed = compute_slot_seed(epoch_index, address, model)
            order = np.random.default_rng(seed).permutation(len(mine)).tolist()
            chosen[address].update(mine[i].node_id for i in order[: len(mine) // 2])
    return _freeze(chosen)


def select_share(
    epoch_index: int,
    models: Mapping[str, Sequence[ModelNode]],
    capped: Mapping[str, int],
    served: Mapping[str, Collection[str]],
    share: float,
) -> Preserved:
    """From v0.2.5: nodes of each model until `share` of the model's weight is reached.

    `capped` are all members' capped weights, `served` the addresses that served each model in the last epoch. Drawn
    participants take turns, each giving its smallest eligible node; a node that would leave too much weight without
    any proof is skipped. Guards in `_eligible` and `may_preserve`. Reference: protocol 5.2, version 2.
    """
    chosen: dict[str, set[int]] = defaultdict(set)
    if epoch_index < FIRST_EPOCH:
        return {}
    n_nodes = Counter(node.address for nodes in models.values() for node in nodes)
    for model, nodes in models.items():
        target = share * sum(node.weight for node in nodes)
        drawn = _draw_participants(epoch_index, model, set(served.get(model, ())) & {n.address for n in nodes})
        eligible = _by_address(_eligible(nodes, capped))
        total = 0
        for node in _take_turns([eligible.get(address, []) for address in drawn]):
            if total >= target:
                break
            if may_preserve(node, chosen, n_nodes, capped):
                chosen[node.address].add(node.node_id)
                total += node.weight
    return _freeze(chosen)


def _eligible(nodes: Sequence[ModelNode], capped: Mapping[str, int]) -> Iterator[ModelNode]:
    """Leave out outliers by weight, and the heaviest quarter (rounded up [I]) of each large participant's nodes."""
    bound = compute_outlier_bound([node.weight for node in nodes])
    large = select_large(capped)
    for address, mine in _by_address(nodes).items():
        ascending = sorted(mine, key=lambda node: (node.weight, node.node_id))
        n_kept_out = -(-len(mine) * HEAVIEST_SHARE.numerator // HEAVIEST_SHARE.denominator) if address in large else 0
        yield from (node for node in ascending[: len(mine) - n_kept_out] if node.weight <= bound)


def compute_outlier_bound(weights: Sequence[int]) -> float:
    """Q3 + 1.5 · IQR, quartiles by linear interpolation [I]; no bound for fewer than two nodes."""
    if len(weights) < 2:
        return float("inf")
    lower, _, upper = statistics.quantiles(weights, n=4, method="inclusive")
    return upper + IQR_FACTOR * (upper - lower)


def select_large(capped: Mapping[str, int]) -> set[str]:
    """The fewest participants, heaviest first, that hold three quarters of the weight together; ties by address."""
    wanted, held, large = LARGE_SHARE * sum(capped.values()), 0, set()
    for address in sorted(capped, key=lambda who: (-capped[who], who)):
        if held >= wanted:
            break
        held += capped[address]
        large.add(address)
    return large


def _draw_participants(epoch_index: int, model: str, served: Collection[str]) -> list[str]:
    """N // 2 + 1 of the hosts that served the model last epoch, shuffled with a seed of epoch and model [I]."""
    ordered = sorted(served)
    generator = np.random.default_rng(compute_slot_seed(epoch_index, model))
    order = generator.permutation(len(ordered)).tolist()
    return [ordered[i] for i in order[: len(ordered) // 2 + 1]]


def _take_turns(queues: Sequence[Sequence[ModelNode]]) -> Iterator[ModelNode]:
    """The first of each queue, then the second of each, …"""
    for turn in range(max(map(len, queues), default=0)):
        yield from (queue[turn] for queue in queues if turn < len(queue))


def may_preserve(
    node: ModelNode, chosen: Mapping[str, set[int]], n_nodes: Mapping[str, int], capped: Mapping[str, int]
) -> bool:
    """Those whose nodes are all preserved must hold less than 34 % of the weight together.

    Never the last word: a large participant keeps a node out of the draw, and the others hold a quarter at most.
    """
    after = {address: len(ids) for address, ids in chosen.items()}
    after[node.address] = after.get(node.address, 0) + 1
    if after[node.address] < n_nodes[node.address]:
        return True
    held = sum(capped.get(address, 0) for address, n_chosen in after.items() if n_chosen >= n_nodes[address])
    return held < MOST_FULLY_PRESERVED * sum(capped.values())


def _by_address(nodes: Iterable[ModelNode]) -> dict[str, list[ModelNode]]:
    grouped: dict[str, list[ModelNode]] = {}
    for node in nodes:
        grouped.setdefault(node.address, []).append(node)
    return grouped


def _freeze(chosen: Mapping[str, set[int]]) -> Preserved:
    return {address: frozenset(ids) for address, ids in sorted(chosen.items()) if ids}
