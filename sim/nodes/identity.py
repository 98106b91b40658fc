"""Identities of hosts and their ML nodes, as the scenario names them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from pow.devices import auto_batch_size, gpu_groups
from pow.params import PRESETS
from sim.errors import UserError
from sim.gpus import load_gpu
from sim.protocol.proofs.early_share import GuardMode
from sim.scenario.changes import find_model_scheme
from sim.scenario.hosts import HostGroup, MLNodeConfig, describe_gpus
from sim.scenario.models import list_base_models
from sim.scenario.schema import BY_GPU, Scenario
from sim.scenario.stacks import get_answer_rate, get_stack, list_served
from sim.strategies import strategies
from sim.strategies.actions import Delegate, Intend, Refuse
from sim.strategies.base import MLNode
from sim.streams import Streams

MIB_PER_GIB = 1024
FREE_SHARE = 0.99  # of a card's nominal memory: 79.2 of 80 GiB on an H100 (protocol 7.3)


@dataclass(frozen=True)
class HostIdentity:
    """A host's name and its entry in the scenario."""

    address: str
    host_group: str
    region: str
    strategy_name: str
    gpus: str
    joins: int
    operator: str
    """Name of the operator that decides for it; the host's own address where the scenario names none."""
    stances: tuple[Delegate | Refuse | Intend, ...] = ()
    """What it says about models, as the scenario names them."""
    guard_mode: GuardMode = GuardMode.ENFORCE
    """Of its early-share guard."""


def name_hosts(scenario: Scenario, streams: Streams) -> list[HostIdentity]:
    """All hosts in the order of joining, then of the file: "datacenter-0", "datacenter-1", …"""
    identities = [
        HostIdentity(
            address=address,
            host_group=group.name,
            region=_choose_region(group.region, address, streams),
            strategy_name=strategies.name_of(group.strategy),
            gpus=describe_gpus(group.gpus),
            joins=group.joins,
            operator=address if group.operator is None else group.operator,
            stances=_list_stances(group),
            guard_mode=GuardMode(group.early_share_guard),
        )
        for group in scenario.hosts
        for address in group.addresses
    ]
    return sorted(identities, key=lambda identity: identity.joins)


def _list_stances(group: HostGroup) -> tuple[Delegate | Refuse | Intend, ...]:
    return (
        *(Delegate(each.model, each.to) for each in group.delegates),
        *map(Refuse, group.refuses),
        *map(Intend, group.intents),
    )


def _choose_region(region: str | Mapping[str, float], address: str, streams: Streams) -> str:
    """Return the group's region, or draw the host's by the shares from a stream of its own."""
    if isinstance(region, str):
        return region
    names = sorted(region)
    shares = [region[name] for name in names]
    return names[int(streams("topology", "region", address).choice(len(names), p=shares))]


def gather_operators(identities: Iterable[HostIdentity]) -> dict[str, tuple[str, ...]]:
    """Return the hosts of each operator, in the order of joining."""
    gathered: dict[str, tuple[str, ...]] = {}
    for who in identities:
        gathered[who.operator] = (*gathered.get(who.operator, ()), who.address)
    return gathered


def build_ml_nodes(group: HostGroup, scenario: Scenario) -> list[MLNode]:
    """Divide each machine's GPUs into groups; a group works at the rate of one GPU (protocol 7.2, 7.4 [I])."""
    nodes, work = [], scenario.work
    for node_id, machine in enumerate(group.gpus, start=1):
        gpu_indices = gpu_groups(machine.vram_gib, work.min_group_vram_gib)
        nodes.append(
            MLNode(
                node_id=node_id,
                gpu=machine.gpu,
                n_gpus=machine.n_gpus,
                n_gpu_groups=len(gpu_indices),
                group_nonces_per_second=machine.get_group_rate(len(gpu_indices)) * work.rate_factor,
                group_answers_per_second=_get_answer_rates(group, machine, scenario, max(1, len(gpu_indices))),
                stack=get_stack(group, machine),
                dtype=load_gpu(machine.gpu).numerics if work.dtype == BY_GPU else work.dtype,
                model=machine.model or group.model or list_base_models(scenario.protocol)[0],
                follows_base=machine.model is None and group.model is None,
                is_registered=node_id <= len(group.gpus) - group.unregistered,
                batch_size=1 if work.batches == "smooth" else _size_batches(machine, gpu_indices, work.rate_factor),
            )
        )
    return nodes


def _get_answer_rates(group: HostGroup, machine: MLNodeConfig, scenario: Scenario, n_groups: int) -> dict[str, float]:
    """Rate of a GPU group by model; a node proves nothing with a model of which no rate is known."""
    rates = dict[str, float]()
    scheme = find_model_scheme(scenario.protocol)
    if scheme is not None:
        for model in list_served(group, machine, scenario.protocol):
            with suppress(UserError):
                rates[model] = get_answer_rate(model, machine, scheme) / n_groups * scenario.work.rate_factor
    return rates


def _size_batches(machine: MLNodeConfig, groups: Sequence[Sequence[int]], rate_factor: float) -> int:
    """Return the size that main net's rule gives to the group with the least memory, for a batch as long as there.

    Rates are main net's times a factor, so that its sizes times the same factor take as long. Reference: protocol 7.3
    """
    free_mib = [FREE_SHARE * vram_gib * MIB_PER_GIB for vram_gib in machine.vram_gib]
    sizes = [auto_batch_size([free_mib[gpu] for gpu in group], PRESETS["mainnet"]) for group in groups]
    return max(1, round(min(sizes, default=1) * rate_factor))
