"""A second implementation of the choice of preserved nodes from v0.2.5 on, one node after the other (protocol 5.2).

Nodes are (host, id, weight), a model is a list of them. It shares with the first one the shuffle only, which the
network's own would replace.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from fractions import Fraction
from math import floor

import numpy as np

Node = tuple[str, int, int]


def walk(weights: list[int], percent: int) -> tuple[int, int]:
    """(limit, count) of a cut."""
    if not weights:
        return 0, 0
    if len(weights) == 1:
        return weights[0] - 1, 0
    left = sorted(weights)
    goal = sum(left) * percent // 100
    n = total = 0
    while True:
        w = left.pop()
        n, total = n + 1, total + w
        if total >= goal:
            break
    if left and left[0] < w:
        return w - 1, 0
    return w, n


def bound(weights: list[int]) -> int:
    """Heaviest weight that is no outlier, 0 for any."""
    w = sorted(weights)
    if len(w) == 1:
        return w[0]
    q1, q3 = (w[len(w) * k // 4] for k in (1, 3)) if w else (0, 0)
    return q3 + (3 * (q3 - q1)) // 2 + 1 if q3 > q1 else 0


def limits(models: Mapping[str, list[Node]]) -> dict[str, tuple[int, int]]:
    """Host -> (limit, count)."""
    everything = [node for nodes in models.values() for node in nodes]
    weight = {who: sum(w for host, _, w in everything if host == who) for who, _, _ in everything}
    least, _ = walk(list(weight.values()), 75)
    outlier = bound([w for _, _, w in everything])
    found = {}
    for who in weight:
        mine = [w for host, _, w in everything if host == who]
        own, count = walk(mine, 25) if weight[who] >= least else (0, 0)
        if own and outlier:
            own = min(own, outlier)
        found[who] = (own or outlier, count)
    return found


def list_free(nodes: list[Node], cuts: Mapping[str, tuple[int, int]], last: Collection[tuple[str, int]]) -> list[Node]:
    """Eligible nodes of a model, each host's from the lightest on; those in `last` come last."""
    free: list[Node] = []
    for host in dict.fromkeys(host for host, _, _ in nodes):
        limit, count = cuts[host]
        mine = [node for node in nodes if node[0] == host and (limit == 0 or node[2] <= limit)]
        fresh = sorted((w, i) for _, i, w in mine if (host, i) not in last)
        stale = sorted((w, i) for _, i, w in mine if (host, i) in last)
        ordered = [(host, i, w) for w, i in fresh + stale]
        free += ordered[:count] if count else ordered
    return free


def draw(
    epoch: int, model: str, models: Mapping[str, list[Node]], able: set[str], served: Collection[str]
) -> list[str]:
    """The hosts that take part, in the drawn order."""
    candidates = sorted({host for host, _, _ in models[model]} & able)
    known = [host for host in candidates if host in served]
    names = " ".join(sorted({host for nodes in models.values() for host, _, _ in nodes}))
    digest = hashlib.sha256(f"[{names}]".encode()).hexdigest()[:16]
    seed = hashlib.sha256(f"filter_{epoch}_{digest}_{model}".encode()).digest()[:8]
    order = np.random.default_rng(int.from_bytes(seed, "big")).permutation(len(known))
    return [known[place] for place in order][: min(len(candidates) // 2 + 1, len(known))]


def choose(
    epoch: int,
    models: Mapping[str, list[Node]],
    capped: Mapping[str, int],
    served: Mapping[str, Collection[str]],
    share: float,
    last: Collection[tuple[str, int]] = (),
    drawn: Mapping[str, list[str]] | None = None,
) -> set[tuple[str, int]]:
    """(host, id) of the nodes that are preserved; `drawn` takes the draw's place."""
    if epoch <= 1:
        return set()
    cuts = limits(models)
    free = {model: list_free(nodes, cuts, last) for model, nodes in models.items()}
    able = {host for nodes in free.values() for host, _, _ in nodes}
    whole = {who: sum(w for nodes in models.values() for host, _, w in nodes if host == who) for who in cuts}
    most = 34 * sum(capped.values()) // 100
    had = dict.fromkeys(cuts, 0)
    bare: list[str] = []
    chosen = set()
    taken: dict[str, list[Node]] = {}
    for model in models:
        order = drawn[model] if drawn else draw(epoch, model, models, able, served.get(model, ()))
        taken[model] = []
        for who in order:
            for node in [node for node in free[model] if node[0] == who]:
                if who not in bare and had[who] + node[2] >= whole[who]:
                    if sum(whole[other] for other in bare) + whole[who] >= most:
                        break
                    bare.append(who)
                had[who] += node[2]
                taken[model].append(node)
    for model, nodes in models.items():
        target, total = floor(Fraction(str(share)) * sum(w for _, _, w in nodes)), 0
        waiting = {who: [node for node in taken[model] if node[0] == who] for who in sorted(cuts)}
        while total < target and any(waiting.values()):
            for mine in waiting.values():
                if mine and total < target:
                    host, i, w = mine.pop(0)
                    chosen.add((host, i))
                    total += w
    return chosen
