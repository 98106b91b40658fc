"""Preserved ML nodes, drawn anew for each proof of compute and each confirmation (network 2.8).

For each model by itself, among the hosts of the epoch in force:

1. Guardians give none. Nodes that are heavy beside others, or among the heaviest of a big host, prove their weight.
2. Half of the hosts with a node left are drawn, among those that the epoch before has rewarded for the model.
3. Hosts that would prove nothing at all hold less than 34 % of all weight together.
4. The others take turns in address order, each with its lightest node, until a share of the model's weight is reached.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sim.protocol.models.seating import NodeWeights, list_models
from sim.protocol.proofs.preserved import (
    BIG_HOSTS_PERCENT,
    MOST_UNPROVEN,
    Cut,
    ModelNode,
    Preserved,
    compute_outlier_bound,
    cut_host,
    may_prove_nothing,
    select_eligible,
    shuffle_hosts,
    take_until,
    walk_down,
)

DEFAULT_SHARE = Fraction(1, 2)
"""Of a model's weight, where governance has set 0."""


@dataclass(frozen=True, kw_only=True)
class EpisodeDraw:
    """What the draw of an episode knows of the epoch in force."""

    epoch_index: int
    anchor_height: int
    """P of a proof of compute, the height of the trigger of a confirmation."""
    node_weights: NodeWeights
    """Raw weights as the epoch stored them, of hosts that are still in."""
    voting_powers: Mapping[str, Mapping[str, int]]
    """By model and host, as stored; a model that starts has none."""
    total: int
    """Weight of all hosts that are still in; from v0.2.16 on the trusted one."""
    rewarded: Mapping[str, Collection[str]]
    """By model: hosts with a node of it in the epoch before that were paid for that epoch."""
    share: Fraction
    guardians: Collection[str] = ()


def draw_preserved(draw: EpisodeDraw) -> Preserved:
    """Return the ids of the nodes that keep their weight in this episode, by host. Reference: network 2.8."""
    chosen: dict[str, set[int]] = defaultdict(set)
    everybody = sorted(who for who, models in draw.node_weights.items() if any(models.values()))
    for model in list_models(draw.node_weights):
        for node in _give_turns(draw, model, everybody):
            chosen[node.address].add(node.node_id)
    return {who: frozenset(ids) for who, ids in sorted(chosen.items())}


def _give_turns(draw: EpisodeDraw, model: str, everybody: Sequence[str]) -> Iterator[ModelNode]:
    """Steps 1 to 4 for one model."""
    hosts = {who: models[model] for who, models in sorted(draw.node_weights.items()) if models.get(model)}
    powers = draw.voting_powers.get(model, {})
    able = list_able(hosts, powers, draw.total, draw.guardians)
    drawn = draw_rewarded(able, draw, model, everybody)
    free = leave_proof(
        {who: able[who] for who in drawn},
        {who: sum(nodes.values()) for who, nodes in hosts.items()},
        powers,
        math.trunc(MOST_UNPROVEN * draw.total),
    )
    weight = sum(sum(nodes.values()) for nodes in hosts.values())
    yield from take_until(free, math.trunc((draw.share or DEFAULT_SHARE) * weight))


def find_big(powers: Mapping[str, int], total: int) -> int:
    """Return the least power of a big host; 0, so that each is big, where all do not reach three quarters together.

    Reference: network 2.8.1.
    """
    return walk_down(list(powers.values()), BIG_HOSTS_PERCENT * total // 100).limit


def compute_model_cuts(hosts: Mapping[str, Mapping[int, int]], powers: Mapping[str, int], total: int) -> dict[str, Cut]:
    """Return what each host of a model may give: `hosts` are weights by node, guardians among them.

    Reference: network 2.8.1.
    """
    big_from = find_big(powers, total)
    bound = compute_outlier_bound([weight for nodes in hosts.values() for weight in nodes.values()])
    return {
        who: cut_host(list(nodes.values()), bound, is_big=powers.get(who, 0) >= big_from)
        for who, nodes in hosts.items()
    }


def list_able(
    hosts: Mapping[str, Mapping[int, int]], powers: Mapping[str, int], total: int, guardians: Collection[str]
) -> dict[str, list[ModelNode]]:
    """Return the nodes that may be preserved, lightest first, of hosts that have any. Reference: network 2.8.1."""
    cuts = compute_model_cuts(hosts, powers, total)
    nodes = [
        ModelNode(who, node_id, weight)
        for who, mine in hosts.items()
        if who not in guardians
        for node_id, weight in mine.items()
    ]
    return {who: light for who, light in select_eligible(nodes, cuts).items() if light}


def draw_rewarded(able: Collection[str], draw: EpisodeDraw, model: str, everybody: Sequence[str]) -> list[str]:
    """Draw a half and one of the able hosts among those with history; nobody in epoch 0. Reference: network 2.8.2."""
    if draw.epoch_index == 0:
        return []
    known = sorted(set(able).intersection(draw.rewarded.get(model, ())))
    return shuffle_hosts(known, everybody, model, draw.epoch_index, draw.anchor_height)[: len(able) // 2 + 1]


def leave_proof(
    able: Mapping[str, Sequence[ModelNode]], whole: Mapping[str, int], powers: Mapping[str, int], limit: int
) -> dict[str, list[ModelNode]]:
    """Take nodes in the drawn order; the one that would leave its host nothing to prove needs room below the limit.

    `whole` are the hosts' weights in the model. The first node without room ends its host's list. Reference: network
    2.8.3.
    """
    held, free = 0, {}
    for who, nodes in able.items():
        taken, mine = 0, list[ModelNode]()
        for node in nodes:
            if taken + node.weight >= whole[who]:
                if not may_prove_nothing(held, powers.get(who, 0), limit):
                    break
                held += powers.get(who, 0)
            taken += node.weight
            mine.append(node)
        free[who] = mine
    return free
