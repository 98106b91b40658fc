"""Checks between the faults of a scenario, its hosts and its network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any

import numpy as np

from sim.errors import did_you_mean
from sim.problems import Loc, Problem
from sim.scenario.faults import build_directory, resolve
from sim.scenario.hosts import host_addresses
from sim.scenario.raw import RawHost, get, is_count, read_or_none
from sim.units import TIME, parse_quantity

MOST_LISTED = 30
Directory = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class _Fault:
    """The readable values of one fault."""

    index: int
    kind: str | None
    raw: object
    start_seconds: float
    end_seconds: float
    """inf: it does not end; the start where it cannot be read, so that nothing overlaps it."""

    def names(self, key: str) -> list[tuple[Loc, str]]:
        """Return the names at a key, each with its place; a text is a list of one."""
        value = get(self.raw, key)
        return _names(("faults", self.index, key), value)


def fault_problems(faults: object, hosts: Sequence[RawHost], tier: object) -> Iterator[Problem]:
    """Yield problems; `faults` may be a raw tree. Names are judged only where all hosts are known."""
    found = [_read(index, raw) for index, raw in enumerate(faults if isinstance(faults, (list, tuple)) else [])]
    for fault in found:
        if fault.kind == "loss" and tier == "paths":
            message = "the tier `paths` knows no losses; take `tier: events` (or `auto`, which does)"
            yield Problem(("faults", fault.index, "kind"), message)
    if found and hosts and all(host.name is not None and host.count is not None for host in hosts):
        directory = build_raw_directory(hosts)
        for fault in found:
            yield from _name_problems(fault, directory)
            yield from _side_problems(fault, directory)
            yield from _node_problems(fault, hosts, directory)
        yield from _overlap_problems(found, directory)


def _read(index: int, raw: object) -> _Fault:
    start, lasts = _seconds(get(raw, "at")), get(raw, "lasts")
    length = inf if lasts is None else _seconds(lasts)
    if start is None or length is None:
        start, length = 0.0, 0.0
    kind = get(raw, "kind")
    return _Fault(index, kind if isinstance(kind, str) else None, raw, start, start + length)


def _seconds(value: object) -> float | None:
    """Return a time of a scenario (seconds) or of a raw tree (text)."""
    return value if isinstance(value, float) else read_or_none(partial(parse_quantity, dimension=TIME), value)


def _names(loc: Loc, value: Any) -> list[tuple[Loc, str]]:
    if isinstance(value, str):
        return [(loc, value)]
    items = value if isinstance(value, (list, tuple)) else []
    if len(items) == 1 and isinstance(items[0], str):
        return [(loc, items[0])]  # a scenario that is read holds a list where its file may have a text
    return [((*loc, position), name) for position, name in enumerate(items) if isinstance(name, str)]


def _sides(fault: _Fault) -> list[list[tuple[Loc, str]]]:
    """Return the names on each side of a partition."""
    groups = get(fault.raw, "groups") if fault.kind == "partition" else None
    loc = ("faults", fault.index, "groups")
    return [
        _names((*loc, side), names) for side, names in enumerate(groups if isinstance(groups, (list, tuple)) else [])
    ]


def build_raw_directory(hosts: Sequence[RawHost]) -> dict[str, tuple[str, ...]]:
    """As in `build_directory`; a region that is drawn by share is known, with no host in it yet."""
    drawn = {str(name): () for host in hosts if isinstance(host.region, Mapping) for name in host.region}
    fixed = build_directory(
        (address, str(host.name), host.region if isinstance(host.region, str) else "")
        for host in hosts
        for address in host_addresses(str(host.name), host.count or 0)
    )
    return {**drawn, **{name: addresses for name, addresses in fixed.items() if name}}


def _name_problems(fault: _Fault, directory: Directory) -> Iterator[Problem]:
    named = [*fault.names("hosts"), *fault.names("to"), *(name for side in _sides(fault) for name in side)]
    for loc, name in named:
        if name not in directory:
            yield Problem(loc, f'no host, host group or region is called "{name}".{_suggest(name, directory)}')


def _suggest(name: str, directory: Directory) -> str:
    """Name the nearest; in a large network only groups and regions, for a thousand names would not be read."""
    known = [known for known, addresses in directory.items() if tuple(addresses) != (known,)]
    return did_you_mean(name, directory if len(directory) <= MOST_LISTED else known)


def _side_problems(fault: _Fault, directory: Directory) -> Iterator[Problem]:
    """A host stands on one side only."""
    seen: dict[str, int] = {}
    for side, named in enumerate(_sides(fault)):
        for loc, name in named:
            twice = next((host for host in directory.get(name, ()) if seen.setdefault(host, side) != side), None)
            if twice is not None:
                yield Problem(loc, f'"{twice}" stands on the side faults.{fault.index}.groups.{seen[twice]} already')


def _node_problems(fault: _Fault, hosts: Sequence[RawHost], directory: Directory) -> Iterator[Problem]:
    """Every host that an ML node's failure names has such a node."""
    node = get(fault.raw, "node")
    if fault.kind != "ml_node" or not is_count(node):
        return
    hit = _hit(fault, directory)
    for host in hosts:
        is_hit = not hit.isdisjoint(host_addresses(str(host.name), host.count or 0))
        if is_hit and host.ml_nodes and node > len(host.ml_nodes):
            message = f'{node} must be at most {len(host.ml_nodes)}, the number of ML nodes of a host of "{host.name}"'
            yield Problem(("faults", fault.index, "node"), message)


def _hit(fault: _Fault, directory: Directory) -> set[str]:
    """Return the hosts that a fault names; a fault without names means all."""
    names = [name for _, name in fault.names("hosts")]
    return set(resolve(names if get(fault.raw, "hosts") is not None else directory, directory))


def _overlap_problems(faults: Sequence[_Fault], directory: Directory) -> Iterator[Problem]:
    """A host that is down stands on no side; hosts that are drawn later cannot be judged. One problem a crash."""
    partitions = [fault for fault in faults if fault.kind == "partition"]
    sides = [resolve([name for side in _sides(each) for _, name in side], directory) for each in partitions]
    starts = np.array([each.start_seconds for each in partitions])
    ends = np.array([each.end_seconds for each in partitions])
    for crash in faults:
        # A smaller share of the hosts is drawn when the fault begins.
        if crash.kind != "crash" or not partitions or get(crash.raw, "share") not in (None, 1):
            continue
        hit = _hit(crash, directory)
        for place in np.flatnonzero((starts < crash.end_seconds) & (ends > crash.start_seconds)).tolist():
            if common := [host for host in sides[place] if host in hit]:
                yield _tell_overlap(crash, partitions[place], common)
                break


def _tell_overlap(crash: _Fault, partition: _Fault, common: Sequence[str]) -> Problem:
    others = f" and {len(common) - 1} more" if len(common) > 1 else ""
    message = (
        f'"{common[0]}"{others} would be down by faults.{crash.index} and on a side of the partition '
        f"faults.{partition.index} at once; let one end before the other begins, or leave the host out of one"
    )
    return Problem(("faults", max(crash.index, partition.index)), message)
