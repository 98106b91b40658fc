"""What must fit together across the fields of a scenario.

These checks read a finished Scenario or a raw tree that has other mistakes in it, so that one mistake does not hide
another: a part that cannot be understood is left out, for its own type reports it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeGuard, TypeVar

from pow.devices import GROUP_SIZES, MAINNET_MIN_GROUP_VRAM_GIB, TESTNET_MIN_GROUP_VRAM_GIB, gpu_groups
from sim.errors import UserError
from sim.problems import Problem
from sim.protocol.params import EpochParams
from sim.protocol.stages import Schedule
from sim.scenario.hosts import MAX_HOSTS_PER_GROUP, MLNodeConfig, host_addresses, is_share, parse_joins, parse_ml_nodes
from sim.topologies import NamesHosts, topologies
from sim.topologies.regions_data import RegionTable, load_region_table

T = TypeVar("T")
SHARES_ERROR = 1e-9


@dataclass(frozen=True)
class _Host:
    """What could be understood of one host group."""

    index: int
    name: str | None
    count: int | None
    region: object
    joins: int | None
    ml_nodes: tuple[MLNodeConfig, ...]


def scenario_problems(scenario: object) -> list[Problem]:
    """Return what does not fit together in a Scenario or in the raw tree of one."""
    hosts = list(_read_hosts(_get(scenario, "hosts")))
    problems = [problem.below("protocol") for problem in schedule_problems(_get(scenario, "protocol"))]
    problems += [problem.below("network") for problem in network_problems(_get(scenario, "network"))]
    problems += _name_problems(hosts)
    problems += _epoch_problems(hosts, _get(scenario, "epochs"))
    problems += _gpu_problems(hosts, _get(_get(scenario, "work"), "params"))
    problems += _region_problems(hosts, _get(_get(scenario, "network"), "topology"))
    problems += _topology_problems(hosts, _get(_get(scenario, "network"), "topology"))
    return problems


def schedule_problems(protocol: object) -> list[Problem]:
    """Return what keeps the stages from fitting into an epoch. Reference: protocol 1.1."""
    lengths = {field.name: _get(protocol, field.name, field.default) for field in fields(EpochParams)}
    if not all(_is_count(length) for length in lengths.values()):
        return []
    params = EpochParams(**lengths)
    schedule = Schedule(index=1, start=0, params=params)
    problems = []
    if schedule.claim >= schedule.next_start:
        message = (
            f"{params.epoch_length} blocks are too few: generation, delay, validation and the new validators' delay "
            f"end at block {schedule.set_validators}, rewards are claimed at {schedule.claim}, "
            f"so the epoch needs at least {schedule.claim + 1}"
        )
        problems.append(Problem(("epoch_length",), message))
    if schedule.last_batch > schedule.validation_end:
        most = schedule.validation_end - schedule.generation_end
        message = (
            f"{params.poc_exchange_duration} must be at most {most} (poc_validation_delay + poc_validation_duration): "
            "a batch that arrives when the weights are formed counts for nothing"
        )
        problems.append(Problem(("poc_exchange_duration",), message))
    if params.epoch_shift >= params.epoch_length:
        message = f"{params.epoch_shift} must be less than epoch_length, {params.epoch_length}"
        problems.append(Problem(("epoch_shift",), message))
    return problems


def network_problems(network: object) -> list[Problem]:
    """Return what the tier `paths` cannot do: its arrivals are known when a message starts."""
    if _get(network, "tier") != "paths":
        return []
    message = "the tier `paths` knows no {}; take `tier: events` (or `auto`, which does)"
    problems = []
    if _get(network, "loss", 0) != 0:
        problems.append(Problem(("loss",), message.format("losses")))
    if _get(network, "announce_above") is not None:
        problems.append(Problem(("announce_above",), message.format("announcements")))
    return problems


def _name_problems(hosts: Sequence[_Host]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for host in hosts:
        if host.name is not None and first.setdefault(host.name, host.index) != host.index:
            message = f'"{host.name}" is already the name of hosts.{first[host.name]}'
            yield Problem(("hosts", host.index, "name"), message)


def _epoch_problems(hosts: Sequence[_Host], epochs: object) -> Iterator[Problem]:
    joins = [host.joins for host in hosts if host.joins is not None]
    if hosts and len(joins) == len(hosts) and min(joins) > 1:
        message = f"some host must join at epoch 1; the first joins at epoch {min(joins)}"
        yield Problem(("hosts",), message)
    for host in hosts:
        if host.joins is not None and _is_count(epochs) and host.joins > epochs:
            message = f"epoch {host.joins} is after the last epoch, {epochs}"
            yield Problem(("hosts", host.index, "joins"), message)


def _gpu_problems(hosts: Sequence[_Host], params: object) -> Iterator[Problem]:
    minimum = TESTNET_MIN_GROUP_VRAM_GIB if params == "testnet" else MAINNET_MIN_GROUP_VRAM_GIB
    sizes = ", ".join(str(size) for size in GROUP_SIZES[:-1])
    for host in hosts:
        for position, node in enumerate(host.ml_nodes):
            if not gpu_groups(node.vram_gib, minimum):
                message = (
                    f"{node} can do no work: a group of {sizes} or {GROUP_SIZES[-1]} GPUs needs at least "
                    f"{minimum:g} GiB together, and each has {node.vram_gib[0]:g} GiB (protocol 7.2)"
                )
                yield Problem(("hosts", host.index, "gpus", *([position] if len(host.ml_nodes) > 1 else [])), message)


def _region_problems(hosts: Sequence[_Host], topology: object) -> Iterator[Problem]:
    built = _quiet(topologies.build, "regions" if topology is None else topology)
    data = _get(topology if built is None else built, "data")
    if not isinstance(data, str):
        return
    try:
        table = load_region_table(data)
    except UserError as error:
        yield Problem(("network", "topology", "data"), str(error))
        return
    for host in hosts:
        for problem in _region_mistakes(table, host.region):
            yield problem.below("hosts", host.index, "region")


def _region_mistakes(table: RegionTable, region: Any) -> Iterator[Problem]:
    """Of a region's name, or of shares by name; whatever else stands there has no valid type."""
    is_mapping = isinstance(region, Mapping)
    for name in region if is_mapping else [region]:
        try:
            if isinstance(name, str):
                table.index(name)
        except UserError as error:
            yield Problem((name,) if is_mapping else (), str(error))
    shares = list(region.values()) if is_mapping else [1.0]
    if all(map(is_share, shares)) and abs(sum(shares) - 1.0) > SHARES_ERROR:
        yield Problem((), f"the shares must sum to 1, not {math.fsum(shares):g}")


def _topology_problems(hosts: Sequence[_Host], topology: object) -> list[Problem]:
    """Ask a topology that names hosts, once it is known who they are and when they join."""
    built = _quiet(topologies.build, "regions" if topology is None else topology)
    if not hosts or not isinstance(built, NamesHosts):
        return []
    waves: dict[int, list[str]] = {}
    for host in hosts:
        if host.name is None or host.count is None or host.joins is None:
            return []
        waves.setdefault(host.joins, []).extend(host_addresses(host.name, host.count))
    return [problem.below("network", "topology") for problem in built.find_problems(waves)]


def _read_hosts(hosts: object) -> Iterator[_Host]:
    for index, host in enumerate(hosts if isinstance(hosts, (list, tuple)) else []):
        name, count = _get(host, "name"), _get(host, "count", 1)
        joins = _quiet(parse_joins, _get(host, "joins", 1))
        yield _Host(
            index=index,
            name=name if isinstance(name, str) else None,
            count=count if _is_count(count) and count <= MAX_HOSTS_PER_GROUP else None,
            region=_get(host, "region"),
            joins=joins if _is_count(joins) else None,
            ml_nodes=_quiet(parse_ml_nodes, _get(host, "gpus")) or (),
        )


def _get(section: object, key: str, default: Any = None) -> Any:
    """Return the part of a model, or of a mapping that may lack it; of anything else, the default."""
    if isinstance(section, Mapping):
        return section.get(key, default)
    return getattr(section, key, default)


def _quiet(read: Callable[[Any], T], value: object) -> T | None:
    """Return None for a value that cannot be read: whoever validates it reports why."""
    try:
        return read(value)
    except (ValueError, UserError):
        return None


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
