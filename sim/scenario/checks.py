"""Checks across the fields of a scenario.

These checks read a finished Scenario or a raw tree that has other mistakes in it, so that one mistake does not hide
another: a part that cannot be understood is left out, for its own type reports it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from itertools import pairwise
from typing import Any

from pydantic import BaseModel

from pow.devices import GROUP_SIZES, MAINNET_MIN_GROUP_VRAM_GIB, TESTNET_MIN_GROUP_VRAM_GIB
from sim.errors import UserError
from sim.problems import Problem
from sim.protocol.blocks.params import EpochChange, EpochParams, get_epoch_at
from sim.protocol.blocks.stages import Schedule, find_broken_edge
from sim.protocol.consensus.transactions import (
    CLAIM_BYTES,
    ENVELOPE_BYTES,
    HEADER_BYTES,
    NODE_BYTES,
    REGISTRATION_BYTES,
    SEED_BYTES,
    VALIDATION_BYTES,
)
from sim.protocol.money.pricing import MAINNET_PRICING
from sim.scenario.fault_checks import fault_problems
from sim.scenario.hosts import count_gpu_groups, host_addresses, is_share, parse_joins
from sim.scenario.models import model_problems
from sim.scenario.raw import RawHost, get, is_count, read_hosts, read_or_none
from sim.scenario.strategy_checks import strategy_problems
from sim.topologies import NamesHosts, topologies
from sim.topologies.regions_data import RegionTable, load_region_table
from sim.units import SIZE, parse_quantity

SMALLEST_UNLIMITED = 4  # fewer members have larger limits of their own
ROUNDING = 1e-9
QUIET_EPOCHS = 4  # after a change: until then it has worked itself out


def scenario_problems(scenario: object) -> list[Problem]:
    """Return the problems between fields of a Scenario or of the raw tree of one."""
    hosts = list(read_hosts(get(scenario, "hosts")))
    problems = [problem.below("protocol") for problem in schedule_problems(get(scenario, "protocol"))]
    lengths = _read_epoch_params(get(scenario, "protocol"))
    if not problems and lengths is not None and lengths.epoch_length:  # changes start from lengths that fit
        problems += _change_problems(get(scenario, "protocol"))
    problems += [problem.below("network") for problem in network_problems(get(scenario, "network"))]
    problems += [problem.below("inference") for problem in price_problems(get(scenario, "inference"))]
    problems += _name_problems(hosts)
    problems += _epoch_problems(hosts, get(scenario, "epochs"))
    problems += _registration_problems(hosts)
    problems += model_problems(scenario, hosts)
    problems += strategy_problems(scenario)
    problems += _upgrade_problems(get(get(scenario, "protocol"), "upgrades"), get(scenario, "epochs"))
    problems += _block_problems(hosts, get(get(scenario, "protocol"), "block_max_bytes"))
    problems += _cap_problems(hosts, get(get(scenario, "protocol"), "max_individual_power_percentage"))
    problems += _gpu_problems(hosts, get(get(scenario, "work"), "params"))
    problems += _region_problems(hosts, get(get(scenario, "network"), "topology"))
    problems += _topology_problems(hosts, get(get(scenario, "network"), "topology"))
    problems += fault_problems(get(scenario, "faults"), hosts, get(get(scenario, "network"), "tier"))
    return problems


def price_problems(inference: object) -> list[Problem]:
    """Return which bounds of prices stand in the wrong order. Reference: protocol 6.6."""
    ascending = ("min_price", "base_price", "max_price"), ("stable_from", "stable_to")
    problems = []
    for low, high in (pair for keys in ascending for pair in pairwise(keys)):
        least, most = (_read_price(inference, key) for key in (low, high))
        if least is None or most is None or least <= most:
            continue
        if _is_given(inference, high):
            problems.append(Problem((high,), f"{most:g} must be at least {low}, {least:g}"))
        else:
            problems.append(Problem((low,), f"{least:g} must be at most {high}, {most:g}"))
    return problems


def _is_given(section: object, key: str) -> bool:
    """Whether the user wrote the key."""
    return key in section.model_fields_set if isinstance(section, BaseModel) else get(section, key) is not None


def _read_price(inference: object, key: str) -> float | None:
    """A number that is given, or the default; None for what its own type reports."""
    given, default = get(inference, key), getattr(MAINNET_PRICING, key)
    value = float(default) if given is None else given
    known = int if isinstance(default, int) and given is not None else (int, float)
    return value if isinstance(value, known) and not isinstance(value, bool) and value >= 0 else None


def schedule_problems(protocol: object) -> list[Problem]:
    """Return the problems that keep the stages from fitting into an epoch. Reference: protocol 1.1."""
    params = _read_epoch_params(protocol)
    if params is None or not params.epoch_length:
        return []
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


def _change_problems(protocol: object) -> Iterator[Problem]:
    """Heights of changes rise, lengths fit together after each, and no edge of an epoch is missed or comes twice."""
    listed = get(protocol, "changes")
    genesis = lengths = _read_epoch_params(protocol)
    known: list[EpochChange] = []
    for index, change in enumerate(listed if isinstance(listed, (list, tuple)) else []):
        loc, height = ("protocol", "changes", index), get(change, "height")
        changed = _read_epoch_params(change, lengths)
        if not is_count(height) or height == 0 or changed is None or not changed.epoch_length:
            return
        if known and height <= known[-1].height:
            yield Problem((*loc, "height"), f"block {height} must be after block {known[-1].height}")
            return
        if problems := schedule_problems(replace(changed, epoch_shift=0)):  # the shift acts at genesis only
            yield from (problem.below(*loc) for problem in problems)
            return
        known.append(EpochChange(height, changed))
        lengths = changed
    if known and genesis is not None:
        yield from _edge_problems(genesis, known)


def _edge_problems(genesis: EpochParams, changes: Sequence[EpochChange]) -> Iterator[Problem]:
    """Walk over the blocks until every change has worked itself out in the epochs that it touches."""
    moved = _move_together(genesis, changes)
    heights = [change.height for change in moved]
    last = heights[-1] + 2 * max(change.epoch.epoch_length for change in moved)
    broken = find_broken_edge(last, lambda height: get_epoch_at(height, genesis, moved), heights)
    if broken is not None:
        height, what = broken
        guilty = max(index for index, at in enumerate(heights) if at <= height)
        height += changes[guilty].height - heights[guilty]
        message = f"with these lengths {what} at block {height}; change them in another block"
        yield Problem(("protocol", "changes", guilty, "height"), message)


def _move_together(genesis: EpochParams, changes: Sequence[EpochChange]) -> list[EpochChange]:
    """Leave out whole epochs in which nothing changes: what a change does depends on its place in an epoch alone."""
    moved, before, now, lengths = list[EpochChange](), 0, 0, genesis
    for change in changes:
        gap = change.height - before
        n_left_out = max(0, gap // lengths.epoch_length - QUIET_EPOCHS)
        now += gap - n_left_out * lengths.epoch_length
        moved.append(EpochChange(now, change.epoch))
        before, lengths = change.height, change.epoch
    return moved


def _read_epoch_params(section: object, before: EpochParams | None = None) -> EpochParams | None:
    """Return the lengths that a section gives, others as before; None where one cannot be understood."""
    lengths = {field.name: get(section, field.name) for field in fields(EpochParams)}
    lengths = {name: getattr(before or EpochParams(), name) if got is None else got for name, got in lengths.items()}
    return EpochParams(**lengths) if all(is_count(length) for length in lengths.values()) else None


def _upgrade_problems(upgrades: object, epochs: object) -> Iterator[Problem]:
    """Epochs of upgrades rise, and none lies outside the run."""
    before = 1
    for index, upgrade in enumerate(upgrades if isinstance(upgrades, (list, tuple)) else []):
        epoch, loc = read_or_none(parse_joins, get(upgrade, "epoch")), ("protocol", "upgrades", index, "epoch")
        if not is_count(epoch) or epoch == 0:
            continue
        if epoch <= before:
            after = "the version of epoch 1 is protocol.version" if before == 1 else "upgrades stand in rising order"
            yield Problem(loc, f"epoch {epoch} must be after epoch {before}: {after}")
        elif is_count(epochs) and epoch > epochs:
            yield Problem(loc, f"epoch {epoch} is after the last epoch, {epochs}")
        before = max(before, epoch)


def _block_problems(hosts: Sequence[RawHost], block_max_bytes: object) -> Iterator[Problem]:
    """Beside its header a block has room for every transaction of a fixed size, or it would wait for ever."""
    read = partial(parse_quantity, dimension=SIZE)
    most = block_max_bytes if isinstance(block_max_bytes, float) else read_or_none(read, block_max_bytes)
    n_nodes = max((len(host.ml_nodes) for host in hosts), default=0)
    registration = ENVELOPE_BYTES + REGISTRATION_BYTES + NODE_BYTES * n_nodes
    largest = max(registration, ENVELOPE_BYTES + max(SEED_BYTES, VALIDATION_BYTES, CLAIM_BYTES))
    least = HEADER_BYTES + largest
    if most is not None and 0 < most < least:
        what = "the registration of the largest host" if largest == registration else "a seed"
        message = f"{most:g} B must be at least {least} B: the header takes {HEADER_BYTES} B, {what} {largest} B"
        yield Problem(("protocol", "block_max_bytes"), message)


def _cap_problems(hosts: Sequence[RawHost], percentage: object) -> Iterator[Problem]:
    """A cap of zero, and a cap that many equal members could not keep, which is one too. Reference: protocol 5.3."""
    loc = ("protocol", "max_individual_power_percentage")
    if not isinstance(percentage, (int, float)) or isinstance(percentage, bool) or percentage < 0:
        return
    n_hosts = sum(host.count or 0 for host in hosts)
    if percentage == 0:
        yield Problem(loc, "0 leaves no member any weight, and the chain takes it for no cap; write null for no cap")
    elif n_hosts >= SMALLEST_UNLIMITED and percentage * n_hosts < 1 - ROUNDING:
        yield Problem(
            loc,
            f"{percentage:g} is too little for {n_hosts} hosts: so small shares add up to less than 1, "
            f"so that the cap becomes 0 and nobody keeps any weight; it must be at least 1/{n_hosts} "
            f"or null for no cap (protocol 5.3)",
        )


def _registration_problems(hosts: Sequence[RawHost]) -> Iterator[Problem]:
    for host in hosts:
        if host.ml_nodes and host.unregistered > len(host.ml_nodes):
            message = f"{host.unregistered} must be at most {len(host.ml_nodes)}, the number of ML nodes"
            yield Problem(("hosts", host.index, "unregistered"), message)


def network_problems(network: object) -> list[Problem]:
    """Return the settings that the tier `paths` does not know: its arrivals are known when a message starts."""
    if get(network, "tier") != "paths":
        return []
    message = "the tier `paths` knows no {}; take `tier: events` (or `auto`, which does)"
    problems = []
    if get(network, "loss", 0) != 0:
        problems.append(Problem(("loss",), message.format("losses")))
    if get(network, "announce_above") is not None:
        problems.append(Problem(("announce_above",), message.format("announcements")))
    return problems


def _name_problems(hosts: Sequence[RawHost]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for host in hosts:
        if host.name is not None and first.setdefault(host.name, host.index) != host.index:
            message = f'"{host.name}" is already the name of hosts.{first[host.name]}'
            yield Problem(("hosts", host.index, "name"), message)


def _epoch_problems(hosts: Sequence[RawHost], epochs: object) -> Iterator[Problem]:
    joins = [host.joins for host in hosts if host.joins is not None]
    if hosts and len(joins) == len(hosts) and min(joins) > 1:
        message = f"some host must join at epoch 1; the first joins at epoch {min(joins)}"
        yield Problem(("hosts",), message)
    for host in hosts:
        if host.joins is not None and is_count(epochs) and host.joins > epochs:
            message = f"epoch {host.joins} is after the last epoch, {epochs}"
            yield Problem(("hosts", host.index, "joins"), message)


def _gpu_problems(hosts: Sequence[RawHost], params: object) -> Iterator[Problem]:
    minimum = TESTNET_MIN_GROUP_VRAM_GIB if params == "testnet" else MAINNET_MIN_GROUP_VRAM_GIB
    sizes = ", ".join(str(size) for size in GROUP_SIZES[:-1])
    for host in hosts:
        for position, node in enumerate(host.ml_nodes):
            if not count_gpu_groups(node.vram_gib, minimum):
                message = (
                    f"{node} can do no work: a group of {sizes} or {GROUP_SIZES[-1]} GPUs needs at least "
                    f"{minimum:g} GiB together, and each has {node.vram_gib[0]:g} GiB (protocol 7.2)"
                )
                yield Problem(("hosts", host.index, "gpus", *([position] if len(host.ml_nodes) > 1 else [])), message)


def _region_problems(hosts: Sequence[RawHost], topology: object) -> Iterator[Problem]:
    built = read_or_none(topologies.build, "regions" if topology is None else topology)
    data = get(topology if built is None else built, "data")
    if not isinstance(data, str):
        return
    try:
        table = load_region_table(data)
    except UserError as error:
        yield from (Problem(("network", "topology", "data"), line) for line in str(error).splitlines())
        return
    for host in hosts:
        for problem in _region_mistakes(table, host.region):
            yield problem.below("hosts", host.index, "region")


def _region_mistakes(table: RegionTable, region: Any) -> Iterator[Problem]:
    """Of a region's name, or of shares by name; other values have no valid type."""
    is_mapping = isinstance(region, Mapping)
    for name in region if is_mapping else [region]:
        try:
            if isinstance(name, str):
                table.index(name)
        except UserError as error:
            yield Problem((name,) if is_mapping else (), str(error))
    shares = list(region.values()) if is_mapping else [1.0]
    if all(map(is_share, shares)) and abs(sum(shares) - 1.0) > ROUNDING:
        yield Problem((), f"the shares must sum to 1, not {math.fsum(shares):g}")


def _topology_problems(hosts: Sequence[RawHost], topology: object) -> list[Problem]:
    """Ask a topology that names hosts for its problems, once all hosts and their epochs of joining are known."""
    built = read_or_none(topologies.build, "regions" if topology is None else topology)
    if not hosts or not isinstance(built, NamesHosts):
        return []
    waves: dict[int, list[str]] = {}
    for host in hosts:
        if host.name is None or host.count is None or host.joins is None:
            return []
        waves.setdefault(host.joins, []).extend(host_addresses(host.name, host.count))
    return [problem.below("network", "topology") for problem in built.find_problems(waves)]
