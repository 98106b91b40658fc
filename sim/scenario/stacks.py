"""Stacks and rates of hosts that prove compute by answers: every two that check each other need a law of distances."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sim.errors import UserError
from sim.problems import Loc, Problem
from sim.scenario.changes import find_model_scheme
from sim.scenario.hosts import HostGroup, MLNodeConfig
from sim.scenario.models import list_base_models
from sim.work.rates import get_nonces_per_second
from sim.work.stacks import NO_MARGINS, PairTable, get_default_stack, load_pairs, load_shipped_pairs


def get_stack(group: HostGroup, node: MLNodeConfig) -> str:
    """Return the software and card that compute on an ML node."""
    return group.stack or get_default_stack(node.gpu)


def get_answer_rate(model: str, node: MLNodeConfig, scheme: str) -> float:
    """Return an ML node's nonces per second: its own rate, else what is published for scheme, model and its GPUs.

    Raises UserError, with the nearest name, where neither is known.
    """
    if node.nonces_per_second is not None:
        return node.nonces_per_second
    return get_nonces_per_second(model, node.gpu, scheme) * node.n_gpus


def find_answer_problems(scenario: Any, models: frozenset[str]) -> Iterator[Problem]:
    """Yield nodes that serve one of governance's `models` without a known rate, or with a stack that has no pair."""
    scheme = find_model_scheme(scenario.protocol)
    if scheme is None:
        return
    met: dict[str, list[str]] = {}
    for loc, group, node in _list_nodes(scenario):
        for model in list_served(group, node, scenario.protocol):
            if model in models:
                yield from _find_node_problems(scenario, scheme, loc, group, node, model, met.setdefault(model, []))


def list_served(group: HostGroup, node: MLNodeConfig, protocol: Any) -> tuple[str, ...]:
    """Return the models that an ML node serves in the course of a scenario."""
    named = node.model or group.model
    return tuple(dict.fromkeys(list_base_models(protocol))) if named is None else (named,)


def _find_node_problems(
    scenario: Any, scheme: str, loc: Loc, group: HostGroup, node: MLNodeConfig, model: str, others: list[str]
) -> Iterator[Problem]:
    """`others` are the stacks of the model that can check each other; the node's joins them."""
    try:
        get_answer_rate(model, node, scheme)
    except UserError as error:
        yield Problem(loc, f"{error} Write the rate, for instance {node.n_gpus} x {node.gpu} at 20 nonces/s")
    stack = get_stack(group, node)
    if stack not in others:
        others.append(stack)
        if scenario.work.kind == "sphere" and (problem := _get_pairs(scenario, scheme).find_problem(model, others)):
            yield Problem((*loc[:2], "stack") if group.stack else loc, problem)
            others.remove(stack)


def _list_nodes(scenario: Any) -> Iterator[tuple[Loc, HostGroup, MLNodeConfig]]:
    for index, group in enumerate(scenario.hosts):
        for position, node in enumerate(group.gpus):
            yield ("hosts", index, "gpus", *([position] if len(group.gpus) > 1 else [])), group, node


def _get_pairs(scenario: Any, scheme: str) -> PairTable:
    if scenario.work.pairs is not None:
        return load_pairs(scenario.work.pairs)
    return load_shipped_pairs() if scheme == "answers" else NO_MARGINS
