"""The model and the weight of each ML node of an epoch: preserved and fresh ones together (network 2.9.1, 2.9.2)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

NodeWeights = Mapping[str, Mapping[str, Mapping[int, int]]]
"""Raw weight by host, model and id of the ML node."""
ModelsByNode = Mapping[str, Mapping[int, Collection[str]]]
"""Models that hosts have registered their ML nodes with, by host and id; a host without a list is absent."""


def list_models(nodes: NodeWeights) -> list[str]:
    """Return the names of all models with a node, in order."""
    return sorted({model for models in nodes.values() for model, mine in models.items() if mine})


def keep_heaviest(nodes: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Return weight by id, in the order of ids; of a doubled id the heaviest counts. Reference: network 2.8, 2.9.2."""
    kept: dict[int, int] = {}
    for node_id, weight in nodes:
        kept[node_id] = max(weight, kept.get(node_id, weight))
    return dict(sorted(kept.items()))


def merge_preserved(fresh: NodeWeights, preserved: NodeWeights) -> dict[str, dict[str, dict[int, int]]]:
    """Join both by id within each model; of the same id the preserved one wins. Reference: network 2.9.1."""
    merged: dict[str, dict[str, dict[int, int]]] = {}
    for who in sorted({*fresh, *preserved}):
        mine, kept = fresh.get(who, {}), preserved.get(who, {})
        merged[who] = {
            model: dict(sorted({**mine.get(model, {}), **kept.get(model, {})}.items()))
            for model in sorted({*mine, *kept})
        }
    return merged


def seat_by_hardware(
    proved: NodeWeights, hardware: ModelsByNode, models: Collection[str]
) -> dict[str, dict[str, dict[int, int]]]:
    """Until v0.2.15: a node counts for the first of the governance `models` that it is registered with.

    Whatever it has proved: its count moves with it. One that is registered with none is dropped; a host without a list
    keeps what it has proved. Reference: network 2.9.2.
    """
    ordered = sorted(models)
    return {
        who: _seat_host(mine, hardware[who], ordered) if who in hardware else seat_by_results({who: mine})[who]
        for who, mine in proved.items()
    }


def seat_by_results(proved: NodeWeights) -> dict[str, dict[str, dict[int, int]]]:
    """v0.2.16: a node counts for the model that it has proved. Reference: network 2.9.2."""
    return {
        who: {model: dict(nodes) for model, nodes in sorted(models.items()) if nodes} for who, models in proved.items()
    }


def _seat_host(
    mine: Mapping[str, Mapping[int, int]], registered: Mapping[int, Collection[str]], ordered: Sequence[str]
) -> dict[str, dict[int, int]]:
    seated: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for nodes in mine.values():
        for node_id, weight in nodes.items():
            seat = next((model for model in ordered if model in registered.get(node_id, ())), None)
            if seat is not None:
                seated[seat].append((node_id, weight))
    return {model: keep_heaviest(seated[model]) for model in sorted(seated)}


def sum_by_model(seated: NodeWeights) -> dict[str, dict[str, int]]:
    """Return the members of each model with the sum of their nodes there, by model and host."""
    sums: dict[str, dict[str, int]] = {model: {} for model in list_models(seated)}
    for who, models in sorted(seated.items()):
        for model, nodes in models.items():
            if nodes:
                sums[model][who] = sum(nodes.values())
    return sums
