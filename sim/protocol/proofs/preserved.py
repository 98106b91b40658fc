"""Preserved nodes (POC_SLOT): ML nodes that serve through the next proof of compute and keep their weight unproven.

They are chosen when an epoch is formed, are preserved in the proof of compute that follows, and keep the weight they
have now. Until v0.2.4 half of each participant's nodes are drawn; from v0.2.5 a tenth of each model's weight:

1. Nodes that are heavy for the network, or among their host's heaviest where the host is big, prove their weight.
2. Half of a model's hosts are drawn among those that served it in the epoch before.
3. Hosts that would prove nothing at all hold less than 34 % of all weight together.
4. The others take turns in address order, each giving its lightest node, until the share is reached.

Reference: protocol 5.2.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pow.seeds import hash_to_number
from sim.protocol.consensus.transactions import HardwareNode

FIRST_EPOCH = 2  # no node is preserved out of epochs 0 and 1
BIG_HOSTS_PERCENT = 75
HEAVIEST_NODES_PERCENT = 25
MOST_UNPROVEN = Fraction(34, 100)
Preserved = Mapping[str, frozenset[int]]


@dataclass(frozen=True)
class ModelNode:
    """One ML node as the choice sees it."""

    address: str
    node_id: int
    weight: int


@dataclass(frozen=True)
class Cut:
    """Which of some weights stay: those up to a limit, and where a number is given only as many, the lightest."""

    limit: int
    """0: no limit."""
    count: int = 0
    """0: all of them."""


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


def select_half(
    epoch_index: int, models: Mapping[str, Sequence[ModelNode]], last: Preserved | None = None
) -> Preserved:
    """Until v0.2.4: floor(n / 2) of each participant's n nodes of a model, by a shuffle with the slot seed.

    A participant with a single node never gets a slot. Nodes in `last` come after all others. The shuffle is NumPy's
    PCG64, as in `draws`. Reference: protocol 5.2, version 1.
    """
    chosen: dict[str, set[int]] = defaultdict(set)
    if epoch_index < FIRST_EPOCH:
        return {}
    for model, nodes in models.items():
        for address, mine in _by_address(nodes).items():
            seed = compute_slot_seed(epoch_index, address, model)
            order = np.random.default_rng(seed).permutation(len(mine)).tolist()
            waiting = sorted((mine[i] for i in order), key=lambda node: _is_in(node, last))
            chosen[address].update(node.node_id for node in waiting[: len(mine) // 2])
    return _freeze(chosen)


def select_share(
    epoch_index: int,
    models: Mapping[str, Sequence[ModelNode]],
    capped: Mapping[str, int],
    served: Mapping[str, Collection[str]],
    share: float,
    last: Preserved | None = None,
    *,
    as_drawn: bool = False,
) -> Preserved:
    """From v0.2.5: nodes of each model until `share` of the model's weight is reached.

    `capped` are all members' capped weights, `served` the addresses that served each model in the epoch before. Nodes
    in `last` come after all others of their host. With `as_drawn`, a what-if, hosts take turns in the order of their
    draw instead of by address. Reference: protocol 5.2, version 2.
    """
    chosen: dict[str, set[int]] = defaultdict(set)
    if epoch_index < FIRST_EPOCH:
        return {}
    cuts = compute_cuts(models)
    eligible = {model: select_eligible(nodes, cuts, last) for model, nodes in models.items()}
    drawn = {model: draw_hosts(epoch_index, model, models, eligible, served.get(model, ())) for model in models}
    free = keep_some_proof(eligible, drawn, models, capped)
    for model, nodes in models.items():
        target = math.trunc(Fraction(str(share)) * sum(node.weight for node in nodes))
        for node in take_until(free[model], target, as_drawn=as_drawn):
            chosen[node.address].add(node.node_id)
    return _freeze(chosen)


def find_cut(weights: Collection[int], percent: int) -> Cut:
    """Walk down from the heaviest until `percent` of the whole weight is reached, truncated; the walk ends at w.

    Where a lighter one follows, everything from w on is cut off, those as heavy as w too. Where none follows, the limit
    is w, and the count tells how many the walk took. A single weight is cut off. Reference: protocol 5.2, version 2.
    """
    if len(weights) < 2:
        return Cut(sum(weights) - len(weights))
    return walk_down(weights, percent * sum(weights) // 100)


def walk_down(weights: Collection[int], goal: int) -> Cut:
    """Cut at the weight at which the sum of the heaviest reaches a goal; no cut at all where all do not reach it."""
    descending, held = sorted(weights, reverse=True), 0
    for place, weight in enumerate(descending, start=1):
        held += weight
        if held >= goal:
            return Cut(weight - 1) if descending[-1] < weight else Cut(weight, place)
    return Cut(0)


def compute_outlier_bound(weights: Collection[int]) -> int:
    """Q3 + 1.5 · IQR + 1 in whole numbers, without interpolation; 0, no bound, where quartiles are equal.

    A node of exactly that weight stays. A single node's bound is its weight. Reference: protocol 5.2, version 2.
    """
    ascending, n = sorted(weights), len(weights)
    if n < 2:
        return sum(ascending)
    upper = ascending[3 * n // 4]
    spread = upper - ascending[n // 4]
    return upper + spread + spread // 2 + 1 if spread else 0


def compute_cuts(models: Mapping[str, Sequence[ModelNode]]) -> dict[str, Cut]:
    """What each host may give, over all its models: the smaller of its own limit, if it is big, and the outliers'.

    Big is who holds at least the weight at which the heaviest hosts reach three quarters. Weights are those of nodes,
    before collateral and cap. Reference: protocol 5.2, version 2.
    """
    hosts = _by_address(node for nodes in models.values() for node in nodes)
    weights = {address: [node.weight for node in mine] for address, mine in hosts.items()}
    big_from = find_cut([sum(mine) for mine in weights.values()], BIG_HOSTS_PERCENT).limit
    bound = compute_outlier_bound([weight for mine in weights.values() for weight in mine])
    return {address: cut_host(mine, bound, is_big=sum(mine) >= big_from) for address, mine in weights.items()}


def cut_host(weights: Collection[int], bound: int, *, is_big: bool) -> Cut:
    """Combine a big host's own cut with the bound of outliers: the smaller limit holds, where 0 means none."""
    own = find_cut(weights, HEAVIEST_NODES_PERCENT) if is_big else Cut(0)
    return Cut(min(filter(None, (own.limit, bound)), default=0), own.count)


def select_eligible(
    nodes: Sequence[ModelNode], cuts: Mapping[str, Cut], last: Preserved | None = None
) -> dict[str, list[ModelNode]]:
    """Nodes of one model that may be preserved, by address, in the order in which their host gives them."""
    eligible = {}
    for address, mine in _by_address(nodes).items():
        cut = cuts[address]
        light = [node for node in mine if not cut.limit or node.weight <= cut.limit]
        light.sort(key=lambda node: (_is_in(node, last), node.weight, node.node_id))
        eligible[address] = light[: cut.count or None]
    return eligible


def draw_hosts(
    epoch_index: int,
    model: str,
    models: Mapping[str, Sequence[ModelNode]],
    eligible: Mapping[str, Mapping[str, Sequence[ModelNode]]],
    served: Collection[str],
) -> list[str]:
    """N // 2 + 1 of the model's N hosts with an eligible node in any model, among those that served the model before.

    The order is a shuffle, here NumPy's PCG64, whose seed depends on the epoch, on everybody's addresses and on the
    model. Reference: protocol 5.2, version 2.
    """
    able = {address for hosts in eligible.values() for address, nodes in hosts.items() if nodes}
    candidates = {node.address for node in models[model]} & able
    ordered = sorted(candidates.intersection(served))
    everybody = sorted({node.address for nodes in models.values() for node in nodes})
    return shuffle_hosts(ordered, everybody, model, epoch_index)[: len(candidates) // 2 + 1]


def shuffle_hosts(addresses: Sequence[str], everybody: Sequence[str], model: str, *when: int) -> list[str]:
    """Shuffle hosts by a seed that any host can compute beforehand, from times, all addresses in order and the model.

    The network's own shuffle is that of its language's library; here it is NumPy's PCG64 [I].
    """
    digest = hash_to_number(f"[{' '.join(everybody)}]")
    seed = compute_slot_seed("filter", *when, f"{digest:016x}", model)
    return [addresses[i] for i in np.random.default_rng(seed).permutation(len(addresses)).tolist()]


def keep_some_proof(
    eligible: Mapping[str, Mapping[str, Sequence[ModelNode]]],
    drawn: Mapping[str, Sequence[str]],
    models: Mapping[str, Sequence[ModelNode]],
    capped: Mapping[str, int],
) -> dict[str, dict[str, list[ModelNode]]]:
    """Leave out nodes so that hosts all of whose weight is eligible hold less than 34 % of the capped weight together.

    Models in order, hosts in the drawn order, nodes as their hosts give them; the first node that breaks the rule ends
    its host's list of that model. Reference: protocol 5.2, version 2.
    """
    whole: dict[str, int] = defaultdict(int)
    for nodes in models.values():
        for node in nodes:
            whole[node.address] += node.weight
    limit = math.trunc(MOST_UNPROVEN * sum(capped.values()))
    taken: dict[str, int] = defaultdict(int)
    unproven: set[str] = set()
    held = 0
    free: dict[str, dict[str, list[ModelNode]]] = {model: {} for model in models}
    for model, addresses in drawn.items():
        for who in addresses:
            free[model][who] = []
            for node in eligible[model].get(who, ()):
                if taken[who] + node.weight >= whole[who] and who not in unproven:
                    if not may_prove_nothing(held, whole[who], limit):
                        break
                    unproven.add(who)
                    held += whole[who]
                taken[who] += node.weight
                free[model][who].append(node)
    return free


def may_prove_nothing(held: int, weight: int, limit: int) -> bool:
    """Whether a host may prove nothing at all: with others like it, it must stay below the limit."""
    return held + weight < limit


def take_until(free: Mapping[str, Sequence[ModelNode]], target: int, *, as_drawn: bool = False) -> Iterator[ModelNode]:
    """Nodes in turns of their hosts, by address, until their weights reach the target or none is left.

    `as_drawn` keeps the hosts in the order in which they are given.
    """
    given = 0
    for node in take_turns([free[address] for address in (free if as_drawn else sorted(free))]):
        if given >= target:
            return
        yield node
        given += node.weight


def take_turns(queues: Sequence[Sequence[ModelNode]]) -> Iterator[ModelNode]:
    """The first of each queue, then the second of each, …"""
    for turn in range(max(map(len, queues), default=0)):
        yield from (queue[turn] for queue in queues if turn < len(queue))


def _is_in(node: ModelNode, last: Preserved | None) -> bool:
    return last is not None and node.node_id in last.get(node.address, ())


def _by_address(nodes: Iterable[ModelNode]) -> dict[str, list[ModelNode]]:
    grouped: dict[str, list[ModelNode]] = {}
    for node in nodes:
        grouped.setdefault(node.address, []).append(node)
    return grouped


def _freeze(chosen: Mapping[str, set[int]]) -> Preserved:
    return {address: frozenset(ids) for address, ids in sorted(chosen.items()) if ids}
